package deploy

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/route"
	"github.com/lugsail/lugsail/platform/run"
)

// keepImages is how many of an app's newest releases can be rolled back to.
const keepImages = 10

// route hands the running web replicas of a release to the proxy.
func (c *Conductor) route(ctx context.Context, app platform.App, r platform.Release, replicas []platform.Replica) error {
	serving := route.Serving{Release: r.Number}
	for _, replica := range replicas {
		if replica.Process != platform.WebProcess || replica.Address == "" || replica.State != platform.ReplicaRunning {
			continue
		}
		if port := c.portOf(ctx, replica); port != 0 {
			serving.Targets = append(serving.Targets, platform.Target{ID: replica.ID, Address: fmt.Sprintf("%s:%d", replica.Address, port)})
		}
	}
	if before := c.Routes.Targets(app.ID); len(serving.Targets) == 0 && before.Release == r.Number && r.Number > 0 && app.Scale.Of(platform.WebProcess) > 0 {
		return nil // its replicas are on their way back: as long as the proxy has a target, requests wait for it
	}
	return c.Routes.Serve(ctx, app.ID, serving)
}

// portOf looks where a replica listens just now.
func (c *Conductor) portOf(ctx context.Context, r platform.Replica) int {
	if r.Port != 0 {
		return r.Port
	}
	listeners, err := c.Replicas.Inspector.Listeners(ctx, r.ID)
	if err != nil {
		return 0 // it has just ended; its event brings the keeper
	}
	return run.ServingPort(listeners, run.DefaultPort)
}

// retireAfter ends the replicas that a switch has left over, and records it.
func (c *Conductor) retireAfter(app platform.App, r platform.Release, d platform.Deployment) {
	ctx := c.base
	began := c.now()
	step := platform.Step{DeploymentID: d.ID, Name: platform.StepRetire, Position: len(stepsOf(d.Kind)), State: platform.StepRunning, StartedAt: &began}
	c.setStep(ctx, step)
	n, err := c.retireExtra(ctx, app, r)
	if ctx.Err() != nil {
		return // the keeper of the next start goes on
	}
	ended := c.now()
	step.EndedAt, step.State, step.Detail = &ended, platform.StepDone, fmt.Sprintf("%d stopped", n)
	if err != nil {
		step.State, step.Detail = platform.StepFailed, "the keeper tries again"
		slog.ErrorContext(ctx, "old replicas not retired", "app", app.ID, "error", err)
	}
	c.setStep(ctx, step)
	c.retain(ctx, app)
}

func (c *Conductor) setStep(ctx context.Context, step platform.Step) {
	if err := c.Deployments.SetStep(ctx, step); err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "step not recorded", "deployment", step.DeploymentID, "step", step.Name, "error", err)
	}
}

// retireExtra drains and stops every replica that the serving release does not want.
func (c *Conductor) retireExtra(ctx context.Context, app platform.App, r platform.Release) (int, error) {
	if c.Routes.Dirty() {
		return 0, fmt.Errorf("the proxy has not got the new routes yet")
	}
	actual, err := c.Replicas.Engine.Replicas(ctx, app.ID)
	if err != nil {
		return 0, fmt.Errorf("looking at replicas: %w", err)
	}
	claimed, err := c.claimed(ctx, app.ID)
	if err != nil {
		return 0, err
	}
	current, err := c.Apps.AppByID(ctx, app.ID)
	if err != nil || current.CurrentRelease != r.Number {
		return 0, err // a newer switch came in between; its own retiring does it
	}
	var extra []platform.Replica
	for _, replica := range run.Compare(r, run.Wanted(r, current.Scale), actual).Extra {
		if !claimed[replica.Deployment] && !c.leaving(replica.ID) {
			extra = append(extra, replica)
		}
	}
	return len(extra), c.retire(ctx, extra)
}

// claimed gives the deployments under way, whose replicas are theirs alone.
func (c *Conductor) claimed(ctx context.Context, appID string) (map[string]bool, error) {
	unfinished, err := c.Deployments.UnfinishedDeployments(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading deployments: %w", err)
	}
	claimed := map[string]bool{}
	for _, d := range unfinished {
		if d.AppID == appID {
			claimed[d.ID] = true
		}
	}
	return claimed, nil
}

// retire lets requests under way end, then stops the replicas.
func (c *Conductor) retire(ctx context.Context, replicas []platform.Replica) error {
	if len(replicas) == 0 {
		return nil
	}
	ids := make([]string, len(replicas))
	for i, r := range replicas {
		ids[i] = r.ID
		c.gone.Store(r.ID, true)
	}
	left, err := c.Drainer.Drain(ctx, ids, orDefault(c.DrainTime, 30*time.Second))
	if err != nil {
		slog.WarnContext(ctx, "drain not observed", "error", err)
	}
	if left > 0 {
		slog.WarnContext(ctx, "requests cut at the end of the drain time", "requests", left)
	}
	return c.stop(ctx, replicas)
}

// stop ends replicas on purpose, so that their end is nobody's failure.
func (c *Conductor) stop(ctx context.Context, replicas []platform.Replica) error {
	for _, r := range replicas {
		c.gone.Store(r.ID, true)
	}
	err := c.Replicas.Stop(ctx, replicas)
	for _, r := range replicas {
		if err != nil {
			c.gone.Delete(r.ID)
			continue
		}
		time.AfterFunc(time.Minute, func() { c.gone.Delete(r.ID) }) // its last event may come late
	}
	return err
}

// leaving reports whether a replica is being ended on purpose.
func (c *Conductor) leaving(id string) bool {
	_, ok := c.gone.Load(id)
	return ok
}

// retain lets the builder drop the images that no release in reach needs.
func (c *Conductor) retain(ctx context.Context, app platform.App) {
	releases, err := c.Apps.ReleasesOf(ctx, app.ID, keepImages)
	if err != nil {
		slog.ErrorContext(ctx, "releases not read", "app", app.ID, "error", err)
		return
	}
	var images []string
	for _, r := range releases {
		images = append(images, r.Image)
	}
	if current, err := c.Apps.AppByID(ctx, app.ID); err == nil && current.CurrentRelease > 0 {
		if r, err := c.Apps.ReleaseByNumber(ctx, app.ID, current.CurrentRelease); err == nil {
			images = append(images, r.Image)
		}
	}
	if err := c.Builds.Builder.Retain(ctx, app.ID, images); err != nil && ctx.Err() == nil {
		slog.ErrorContext(ctx, "old images not dropped", "app", app.ID, "error", err)
	}
}

// destroy walks the line backwards: routes, replicas, what each part has of the app, its rows.
func (w *walk) destroy(ctx context.Context) (string, error) {
	defer w.c.hold(w.app.ID)()
	ctx = context.WithoutCancel(ctx)
	w.say("Removing %s", w.app.Name)
	if err := w.c.Routes.Forget(ctx, w.app.ID); err != nil {
		return "", fmt.Errorf("taking its routes away: %w", err)
	}
	replicas, err := w.c.Replicas.Engine.Replicas(ctx, w.app.ID)
	if err != nil {
		return "", fmt.Errorf("looking at replicas: %w", err)
	}
	if err := w.c.retire(ctx, replicas); err != nil {
		return "", fmt.Errorf("stopping replicas: %w", err)
	}
	for _, leave := range w.c.Leave {
		if err := leave(ctx, w.app.ID); err != nil {
			return "", fmt.Errorf("removing what the app left: %w", err)
		}
	}
	if err := w.c.Apps.DeleteApp(ctx, w.app.ID); err != nil {
		return "", fmt.Errorf("removing the app's rows: %w", err)
	}
	if err := w.c.Routes.Refresh(ctx); err != nil {
		slog.WarnContext(ctx, "routes not published", "error", err) // repeated until the proxy has them
	}
	w.c.event(ctx, w.app, w.d, "app.destroyed", fmt.Sprintf("%s was destroyed", w.app.Name))
	return "removed", nil
}
