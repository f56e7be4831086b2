package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// finish writes down how a walk ended and leaves the rest to the background. stopped says
// that a person cancelled it.
func (w *walk) finish(ctx context.Context, err error, stopped bool) (recorded bool) {
	ctx = context.WithoutCancel(ctx)
	switch {
	case w.d.Kind == platform.DeployDestroy && err == nil:
		return true // its rows are gone with the app
	case w.d.Kind == platform.DeployTrash && err == nil:
		return w.c.finishTrash(ctx, w.app, w.d)
	case w.live:
		w.c.finishLive(ctx, w.app, w.d, w.release)
		return true
	case stopped:
		w.undoneStep(ctx)
		return w.c.close(ctx, w.d, platform.DeploymentCancelled, cancelled(w.d))
	case errors.Is(err, errOvertaken):
		return w.c.close(ctx, w.d, platform.DeploymentReplaced, errOvertaken)
	case errors.Is(err, errNothingServes):
		return w.c.close(ctx, w.d, platform.DeploymentCancelled, errNothingServes)
	}
	e := platform.AsError(err)
	if e.Code == nothingNew {
		return w.c.close(ctx, w.d, platform.DeploymentCancelled, e)
	}
	if e.Kind == platform.Internal {
		slog.ErrorContext(ctx, "deployment failed", "deployment", w.d.ID, "error", err)
	}
	if w.d.Kind.TakesAway() {
		e = e.WithHint("Lugsail goes on trying by itself. The server's log has the details: lugsail service logs.")
	}
	w.undoneStep(ctx)
	return w.c.close(ctx, w.d, platform.DeploymentFailed, e)
}

// finishLive does what a switch leaves to do, here or after a crash.
func (c *Conductor) finishLive(ctx context.Context, app platform.App, d platform.Deployment, r platform.Release) {
	d.State, d.Release = platform.DeploymentLive, r.Number
	c.event(ctx, app, d, "deployment.live", fmt.Sprintf("v%d is live: %s", r.Number, d.Cause))
	c.dropSource(ctx, d)
	c.watchAfter(app, d)
	c.tasks.Go(func() { c.retireAfter(app, r, d) })
}

// dropSource lets go of what was handed in for a deployment that has ended.
func (c *Conductor) dropSource(ctx context.Context, d platform.Deployment) {
	if d.Source.Dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if c.Settle != nil {
		if err := c.Settle(ctx, d); err != nil {
			slog.ErrorContext(ctx, "the source of a deployment was not settled", "deployment", d.ID, "error", err)
		}
	}
	if err := os.RemoveAll(d.Source.Dir); err != nil {
		slog.ErrorContext(ctx, "source tree not removed", "dir", d.Source.Dir, "error", err)
	}
}

// undoneStep marks the start of replicas, when that had succeeded and was taken back.
func (w *walk) undoneStep(ctx context.Context) {
	began, ok := w.started[platform.StepStart]
	if !ok || len(w.fresh) == 0 {
		return
	}
	now := w.c.now()
	w.record(ctx, platform.Step{Name: platform.StepStart, State: platform.StepUndone, Detail: "stopped again", StartedAt: &began, EndedAt: &now})
}

// close ends a deployment that did not become live.
func (c *Conductor) close(ctx context.Context, d platform.Deployment, state platform.DeploymentState, e *platform.Error) (recorded bool) {
	err := c.end(ctx, d, "", state, e)
	if err != nil {
		slog.ErrorContext(ctx, "end of deployment not recorded", "deployment", d.ID, "state", state, "error", err)
	}
	return err == nil
}

var errNotThere = errors.New("the deployment is in another state")

// end writes down that a deployment ended without becoming live, with its reason. It must be
// in the state from, which "" does not ask.
func (c *Conductor) end(ctx context.Context, d platform.Deployment, from, state platform.DeploymentState, e *platform.Error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if from == "" {
		c.lastLine(d, e) // first, because followers leave with the end
	}
	now := c.now()
	d, err := c.Deployments.UpdateDeployment(ctx, d.ID, func(d *platform.Deployment) error {
		if from != "" && d.State != from {
			return errNotThere
		}
		d.State, d.EndedAt = state, &now
		d.FailureCode, d.FailureText, d.FailureHint = e.Code, e.Message, e.Hint
		return nil
	})
	if err != nil {
		return err
	}
	if from != "" {
		c.lastLine(d, e)
	}
	c.dropSource(ctx, d)
	app, err := c.Apps.AppByID(ctx, d.AppID)
	if err != nil {
		return nil // the app is gone, and nobody reads its events
	}
	c.event(ctx, app, d, "deployment."+string(state), fmt.Sprintf("Deployment %d (%s): %s", d.Number, d.Cause, e.Message))
	c.clearAway(app, d)
	return nil
}

// clearAway drops in the background what a deployment may have left on the engine: replicas
// that a crash kept from being undone, and the image of a release that never served.
func (c *Conductor) clearAway(app platform.App, d platform.Deployment) {
	c.mu.Lock()
	base := c.base
	c.mu.Unlock()
	if base == nil || base.Err() != nil {
		return // the next start does it
	}
	c.soon(base, app.ID, 50*time.Millisecond)
	c.tasks.Go(func() { c.clearCommands(d) })
	if d.Kind == platform.DeployPush && d.StartedAt != nil {
		c.tasks.Go(func() { c.retain(base, app) })
	}
}

// lastLine puts the reason under the log, where people look first.
func (c *Conductor) lastLine(d platform.Deployment, e *platform.Error) {
	file, err := c.Journal.Writer(d.ID)
	if err != nil {
		slog.Error("deployment log not opened", "deployment", d.ID, "error", err)
		return
	}
	_, err = fmt.Fprintln(file, e.Message)
	if e.Hint != "" && err == nil {
		_, err = fmt.Fprintln(file, "→ "+e.Hint)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		slog.Error("deployment log not written", "deployment", d.ID, "error", err)
	}
}

func cancelled(d platform.Deployment) *platform.Error {
	return platform.Errorf(platform.Conflict, "deployment_cancelled", "Deployment %d was cancelled.", d.Number).
		WithHint("What served before goes on serving.")
}
