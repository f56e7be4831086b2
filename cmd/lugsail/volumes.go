package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// volumes are the engine's, with their sizes, which are measured every minute, or less often where that takes long.
type volumes struct {
	*docker.Engine
	store *store.Store
	tell  func(ctx context.Context, appID, action, text string)
	told  map[string]plan.Layer // by app: what was said of its volumes
	hold  func(ctx context.Context, db platform.App, p platform.Plan, bytes int64)
	mu    sync.Mutex
	sizes map[string]int64
	came  map[string]int64 // by volume: what people have sent since it was measured
}

// closedVolumes makes the directory that holds those of all volumes; nobody but root passes through it.
func closedVolumes(dataDir string) error {
	dir := filepath.Join(dataDir, "volumes")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, 0o700)); err != nil {
		return fmt.Errorf("making the directory of volumes: %w", err)
	}
	return nil
}

// VolumeSize is what lies in a volume, in bytes of the disk; not known until it is measured.
func (v *volumes) VolumeSize(id string) (bytes int64, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	bytes, known = v.sizes[id]
	return bytes, known
}

func (v *volumes) run(ctx context.Context) error {
	for {
		began := time.Now()
		v.measure(ctx)
		v.judge(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(time.Minute, 20*time.Since(began))):
		}
	}
}

func (v *volumes) measure(ctx context.Context) {
	all, err := v.store.VolumesOf(ctx, "")
	if err != nil {
		slog.WarnContext(ctx, "volumes not measured", "error", err)
		return
	}
	before, sizes := v.sent(), map[string]int64{}
	for _, of := range all {
		sizes[of.ID] = disk.Taken(ctx, v.VolumeDirectory(of.ID))
	}
	if ctx.Err() == nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.sizes = sizes
		for id, bytes := range before { // is part of what was measured
			if v.came[id] -= bytes; v.came[id] == 0 {
				delete(v.came, id)
			}
		}
	}
}

// ofApps is what apps have in their volumes, by app.
func (v *volumes) ofApps(ctx context.Context) map[string]int64 {
	sums := map[string]int64{}
	all, err := v.store.VolumesOf(ctx, "")
	if err != nil {
		slog.WarnContext(ctx, "volumes not measured", "error", err)
	}
	for _, of := range all {
		bytes, _ := v.VolumeSize(of.ID)
		sums[of.AppID] += bytes
	}
	return sums
}

// judge tells when the volumes of an app hold four fifths of what its plan gives, and when they hold all.
func (v *volumes) judge(ctx context.Context) {
	for appID, bytes := range v.ofApps(ctx) {
		app, err := v.store.AppByID(ctx, appID)
		if err != nil {
			continue // it is being removed
		}
		p, err := plan.ByName(app.Plan)
		if err != nil {
			continue // of a newer Lugsail
		}
		if app.Addon && app.State == platform.AppActive {
			v.hold(ctx, app, p, bytes)
		}
		state := plan.LayerOf(p, bytes)
		if state == v.told[appID] {
			continue
		}
		v.told[appID] = state
		if action, text := volumesText(app, p, state, bytes); action != "" {
			v.tell(ctx, appID, action, text)
		}
	}
}

func volumesText(app platform.App, p platform.Plan, state plan.Layer, bytes int64) (action, text string) {
	held := fmt.Sprintf("The volumes of %s hold %s of the %s that the plan %s gives.", app.Name, platform.Bytes(bytes), platform.Bytes(p.Disk), p.Name)
	switch state {
	case plan.LayerNear:
		return "disk.volumes_near", held + " Delete files that are not needed, or choose a larger plan."
	case plan.LayerFull:
		if app.Addon {
			return "disk.volumes_full", held + " Choose a larger plan."
		}
		return "disk.volumes_full", held + " Nothing of them is taken away, but they take what other apps may need: delete files, or choose a larger plan."
	}
	return "", ""
}

// removeVolumes removes the files of all volumes of an app.
func (c *control) removeVolumes(ctx context.Context, appID string) error {
	all, err := c.store.VolumesOf(ctx, appID)
	for _, v := range all {
		err = errors.Join(err, c.engine.RemoveVolume(ctx, v.ID))
	}
	return err
}
