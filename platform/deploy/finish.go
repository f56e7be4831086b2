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

// finish writes down how a walk ended and leaves the rest to the background.
func (w *walk) finish(ctx context.Context, err error) (recorded bool) {
	ctx = context.WithoutCancel(ctx)
	switch {
	case w.d.Kind == platform.DeployDestroy && err == nil:
		return true // its rows are gone with the app
	case w.live:
		w.finishLive(ctx)
		return true
	case errors.Is(err, context.Canceled):
		w.undoneSteps(ctx)
		return w.c.close(ctx, w.d, platform.DeploymentCancelled, cancelled(w.d))
	default:
		e := platform.AsError(err)
		if e.Kind == platform.Internal {
			slog.ErrorContext(ctx, "deployment failed", "deployment", w.d.ID, "error", err)
		}
		w.undoneSteps(ctx)
		return w.c.close(ctx, w.d, platform.DeploymentFailed, e)
	}
}

func (w *walk) finishLive(ctx context.Context) {
	w.c.event(ctx, w.app, w.d, "deployment.live", fmt.Sprintf("v%d is live: %s", w.release.Number, w.d.Cause))
	dropSource(w.d)
	w.c.watchAfter(w.app, w.d)
	w.c.tasks.Go(func() { w.c.retireAfter(w.app, w.release, w.d) })
}

// dropSource removes the tree of a deployment that will not be built any more.
func dropSource(d platform.Deployment) {
	if d.Source.Dir == "" {
		return
	}
	if err := os.RemoveAll(d.Source.Dir); err != nil {
		slog.Error("source tree not removed", "dir", d.Source.Dir, "error", err)
	}
}

// undoneSteps marks what had succeeded before the failure and was taken back.
func (w *walk) undoneSteps(ctx context.Context) {
	dropSource(w.d)
	for _, name := range []platform.StepName{platform.StepStart, platform.StepHealth} {
		began, ok := w.started[name]
		if !ok || len(w.fresh) == 0 || name == platform.StepHealth {
			continue
		}
		now := w.c.now()
		w.record(ctx, platform.Step{Name: name, State: platform.StepUndone, Detail: "stopped again", StartedAt: &began, EndedAt: &now})
	}
}

// close ends a deployment that did not become live.
func (c *Conductor) close(ctx context.Context, d platform.Deployment, state platform.DeploymentState, e *platform.Error) (recorded bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	c.lastLine(d, e)
	now := c.now()
	_, err := c.Deployments.UpdateDeployment(ctx, d.ID, func(d *platform.Deployment) error {
		d.State, d.EndedAt = state, &now
		d.FailureCode, d.FailureText, d.FailureHint = e.Code, e.Message, e.Hint
		return nil
	})
	if err != nil {
		slog.ErrorContext(ctx, "end of deployment not recorded", "deployment", d.ID, "state", state, "error", err)
		return false
	}
	app, err := c.Apps.AppByID(ctx, d.AppID)
	if err != nil {
		return true // the app is gone, and nobody reads its events
	}
	c.event(ctx, app, d, "deployment."+string(state), fmt.Sprintf("Deployment %d (%s): %s", d.Number, d.Cause, e.Message))
	return true
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
