package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// How often the engine is asked for the replicas' states while somebody watches, and how much time
// changes have to come together.
const (
	lookAgain = 3 * time.Second
	gathering = 250 * time.Millisecond
)

// Watch calls fn each time something that can be seen of an app has changed since the version that its caller
// has seen: its rows, its deployments' steps, its replicas' states. An empty name means all apps that there are.
// Changes that come close together are one. It ends with ctx, or with fn's error.
func (s *Service) Watch(ctx context.Context, actor platform.Actor, name string, since int64, fn func() error) error {
	appID := ""
	if name != "" {
		app, err := s.find(ctx, actor, name, platform.ActionRead)
		if err != nil {
			return err
		}
		appID = app.ID
	}
	defer s.glances.join()()
	changed := s.Changes.Changed(appID)
	if s.Changes.Version() != since {
		if err := fn(); err != nil {
			return err
		}
	}
	seen := s.look(ctx, appID)
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
			if err := pause(ctx, gathering); err != nil {
				return err
			}
			changed = s.Changes.Changed(appID) // before fn's caller looks
			seen = s.look(ctx, appID)
		case <-again.C:
			now := s.look(ctx, appID)
			if now == seen {
				continue
			}
			seen = now
		}
		if err := fn(); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// look sums up what the engine shows of an app's replicas. All who watch share one look of a moment ago.
func (s *Service) look(ctx context.Context, appID string) string {
	all := s.glances.take(s.Now(), func() ([]platform.Replica, error) { return s.Engine.Replicas(ctx, "") })
	sum := ""
	if s.Shelf != nil {
		sum = s.Shelf.Doing() // how far snapshots are stands in no row
	}
	for _, r := range all {
		if appID == "" || r.AppID == appID {
			sum += fmt.Sprint(r.ID, r.State, r.Restarts, r.OutOfMemory, r.ExitCode, "\n")
		}
	}
	return sum
}

// glances keeps the last look at the engine while somebody watches.
type glances struct {
	mu       sync.Mutex
	watchers int
	at       time.Time
	replicas []platform.Replica
}

// join counts a watcher; with the last one the look is forgotten.
func (g *glances) join() (leave func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watchers++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.watchers--; g.watchers == 0 {
			g.at, g.replicas = time.Time{}, nil
		}
	}
}

// take looks when the last look is too old. What the engine does not tell stays as it was.
func (g *glances) take(now time.Time, look func() ([]platform.Replica, error)) []platform.Replica {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.at) < lookAgain/2 && !now.Before(g.at) {
		return g.replicas
	}
	g.at = now
	if replicas, err := look(); err == nil {
		g.replicas = replicas
	}
	return g.replicas
}
