package deploy

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// keepEvery is how often all apps are looked at though nothing has told of a change.
const keepEvery = 30 * time.Second

// patience is how long the first table waits for apps that cannot be looked at, when others can.
const patience = time.Minute

// Run keeps the engine as the store says until ctx ends, and walks deployments.
func (c *Conductor) Run(ctx context.Context) error {
	c.mu.Lock()
	c.base = ctx
	c.mu.Unlock()
	defer c.tasks.Wait()
	if err := c.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it was starting
		}
		return err
	}
	c.tasks.Go(func() { c.follow(ctx) })
	look := time.NewTicker(orDefault(c.KeepEvery, keepEvery))
	defer look.Stop()
	repeat := time.NewTicker(time.Second)
	defer repeat.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			c.keepAll(ctx)
			if err := c.Routes.Verify(ctx); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "routes not verified", "error", err) // it restores what it had when it is back
			}
		case <-repeat.C:
			c.repeatRoutes(ctx, time.Since(began) > patience)
		}
	}
}

// begin adopts what runs, publishes the first table, and takes up what a crash has left. As
// long as the engine does not answer there is no first table: the proxy has a better one.
func (c *Conductor) begin(ctx context.Context) error {
	apps, err := c.Apps.Apps(ctx)
	if err != nil {
		return fmt.Errorf("reading apps: %w", err)
	}
	ids := make([]string, len(apps))
	for i, app := range apps {
		ids[i] = app.ID
	}
	if err := c.Routes.Begin(ctx, ids); err != nil {
		slog.ErrorContext(ctx, "routes not published", "error", err)
	}
	c.adopt(ctx)
	for _, app := range apps {
		c.takeUp(ctx, app)
	}
	c.tasks.Go(func() { c.keepAll(ctx) })
	return nil
}

// adopt routes every app that has not been looked at since the start, and changes nothing else.
func (c *Conductor) adopt(ctx context.Context) {
	for _, id := range c.Routes.Awaited() {
		err := c.adoptOne(ctx, id)
		if err == nil || ctx.Err() != nil {
			continue
		}
		slog.WarnContext(ctx, "app not looked at", "app", id, "error", err)
		if platform.IsKind(err, platform.Unavailable) {
			return // the next one would wait as long
		}
	}
}

func (c *Conductor) adoptOne(ctx context.Context, appID string) error {
	release, ok := c.tryHold(appID)
	if !ok {
		return nil // whoever is at it routes it
	}
	defer release()
	app, err := c.Apps.AppByID(ctx, appID)
	if platform.IsKind(err, platform.NotFound) || err == nil && app.State != platform.AppActive {
		return c.Routes.Forget(ctx, appID)
	}
	if err != nil {
		return err
	}
	actual, err := c.staying(ctx, appID)
	if err != nil {
		return err
	}
	return c.route(ctx, app, runningOf(actual, app.CurrentRelease))
}

// takeUp goes on with what a newly live release needs: to be watched, and to see the old replicas go.
func (c *Conductor) takeUp(ctx context.Context, app platform.App) {
	if app.State != platform.AppActive {
		return
	}
	recent, err := c.Deployments.DeploymentsOf(ctx, app.ID, 5)
	if err != nil {
		slog.ErrorContext(ctx, "deployments not read", "app", app.ID, "error", err)
		return
	}
	for _, d := range recent {
		if d.State != platform.DeploymentLive || d.Release != app.CurrentRelease || d.Kind.KeepsRelease() {
			continue
		}
		c.watchAgain(app, d)
		for _, step := range d.Steps {
			if step.Name == platform.StepRetire && step.State != platform.StepDone {
				c.retireAgain(ctx, app, d, step.State == platform.StepWaiting)
			}
		}
		return
	}
}

// retireAgain goes on behind a switch whose worker has died; fresh says that it had done nothing yet.
func (c *Conductor) retireAgain(ctx context.Context, app platform.App, d platform.Deployment, fresh bool) {
	r, err := c.currentRelease(ctx, app)
	switch {
	case err != nil:
		slog.ErrorContext(ctx, "old replicas not retired", "app", app.ID, "error", err) // the keeper does it
	case fresh:
		c.finishLive(ctx, app, d, r)
	default:
		c.tasks.Go(func() { c.retireAfter(app, r, d) })
	}
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
		if change.Action == "oom" {
			c.starve(change.ReplicaID)
		}
		if change.Action == "die" {
			c.tasks.Go(func() { c.noteEnd(ctx, change) })
			c.died(ctx, change)
		}
		c.soon(ctx, change.AppID, 50*time.Millisecond)
	})
	if err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "engine events ended", "error", err)
	}
}

// soon looks at an app after a moment, so that a burst of events costs one look. Of several
// wishes the earliest counts.
func (c *Conductor) soon(ctx context.Context, appID string, after time.Duration) {
	at := time.Now().Add(after)
	c.mu.Lock()
	defer c.mu.Unlock()
	if planned, ok := c.looks[appID]; ok && !at.Before(planned) {
		return
	}
	if c.looks == nil {
		c.looks = map[string]time.Time{}
	}
	c.looks[appID] = at
	c.tasks.Go(func() {
		select {
		case <-ctx.Done():
		case <-time.After(after):
			c.lookNow(ctx, appID, at)
		}
	})
}

// lookNow looks, unless an earlier look took the place of the planned one.
func (c *Conductor) lookNow(ctx context.Context, appID string, planned time.Time) {
	c.mu.Lock()
	mine := c.looks[appID].Equal(planned)
	if mine {
		delete(c.looks, appID)
	}
	c.mu.Unlock()
	if mine {
		c.keep(ctx, appID)
	}
}

func (c *Conductor) keepAll(ctx context.Context) {
	apps, err := c.Apps.Apps(ctx)
	if err != nil {
		slog.ErrorContext(ctx, "apps not read", "error", err)
		return
	}
	for _, app := range apps {
		c.keep(ctx, app.ID)
	}
	if c.round.Swap(c.now().UnixNano()) == 0 && c.Through != nil {
		c.Through()
	}
	c.wakeAll(ctx)
}

// Keeps tells when the keeper was last through all apps, and how often that should be; a zero
// time before the first.
func (c *Conductor) Keeps() (last time.Time, every time.Duration) {
	if at := c.round.Load(); at != 0 {
		last = time.Unix(0, at)
	}
	return last, orDefault(c.KeepEvery, keepEvery)
}

// keep makes one app's replicas what the store says. When somebody else is at it, it comes again.
func (c *Conductor) keep(ctx context.Context, appID string) {
	release, ok := c.tryHold(appID)
	if !ok {
		c.soon(ctx, appID, time.Second/2)
		return
	}
	defer release()
	err := c.keepHeld(ctx, appID)
	if err != nil && ctx.Err() == nil && !platform.IsKind(err, platform.NotFound) { // its app has gone
		slog.WarnContext(ctx, "app not as it should be", "app", appID, "error", err)
		c.soon(ctx, appID, 2*time.Second)
	}
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

// repeatRoutes publishes again what the proxy may have missed. late says that the first table
// has waited long enough for apps that cannot be looked at.
func (c *Conductor) repeatRoutes(ctx context.Context, late bool) {
	if !c.Routes.Dirty() {
		return
	}
	c.adopt(ctx)
	if err := c.Routes.Repeat(ctx, late); err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "routes not published", "error", err)
		return
	}
	if !c.Routes.Dirty() {
		c.tasks.Go(func() { c.keepAll(ctx) }) // what waited for the routes can be retired now
	}
}
