package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/lugsail/lugsail/platform"
)

// Data brings what an app keeps back to a snapshot. Each of its methods may be called again for the same
// deployment, after a crash: what was done already is done no second time, or comes to the same.
type Data interface {
	// Of gives the snapshot that a deployment brings back.
	Of(ctx context.Context, d platform.Deployment) (platform.Snapshot, error)
	// Before makes a snapshot of what there is, as the way back from a deployment that is about to start its release.
	// Detail is for people.
	Before(ctx context.Context, d platform.Deployment, say func(format string, args ...any)) (detail string, err error)
	// Save makes a snapshot as the way back, and lays out all that returns beside what there is. Nothing of the app changes.
	Save(ctx context.Context, d platform.Deployment, say func(format string, args ...any)) error
	// Return puts it into its place. Nothing of the app runs meanwhile; an add-on's own rows return while it runs.
	Return(ctx context.Context, d platform.Deployment, say func(format string, args ...any)) error
	// Undo puts back what Return has taken away; where it has not, there is nothing to do.
	Undo(ctx context.Context, d platform.Deployment) error
	// Done lets go of what was laid out and of what was taken away.
	Done(ctx context.Context, d platform.Deployment) error
}

// Hold takes the right to change what serves of an app: nobody starts or stops replicas of it until release.
func (c *Conductor) Hold(appID string) (release func()) { return c.hold(appID) }

// rewind brings the data of a snapshot back, and the release that served then. All that can go wrong with what was
// stored goes wrong while the app still serves. When something fails behind that, everything is as before.
func (w *walk) rewind(ctx context.Context) (err error) {
	if over := w.rewindOver(); over != nil {
		return w.putBack(over)
	}
	if err := w.do(ctx, platform.StepSave, func(ctx context.Context) (string, error) {
		return "", w.c.Data.Save(ctx, w.d, w.say)
	}); err != nil {
		return w.putBack(err)
	}
	if err := w.equip(ctx); err != nil {
		return w.putBack(err)
	}
	defer w.c.hold(w.app.ID)()
	w.held = true
	if w.app, err = w.c.Apps.AppByID(ctx, w.app.ID); err != nil { // a newer release may have come meanwhile
		return w.putBack(fmt.Errorf("reading the app: %w", err))
	}
	bring := w.rewindApp
	if w.app.Addon {
		bring = w.rewindAddon
	}
	if err := bring(ctx); err != nil && !w.live {
		return w.putBack(err)
	}
	if err := w.c.Data.Done(context.WithoutCancel(ctx), w.d); err != nil {
		slog.WarnContext(ctx, "what a restore has left was not removed", "deployment", w.d.ID, "error", err) // the next start does it
	}
	return nil
}

// rewindOver tells why a rewind that was cut off is not taken up again: then it is undone.
func (w *walk) rewindOver() error {
	switch {
	case w.app.State != platform.AppActive || w.d.CancelAsked:
		return cancelled(w.d)
	case w.d.Attempts > maxAttempts:
		return platform.Errorf(platform.Unavailable, "server_restarted", "The server restarted during the %s, twice.", w.unfinishedStep()).
			WithHint("Restore again. If it happens again, the server may be short of memory.")
	}
	return nil
}

func (w *walk) rewindApp(ctx context.Context) error {
	if err := w.do(ctx, platform.StepData, func(ctx context.Context) (string, error) {
		if err := w.stopAll(ctx); err != nil {
			return "", err
		}
		return "", w.c.Data.Return(ctx, w.d, w.say)
	}); err != nil {
		return err
	}
	if err := w.do(ctx, platform.StepRelease, w.makeRelease); err != nil {
		return err
	}
	return w.bringLive(ctx)
}

// rewindAddon lets the add-on run: it is the add-on that takes its rows in.
func (w *walk) rewindAddon(ctx context.Context) error {
	if err := w.do(ctx, platform.StepData, func(ctx context.Context) (string, error) {
		return "", w.c.Data.Return(ctx, w.d, w.say)
	}); err != nil {
		return err
	}
	if _, err := w.makeRelease(ctx); err != nil {
		return err
	}
	actual, err := w.c.staying(ctx, w.app.ID)
	if err != nil {
		return err
	}
	w.ready = runningOf(actual, w.release.Number)
	return w.do(ctx, platform.StepSwitch, w.switchOver)
}

// stopAll ends all replicas, of whatever release, while visitors wait.
func (w *walk) stopAll(ctx context.Context) error {
	if w.app.Addon {
		return nil
	}
	if err := w.c.route(ctx, w.app, nil); err != nil { // without the proxy nobody gets through anyway
		slog.WarnContext(ctx, "visitors do not wait", "app", w.app.ID, "error", err)
	}
	actual, err := w.c.staying(ctx, w.app.ID)
	if err != nil || len(actual) == 0 {
		return err
	}
	w.say("Stop %s. Visitors wait meanwhile.", w.app.Name)
	if err := w.c.retire(ctx, actual); err != nil {
		return fmt.Errorf("stopping what runs: %w", err)
	}
	return nil
}

// putBack undoes a rewind, and gives what it failed by. The keeper then starts again what served before.
func (w *walk) putBack(failure error) error {
	if w.c.base.Err() != nil {
		return failure // stopping: the next start takes it up again
	}
	ctx := context.WithoutCancel(w.c.base)
	if !w.held {
		defer w.c.hold(w.app.ID)()
	}
	switch {
	case w.d.Kind == platform.DeployCopy:
		failure = w.notCopied(failure)
	case w.d.Via != platform.ViaBackup:
		w.say("Everything is put back as it was before")
	}
	var err error
	if w.d.Attempts > 1 && returning(w.d) { // what was started before a crash has what is to be taken away again
		err = w.stopAll(ctx)
	}
	if err == nil {
		err = w.c.Data.Undo(ctx, w.d)
	}
	if err == nil {
		err = w.c.Data.Done(ctx, w.d)
	}
	if err != nil && w.d.Kind == platform.DeployCopy {
		slog.ErrorContext(ctx, "what a copy has left was not removed", "deployment", w.d.ID, "error", err) // its app is let go, or filled again
		return failure
	}
	if err != nil {
		e := platform.AsError(failure)
		slog.ErrorContext(ctx, "a restore could not be undone", "deployment", w.d.ID, "error", err)
		return platform.Errorf(e.Kind, e.Code, "%s And it could not all be put back: %s", e.Message, platform.AsError(err).Message).
			WithHint("Restore the snapshot that was made before: lugsail snapshots --app %s", w.app.Name).Because(errors.Join(failure, err))
	}
	return failure
}

// returning reports whether the data of an app are just being changed, so that nothing of it may start.
func returning(d platform.Deployment) bool {
	if !d.Kind.BringsData() {
		return false
	}
	for _, s := range d.Steps {
		if s.Name == platform.StepData {
			return s.State != platform.StepWaiting
		}
	}
	return false
}
