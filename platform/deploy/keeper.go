package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

// keepHeld makes an app's replicas what the store says. The caller holds the app.
func (c *Conductor) keepHeld(ctx context.Context, appID string) error {
	app, err := c.Apps.AppByID(ctx, appID)
	if err != nil {
		return err
	}
	if app.State == platform.AppDestroying {
		return errors.Join(c.Routes.Forget(ctx, appID), c.destroyAgain(ctx, app, "destroy"))
	}
	if app.State == platform.AppTrashed {
		return c.keepTrashed(ctx, app)
	}
	actual, err := c.staying(ctx, appID)
	if err != nil {
		return err
	}
	current, err := c.currentRelease(ctx, app)
	if err != nil { // what runs goes on serving, whatever it is that cannot be read
		return errors.Join(err, c.route(ctx, app, runningOf(actual, app.CurrentRelease)))
	}
	if err := c.provenFirst(ctx, appID, actual); err != nil {
		return err
	}
	diff := run.Compare(current, run.Wanted(current, app.Scale), actual)
	routeErr := c.route(ctx, app, diff.Have)
	c.Replicas.Keep(ctx, diff.Have)
	if len(diff.Missing) > 0 {
		coming, err := c.comingBack(ctx, app)
		if err != nil || coming {
			return errors.Join(routeErr, err)
		}
	}
	missing := c.startMissing(ctx, app, current, diff.Missing)
	settling := c.settling(diff.Have, c.Routes.Targets(appID).Targets)
	if next := sooner(missing, settling); next > 0 {
		c.soon(ctx, appID, next)
	}
	return errors.Join(routeErr, c.dropExtra(ctx, appID, diff.Extra))
}

// staying looks at an app's replicas, without those that are being ended on purpose: they are
// as good as gone.
func (c *Conductor) staying(ctx context.Context, appID string) ([]platform.Replica, error) {
	all, err := c.Replicas.Engine.Replicas(ctx, appID)
	if err != nil {
		return nil, fmt.Errorf("looking at replicas: %w", err)
	}
	return slices.DeleteFunc(all, func(r platform.Replica) bool { return c.leaving(r.ID) }), nil
}

// currentRelease gives what serves; the zero Release before the first.
func (c *Conductor) currentRelease(ctx context.Context, app platform.App) (platform.Release, error) {
	if app.CurrentRelease == 0 {
		return platform.Release{}, nil
	}
	r, err := c.Apps.ReleaseByNumber(ctx, app.ID, app.CurrentRelease)
	if err != nil {
		return r, fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
	}
	return r, nil
}

func runningOf(replicas []platform.Replica, release int) []platform.Replica {
	return slices.DeleteFunc(slices.Clone(replicas), func(r platform.Replica) bool {
		return r.Release != release || r.State != platform.ReplicaRunning
	})
}

// destroyAgain takes up a removal that was asked for and did not come to its end.
func (c *Conductor) destroyAgain(ctx context.Context, app platform.App, cause string) error {
	unfinished, err := c.unfinishedOf(ctx, app.ID)
	if err != nil {
		return err
	}
	for _, d := range unfinished {
		if d.Kind == platform.DeployDestroy {
			return nil
		}
	}
	if wait := c.backoff.due("destroy/"+app.ID, c.now()); wait > 0 {
		c.soon(ctx, app.ID, wait)
		return nil
	}
	_, err = c.Start(ctx, platform.Deployment{
		AppID: app.ID, Kind: platform.DeployDestroy, Cause: cause, Actor: platform.System().Name, Via: platform.System().Via,
	})
	return err
}

// startMissing starts what is wanted and not there, and tells when to look again; 0 is never.
func (c *Conductor) startMissing(ctx context.Context, app platform.App, r platform.Release, missing []run.Slot) (next time.Duration) {
	for _, slot := range missing {
		wait := c.backoff.due(fmt.Sprintf("%s/%d/%s", app.ID, r.Number, slot.Name()), c.now())
		if wait > 0 {
			next = sooner(next, wait)
			continue
		}
		slog.InfoContext(ctx, "starting a missing replica", "app", app.ID, "release", r.Number, "replica", slot.Name())
		if _, err := c.Replicas.Start(ctx, app, r, "", slot); err != nil {
			slog.ErrorContext(ctx, "missing replica not started", "app", app.ID, "replica", slot.Name(), "error", err)
		}
		next = sooner(next, shortly)
	}
	return next
}

// shortly is when the keeper looks again at what it has just started.
const shortly = 250 * time.Millisecond

// settling tells when to look again at web replicas that run and are not routed yet, because
// they have no open port so far: soon after their start, and then less and less often. 0 is never.
func (c *Conductor) settling(have []platform.Replica, targets []platform.Target) (next time.Duration) {
	routed := map[string]bool{}
	for _, t := range targets {
		routed[t.ID] = true
	}
	for _, r := range have {
		if r.Process == platform.WebProcess && r.State == platform.ReplicaRunning && !routed[r.ID] {
			age := c.now().Sub(r.StartedAt)
			next = sooner(next, min(max(shortly, age/10), 10*time.Second))
		}
	}
	return next
}

// sooner is the smaller of two waits, of which 0 means none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// dropExtra retires what nobody wants and no deployment is working on, in the background.
func (c *Conductor) dropExtra(ctx context.Context, appID string, extra []platform.Replica) error {
	if len(extra) == 0 || c.Routes.Dirty() {
		return nil
	}
	taken, err := c.taken(ctx, appID)
	if err != nil {
		return err
	}
	drop := slices.DeleteFunc(extra, taken)
	if len(drop) == 0 {
		return nil
	}
	c.tasks.Go(func() {
		if err := c.retire(ctx, drop); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "extra replicas not retired", "app", appID, "error", err)
		}
	})
	return nil
}
