package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// endServing takes an app's routes away and stops all of its replicas.
func (c *Conductor) endServing(ctx context.Context, appID string) (stopped int, err error) {
	if err := c.Routes.Forget(ctx, appID); err != nil {
		return 0, fmt.Errorf("taking its routes away: %w", err)
	}
	replicas, err := c.staying(ctx, appID)
	if err != nil {
		return 0, err
	}
	if err := c.retire(ctx, replicas); err != nil {
		return 0, fmt.Errorf("stopping replicas: %w", err)
	}
	return len(replicas), nil
}

// trash stops what runs of an app that is in the trash. That it is there was written down before, with
// this deployment; whatever a crash leaves undone here, the keeper does.
func (w *walk) trash(ctx context.Context) (string, error) {
	defer w.c.hold(w.app.ID)()
	app, err := w.c.Apps.AppByID(ctx, w.app.ID)
	if err != nil {
		return "", fmt.Errorf("reading the app: %w", err)
	}
	if app.State != platform.AppTrashed {
		w.say("%s was brought back before it stopped", app.Name)
		return "brought back", nil
	}
	w.say("Stopping %s", app.Name)
	stopped, err := w.c.endServing(ctx, app.ID)
	if err != nil {
		return "", err
	}
	if err := w.c.rest(ctx, app.ID); err != nil {
		return "", err
	}
	if err := w.c.Routes.Refresh(ctx); err != nil {
		slog.WarnContext(ctx, "routes not published", "error", err) // repeated until the proxy has them
	}
	w.say("%s is in the trash until %s. To bring it back: lugsail restore %s", app.Name, app.TrashEnds().Format("2 January 2006"), app.Name)
	return fmt.Sprintf("%d stopped", stopped), nil
}

// rest removes what an app in the trash does without.
func (c *Conductor) rest(ctx context.Context, appID string) error {
	for _, leave := range c.Rest {
		if err := leave(ctx, appID); err != nil {
			return fmt.Errorf("removing what the app does not need in the trash: %w", err)
		}
	}
	return nil
}

func (c *Conductor) finishTrash(ctx context.Context, app platform.App, d platform.Deployment) (recorded bool) {
	now := c.now()
	d, err := c.Deployments.UpdateDeployment(ctx, d.ID, func(d *platform.Deployment) error {
		d.State, d.EndedAt = platform.DeploymentLive, &now
		return nil
	})
	if err != nil {
		slog.ErrorContext(ctx, "end of deployment not recorded", "deployment", d.ID, "error", err)
		return false
	}
	c.event(ctx, app, d, "app.trashed", fmt.Sprintf("%s is in the trash", app.Name))
	return true
}

// comingBack reports whether an app is on its way out of the trash, or its data are on their way back. Its replicas are then the deployment's to start,
// which looks whether they are healthy; but an add-on takes its rows in while it runs.
func (c *Conductor) comingBack(ctx context.Context, app platform.App) (bool, error) {
	unfinished, err := c.unfinishedOf(ctx, app.ID)
	return slices.ContainsFunc(unfinished, func(d platform.Deployment) bool {
		return d.Kind == platform.DeployRestore || returning(d) || d.Via == platform.ViaBackup && !app.Addon
	}), err
}

// keepTrashed lets nothing run of an app in the trash, and removes it for good when its time is over. The
// caller holds the app.
func (c *Conductor) keepTrashed(ctx context.Context, app platform.App) error {
	if c.trashOver(app) {
		return errors.Join(c.Routes.Forget(ctx, app.ID), c.destroyAgain(ctx, app, "the time in the trash is over"))
	}
	unfinished, err := c.unfinishedOf(ctx, app.ID)
	if err != nil || len(unfinished) > 0 {
		return errors.Join(err, c.Routes.Forget(ctx, app.ID)) // what is under way ends first; the worker stops the rest
	}
	replicas, err := c.staying(ctx, app.ID)
	if err != nil || len(replicas) == 0 {
		return errors.Join(err, c.Routes.Forget(ctx, app.ID))
	}
	c.tasks.Go(func() { c.stopTrashed(app.ID) }) // it drains, and other apps must be looked after meanwhile
	return nil
}

// trashDoubt is how long an app's time in the trash must have been over. A server's clock that was wrong for a
// while, at its boot for example, must not be what ends somebody's data.
const trashDoubt = time.Hour

// trashOver measures the doubt by a clock that nobody sets.
func (c *Conductor) trashOver(app platform.App) bool {
	if ends := app.TrashEnds(); ends.IsZero() || c.now().Before(ends) {
		c.overdue.Delete(app.ID)
		return false
	}
	since, _ := c.overdue.LoadOrStore(app.ID, time.Now())
	return time.Since(since.(time.Time)) >= orDefault(c.TrashDoubt, trashDoubt)
}

// stopTrashed ends what runs of an app in the trash all the same.
func (c *Conductor) stopTrashed(appID string) {
	defer c.hold(appID)()
	ctx := c.base
	app, err := c.Apps.AppByID(ctx, appID)
	if err == nil && app.State != platform.AppTrashed {
		return // it came back, or has gone
	}
	if err == nil {
		if _, err = c.endServing(ctx, appID); err == nil {
			err = c.rest(ctx, appID)
		}
	}
	if err != nil && ctx.Err() == nil && !platform.IsKind(err, platform.NotFound) {
		slog.WarnContext(ctx, "an app in the trash still runs", "app", appID, "error", err) // the keeper comes again
	}
}

// destroy walks the line backwards: routes, replicas, what each part has of the app, its rows.
func (w *walk) destroy(ctx context.Context) (string, error) {
	defer w.c.hold(w.app.ID)()
	ctx = context.WithoutCancel(ctx)
	w.say("Removing %s", w.app.Name)
	if _, err := w.c.endServing(ctx, w.app.ID); err != nil {
		return "", err
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
