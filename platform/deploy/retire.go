package deploy

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/route"
	"github.com/lugsail/lugsail/platform/run"
)

// keepImages is how many of the releases that served last can be rolled back to.
const keepImages = 10

// route hands the running web replicas of the release that serves to the proxy.
func (c *Conductor) route(ctx context.Context, app platform.App, replicas []platform.Replica) error {
	before, serving := c.Routes.Targets(app.ID), route.Serving{Release: app.CurrentRelease}
	for _, replica := range replicas {
		if app.Addon && replica.State == platform.ReplicaRunning {
			serving.Address = replica.Address
		}
		if replica.Process != platform.WebProcess || replica.Address == "" || replica.State != platform.ReplicaRunning {
			continue
		}
		if address := c.addressOf(ctx, replica, before.Targets); address != "" {
			serving.Targets = append(serving.Targets, platform.Target{ID: replica.ID, Address: address})
		}
	}
	if len(serving.Targets) == 0 && serving.Release > 0 {
		r, err := c.currentRelease(ctx, app)
		serving.NoWeb = err == nil && !r.HasWeb()
		serving.Coming = !serving.NoWeb && app.Scale.Of(platform.WebProcess) > 0
	}
	return c.Routes.Serve(ctx, app.ID, serving)
}

// addressOf looks where a replica listens just now; "" when it does not. When the look fails,
// it is believed to listen where it did.
func (c *Conductor) addressOf(ctx context.Context, r platform.Replica, before []platform.Target) string {
	port := r.Port
	if port == 0 {
		listeners, err := c.Replicas.Inspector.Listeners(ctx, r.ID)
		if err != nil {
			return known(before, r)
		}
		port = run.ServingPort(listeners, run.WantedPort(r))
	}
	if port == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", r.Address, port)
}

func known(targets []platform.Target, r platform.Replica) string {
	for _, t := range targets {
		if t.ID == r.ID && strings.HasPrefix(t.Address, r.Address+":") {
			return t.Address
		}
	}
	return ""
}

// retireAfter ends the replicas that a switch has left over, and records it.
func (c *Conductor) retireAfter(app platform.App, r platform.Release, d platform.Deployment) {
	ctx := c.base
	began := c.now()
	step := platform.Step{DeploymentID: d.ID, Name: platform.StepRetire, Position: positionOf(d, platform.StepRetire), State: platform.StepRunning, StartedAt: &began}
	c.setStep(ctx, step)
	for c.Routes.Dirty() && ctx.Err() == nil {
		c.pause(time.Second / 4) // the proxy has not got the new routes yet
	}
	n, err := c.retireExtra(ctx, app, r)
	if ctx.Err() != nil || platform.IsKind(err, platform.NotFound) {
		return // the next start goes on, or the app has gone
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
	actual, err := c.staying(ctx, app.ID)
	if err != nil {
		return 0, err
	}
	taken, err := c.taken(ctx, app.ID)
	if err != nil {
		return 0, err
	}
	current, err := c.Apps.AppByID(ctx, app.ID)
	if err != nil || current.CurrentRelease != r.Number {
		return 0, err // a newer switch came in between; its own retiring does it
	}
	extra := slices.DeleteFunc(run.Compare(r, run.Wanted(r, current.Scale), actual).Extra, taken)
	return len(extra), c.retire(ctx, extra)
}

// taken knows the replicas that are not to be retired though nobody wants them: those of
// deployments under way, which are theirs alone, and those that requests are sent to, because a
// smaller scale is in the store before its deployment takes them off the routes.
func (c *Conductor) taken(ctx context.Context, appID string) (func(platform.Replica) bool, error) {
	unfinished, err := c.unfinishedOf(ctx, appID)
	if err != nil {
		return nil, err
	}
	routed := c.Routes.Targets(appID).Targets
	return func(r platform.Replica) bool {
		serves := r.State == platform.ReplicaRunning && slices.ContainsFunc(routed, func(t platform.Target) bool { return t.ID == r.ID })
		return serves || slices.ContainsFunc(unfinished, func(d platform.Deployment) bool { return d.ID == r.Deployment })
	}, nil
}

func (c *Conductor) unfinishedOf(ctx context.Context, appID string) ([]platform.Deployment, error) {
	all, err := c.Deployments.UnfinishedDeployments(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading deployments: %w", err)
	}
	return slices.DeleteFunc(all, func(d platform.Deployment) bool { return d.AppID != appID }), nil
}

// retire lets requests under way end, then stops the replicas, and keeps their last lines.
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
	keep := c.listen(ctx, replicas)
	err = c.stop(ctx, replicas, platform.MaxStopGrace*time.Second)
	keep(err == nil)
	return err
}

// stop ends an app's replicas on purpose, so that their end is nobody's failure.
func (c *Conductor) stop(ctx context.Context, replicas []platform.Replica, most time.Duration) error {
	if len(replicas) == 0 {
		return nil
	}
	grace := min(c.graceOf(ctx, replicas[0].AppID), most)
	for _, r := range replicas {
		c.gone.Store(r.ID, true)
		if r.State == platform.ReplicaRunning {
			c.Note(r.AppID, "%s of v%d is stopped: it got SIGTERM and has %d s to end", slotName(r), r.Release, int(grace.Seconds()))
		}
	}
	err := c.Replicas.Stop(ctx, replicas, grace, func(r platform.Replica) {
		c.Note(r.AppID, "%s of v%d did not end within %d s of SIGTERM and was killed", slotName(r), r.Release, int(grace.Seconds()))
	})
	for _, r := range replicas {
		if err != nil {
			c.gone.Delete(r.ID)
			continue
		}
		time.AfterFunc(time.Minute, func() { c.gone.Delete(r.ID) }) // its last event may come late
	}
	return err
}

func slotName(r platform.Replica) string { return run.Slot{Process: r.Process, Index: r.Index}.Name() }

// graceOf is how long an app's replicas have to end.
func (c *Conductor) graceOf(ctx context.Context, appID string) time.Duration {
	app, err := c.Apps.AppByID(ctx, appID)
	if err != nil && !platform.IsKind(err, platform.NotFound) {
		slog.WarnContext(ctx, "the time to end of an app not read", "app", appID, "error", err)
	}
	return app.Grace() // of the zero App the default
}

// leaving reports whether a replica is being ended on purpose.
func (c *Conductor) leaving(id string) bool {
	_, ok := c.gone.Load(id)
	return ok
}

// retain lets the builder drop the images that no release in reach needs. While another
// deployment of the app is under way it leaves that to its end: its image has no release yet.
func (c *Conductor) retain(ctx context.Context, app platform.App) {
	unfinished, err := c.unfinishedOf(ctx, app.ID)
	if err == nil && len(unfinished) > 0 {
		return
	}
	var images []string
	if err == nil {
		images, err = c.inReach(ctx, app.ID)
	}
	if err == nil {
		err = c.Builds.Retain(ctx, app.ID, images)
	}
	if err != nil && ctx.Err() == nil && !platform.IsKind(err, platform.NotFound) { // its app has gone
		slog.ErrorContext(ctx, "old images not dropped", "app", app.ID, "error", err)
	}
}

// InReach gives the images that are kept of an app: of the releases that served last, and of those in snapshots.
func (c *Conductor) InReach(ctx context.Context, appID string) ([]string, error) {
	return c.inReach(ctx, appID)
}

// Tidy drops an app's images that no release in reach needs. A deployment under way does that at its end.
func (c *Conductor) Tidy(ctx context.Context, app platform.App) { c.retain(ctx, app) }

// inReach gives the images of the releases that served last, and of those in snapshots. Others that never served do not
// count: however many there are, the one before stays.
func (c *Conductor) inReach(ctx context.Context, appID string) ([]string, error) {
	app, err := c.Apps.AppByID(ctx, appID)
	if err != nil {
		return nil, fmt.Errorf("reading the app: %w", err)
	}
	deployments, err := c.Deployments.DeploymentsOf(ctx, appID, 200)
	if err != nil {
		return nil, fmt.Errorf("reading deployments: %w", err)
	}
	var numbers []int
	if app.CurrentRelease > 0 {
		numbers = append(numbers, app.CurrentRelease)
	}
	for _, d := range deployments {
		if d.State == platform.DeploymentLive && d.Release > 0 && !slices.Contains(numbers, d.Release) && len(numbers) < keepImages {
			numbers = append(numbers, d.Release)
		}
	}
	if c.Kept != nil {
		kept, err := c.Kept(ctx, appID)
		if err != nil {
			return nil, fmt.Errorf("reading which releases snapshots have: %w", err)
		}
		numbers = append(numbers, kept...)
	}
	var images []string
	for _, n := range numbers {
		r, err := c.Apps.ReleaseWithoutVars(ctx, appID, n)
		if err != nil {
			return nil, fmt.Errorf("reading release %d: %w", n, err)
		}
		images = append(images, r.Image)
	}
	return images, nil
}
