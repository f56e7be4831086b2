package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/internal/host"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// diskMeter measures who takes the disk, once a minute at most: it reads many directories.
type diskMeter struct {
	c    *control
	mu   sync.Mutex
	at   time.Time
	uses []observe.DiskUse
}

func (m *diskMeter) Disks(ctx context.Context) []observe.Disk {
	facts, err := m.c.engine.Facts(ctx)
	if err != nil {
		slog.InfoContext(ctx, "the engine's disk is not known", "error", err)
	}
	return disksOf(m.c.cfg.DataDir, facts.Root)
}

func (m *diskMeter) Uses(ctx context.Context) []observe.DiskUse {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.at) > time.Minute {
		m.uses, m.at = m.measure(ctx), time.Now()
	}
	return slices.Clone(m.uses)
}

// forget lets the next question be measured anew.
func (m *diskMeter) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = time.Time{}
}

func (m *diskMeter) measure(ctx context.Context) []observe.DiskUse {
	data := m.c.cfg.DataDir
	at := func(parts ...string) string { return filepath.Join(append([]string{data}, parts...)...) }
	all := []observe.DiskUse{
		{Kind: "database", Bytes: disk.Taken(ctx, at(store.File)) + disk.Taken(ctx, at(store.File+"-wal"))},
		{Kind: "copies", Bytes: disk.Taken(ctx, at("copies"))},
		{Kind: "snapshots", Bytes: disk.Taken(ctx, at("snapshots"))},
		{Kind: "logs", Bytes: disk.Taken(ctx, at("logs"))},
		{Kind: "registry", Bytes: disk.Taken(ctx, at("registry"))},
		{Kind: "sources", Bytes: disk.Taken(ctx, at("sources")) + disk.Taken(ctx, at("uploads"))},
		{Kind: "certificates", Bytes: disk.Taken(ctx, at("proxy"))},
		{Kind: "ballast", Bytes: disk.Taken(ctx, at("ballast"))},
		{Kind: "builds", Bytes: disk.Taken(ctx, at("builds", "depot"))},
	}
	for kind, dir := range map[string]string{"cache": at("builds", "apps"), "repository": at("repositories")} {
		for name, bytes := range disk.Children(ctx, dir) {
			all = append(all, observe.DiskUse{App: strings.TrimSuffix(name, ".git"), Kind: kind, Bytes: bytes})
		}
	}
	used, err := m.c.engine.Usage(ctx)
	if err != nil {
		slog.WarnContext(ctx, "what Docker holds is not measured", "error", err)
	}
	for app, bytes := range used.Images {
		all = append(all, observe.DiskUse{App: app, Kind: "images", Bytes: bytes})
	}
	for app, bytes := range used.Layers {
		all = append(all, observe.DiskUse{App: app, Kind: "written", Bytes: bytes})
	}
	for app, bytes := range m.c.volumes.ofApps(ctx) {
		all = append(all, observe.DiskUse{App: app, Kind: "volumes", Bytes: bytes})
	}
	return append(all, observe.DiskUse{Kind: "shared", Bytes: used.Shared}, observe.DiskUse{Kind: "foreign", Bytes: used.Foreign})
}

// engineRoot is where the engine's disk is, also when it does not answer.
func engineRoot(ctx context.Context, cfg config.Config) string {
	return host.EngineRoot(ctx, strings.TrimPrefix(cfg.DockerHost, "unix://"))
}

// giveBack makes room on full disks before anything is opened that needs some: neither a database nor
// an engine starts without.
func giveBack(ctx context.Context, cfg config.Config) (said []string) {
	asking, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	said = disk.GiveBack(ctx, filled(cfg.DataDir, engineRoot(asking, cfg)))
	for _, text := range said {
		slog.WarnContext(ctx, text)
	}
	return said
}

func filled(dirs ...string) []string {
	return slices.DeleteFunc(dirs, func(dir string) bool { return dir == "" })
}

// runSafeBallast keeps the room in safe mode too, where nothing can be recorded.
func runSafeBallast(ctx context.Context, cfg config.Config) error {
	dirs := filled(cfg.DataDir, engineRoot(ctx, cfg))
	return disk.Ballast{
		Tell: func(ctx context.Context, _, text string) { slog.WarnContext(ctx, text) },
		Dirs: func(context.Context) []string { return dirs },
	}.Run(ctx)
}

// runBallast keeps room on the disks of the data and of the engine.
func (c *control) runBallast(ctx context.Context) error {
	root := ""
	return disk.Ballast{
		Tell: func(ctx context.Context, action, text string) {
			slog.WarnContext(ctx, text)
			c.tell(ctx, "", action, text)
		},
		Dirs: func(ctx context.Context) []string {
			if root == "" {
				if facts, err := c.engine.Facts(ctx); err == nil { // asked again when it does not answer
					root = facts.Root
				}
			}
			return filled(c.cfg.DataDir, root)
		},
	}.Run(ctx)
}

// tell records an event of the server itself.
func (c *control) tell(ctx context.Context, appID, action, text string) {
	actor := platform.System()
	e := &platform.Event{At: time.Now(), Actor: actor.Name, Via: actor.Via, Action: action, AppID: appID, Text: text}
	if a, err := c.store.AppByID(ctx, appID); appID != "" && err == nil {
		e.App = a.Name
	}
	if err := c.store.AppendEvent(ctx, e); err != nil {
		slog.ErrorContext(ctx, "event not recorded", "action", action, "error", err)
	}
}

// pruneDaily drops old rows of history.
func (c *control) pruneDaily(ctx context.Context) error {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		if n, err := c.store.Prune(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "old history not dropped", "error", err)
		} else if n > 0 {
			slog.InfoContext(ctx, "old history dropped", "rows", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
