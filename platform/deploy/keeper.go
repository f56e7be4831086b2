package deploy

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

// Run keeps the engine as the store says until ctx ends, and walks deployments.
func (c *Conductor) Run(ctx context.Context) error {
	c.mu.Lock()
	c.base = ctx
	c.mu.Unlock()
	defer c.tasks.Wait()
	if err := c.begin(ctx); err != nil {
		return err
	}
	c.tasks.Go(func() { c.follow(ctx) })
	look := time.NewTicker(orDefault(c.KeepEvery, 30*time.Second))
	defer look.Stop()
	repeat := time.NewTicker(time.Second)
	defer repeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			c.keepAll(ctx)
		case <-repeat.C:
			c.repeatRoutes(ctx)
		}
	}
}

// begin adopts what runs, publishes the first table, and takes up what a crash has left.
func (c *Conductor) begin(ctx context.Context) error {
	apps, err := c.Apps.Apps(ctx)
	if err != nil {
		return fmt.Errorf("reading apps: %w", err)
	}
	for _, app := range apps {
		c.keep(ctx, app)
		c.watchAgain(ctx, app)
	}
	if err := c.Routes.Ready(ctx); err != nil {
		slog.ErrorContext(ctx, "routes not published", "error", err)
	}
	c.wakeAll(ctx)
	return nil
}

// follow hears of replicas that begin and end.
func (c *Conductor) follow(ctx context.Context) {
	err := c.Watcher.Watch(ctx, func(change platform.ReplicaChange) {
		if change.Action == "resync" {
			c.tasks.Go(func() { c.keepAll(ctx) })
			return
		}
		if c.leaving(change.ReplicaID) {
			return
		}
		if change.Action == "die" {
			c.died(ctx, change)
		}
		c.soon(ctx, change.AppID, 50*time.Millisecond)
	})
	if err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "engine events ended", "error", err)
	}
}

// soon looks at an app after a moment, so that a burst of events costs one look.
func (c *Conductor) soon(ctx context.Context, appID string, after time.Duration) {
	if _, pending := c.looks.LoadOrStore(appID, true); pending {
		return
	}
	c.tasks.Go(func() {
		select {
		case <-ctx.Done():
		case <-time.After(after):
			c.looks.Delete(appID)
			if app, err := c.Apps.AppByID(ctx, appID); err == nil {
				c.keep(ctx, app)
			}
		}
	})
}

func (c *Conductor) keepAll(ctx context.Context) {
	apps, err := c.Apps.Apps(ctx)
	if err != nil {
		slog.ErrorContext(ctx, "apps not read", "error", err)
		return
	}
	for _, app := range apps {
		c.keep(ctx, app)
	}
	c.wakeAll(ctx)
}

// wakeAll tells the workers of all unfinished deployments.
func (c *Conductor) wakeAll(ctx context.Context) {
	unfinished, err := c.Deployments.UnfinishedDeployments(ctx)
	if err != nil {
		slog.ErrorContext(ctx, "unfinished deployments not read", "error", err)
		return
	}
	for _, d := range unfinished {
		c.wake(d.AppID)
	}
}

func (c *Conductor) repeatRoutes(ctx context.Context) {
	if !c.Routes.Dirty() {
		return
	}
	if err := c.Routes.Refresh(ctx); err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "routes not published", "error", err)
		return
	}
	c.tasks.Go(func() { c.keepAll(ctx) }) // what waited for the routes can be retired now
}

// keep makes one app's replicas what the store says, unless a deployment is at it.
func (c *Conductor) keep(ctx context.Context, app platform.App) {
	release, ok := c.tryHold(app.ID)
	if !ok {
		return
	}
	defer release()
	if err := c.keepHeld(ctx, app.ID); err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "app not as it should be", "app", app.ID, "error", err)
		c.soon(ctx, app.ID, 2*time.Second)
	}
}

func (c *Conductor) keepHeld(ctx context.Context, appID string) error {
	app, err := c.Apps.AppByID(ctx, appID)
	if err != nil || app.State != platform.AppActive {
		return err
	}
	var current platform.Release
	if app.CurrentRelease > 0 {
		if current, err = c.Apps.ReleaseByNumber(ctx, appID, app.CurrentRelease); err != nil {
			return fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
		}
	}
	actual, err := c.Replicas.Engine.Replicas(ctx, appID)
	if err != nil {
		return fmt.Errorf("looking at replicas: %w", err)
	}
	diff := run.Compare(current, run.Wanted(current, app.Scale), actual)
	if err := c.route(ctx, app, current, diff.Have); err != nil {
		return err
	}
	c.Replicas.Keep(ctx, diff.Have)
	if c.startMissing(ctx, app, current, diff.Missing) || unsettled(diff.Have, c.Routes.Targets(appID).Targets) {
		c.soon(ctx, appID, 250*time.Millisecond)
	}
	return c.dropExtra(ctx, appID, diff.Extra)
}

// startMissing starts what is wanted and not there; true when there is more to see soon.
func (c *Conductor) startMissing(ctx context.Context, app platform.App, r platform.Release, missing []run.Slot) bool {
	more := false
	for _, slot := range missing {
		key := fmt.Sprintf("%s/%d/%s", app.ID, r.Number, slot.Name())
		if !c.backoff.due(key, c.now()) {
			more = true
			continue
		}
		slog.InfoContext(ctx, "starting a missing replica", "app", app.ID, "release", r.Number, "replica", slot.Name())
		if _, err := c.Replicas.Start(ctx, app, r, "", slot); err != nil {
			slog.ErrorContext(ctx, "missing replica not started", "app", app.ID, "replica", slot.Name(), "error", err)
		}
		more = true
	}
	return more
}

// unsettled reports whether a web replica runs that is not routed yet: it has no open port so far.
func unsettled(have []platform.Replica, targets []platform.Target) bool {
	routed := map[string]bool{}
	for _, t := range targets {
		routed[t.ID] = true
	}
	for _, r := range have {
		if r.Process == platform.WebProcess && r.State == platform.ReplicaRunning && !routed[r.ID] {
			return true
		}
	}
	return false
}

// dropExtra retires what nobody wants and no deployment is working on, in the background.
func (c *Conductor) dropExtra(ctx context.Context, appID string, extra []platform.Replica) error {
	if len(extra) == 0 || c.Routes.Dirty() {
		return nil
	}
	claimed, err := c.claimed(ctx, appID)
	if err != nil {
		return err
	}
	var drop []platform.Replica
	for _, r := range extra {
		if !c.leaving(r.ID) && (r.Deployment == "" || !claimed[r.Deployment]) {
			drop = append(drop, r)
		}
	}
	if len(drop) > 0 {
		c.tasks.Go(func() {
			if err := c.retire(ctx, drop); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "extra replicas not retired", "app", appID, "error", err)
			}
		})
	}
	return nil
}

// backoff spaces out the starts of a replica that keeps ending: 1, 2, 4 … 60 seconds.
type backoff struct {
	mu   sync.Mutex
	next map[string]time.Time
	gap  map[string]time.Duration
}

// due reports whether a start is due and, when it is, counts it.
func (b *backoff) due(key string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next, b.gap = map[string]time.Time{}, map[string]time.Duration{}
	}
	next := b.next[key]
	if now.Before(next) {
		return false
	}
	gap := b.gap[key] * 2
	if gap == 0 || now.Sub(next) > 2*time.Minute { // it ran well for a while
		gap = time.Second
	}
	b.gap[key] = min(gap, time.Minute)
	b.next[key] = now.Add(b.gap[key])
	return true
}
