package deploy

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// watch is the first minute of a release, in which its death brings the one before back.
type watch struct {
	deployment string
	release    int
	liveAt     time.Time
}

// watchAfter begins to watch a release that a person brought live.
func (c *Conductor) watchAfter(app platform.App, d platform.Deployment) {
	if d.Via == "system" || d.Kind.KeepsRelease() || d.Kind.BringsData() {
		return // an automatic return is not returned from, and code does not return away from its data
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watched == nil {
		c.watched = map[string]watch{}
	}
	c.watched[app.ID] = watch{deployment: d.ID, release: app.CurrentRelease, liveAt: c.now()}
}

// watchAgain goes on watching after a restart of the control plane.
func (c *Conductor) watchAgain(app platform.App, d platform.Deployment) {
	c.watchAfter(app, d)
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.watched[app.ID]; ok && d.EndedAt != nil {
		w.liveAt = *d.EndedAt
		c.watched[app.ID] = w
	}
}

// died returns to the release before when the watched one has lost a replica.
func (c *Conductor) died(ctx context.Context, change platform.ReplicaChange) {
	c.mu.Lock()
	w, ok := c.watched[change.AppID]
	c.mu.Unlock()
	after := c.now().Sub(w.liveAt)
	if !ok || after > orDefault(c.WatchTime, time.Minute) {
		return
	}
	r, err := c.Replicas.Engine.Replica(ctx, change.ReplicaID)
	if err != nil || r.Release != w.release {
		return
	}
	c.mu.Lock()
	delete(c.watched, change.AppID)
	c.mu.Unlock()
	if err := c.comeBack(ctx, change, r, w, after); err != nil {
		slog.ErrorContext(ctx, "automatic rollback not started", "app", change.AppID, "error", err)
	}
}

func (c *Conductor) comeBack(ctx context.Context, change platform.ReplicaChange, r platform.Replica, w watch, after time.Duration) error {
	app, err := c.Apps.AppByID(ctx, change.AppID)
	if err != nil || app.CurrentRelease != w.release || app.State != platform.AppActive {
		return err
	}
	before, err := c.Before(ctx, app)
	if err != nil || before == 0 {
		return err // the first release has nothing to go back to
	}
	_, err = c.Start(ctx, platform.Deployment{
		AppID: app.ID, Kind: platform.DeployRollback, FromRelease: before, Actor: platform.System().Name, Via: "system",
		Cause: fmt.Sprintf(platform.AutomaticReturn+"v%d: %s.%d of v%d ended with exit code %d, %d s after it went live",
			before, r.Process, r.Index, w.release, change.ExitCode, int(after.Seconds())),
	})
	return err
}

// Before gives the release that served before the current one; 0 when there was none.
func (c *Conductor) Before(ctx context.Context, app platform.App) (int, error) {
	deployments, err := c.Deployments.DeploymentsOf(ctx, app.ID, 200)
	if err != nil {
		return 0, fmt.Errorf("reading deployments: %w", err)
	}
	for _, d := range deployments {
		if d.State == platform.DeploymentLive && d.Release != 0 && d.Release < app.CurrentRelease {
			return d.Release, nil
		}
	}
	return 0, nil
}
