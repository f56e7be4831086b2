package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// maxAttempts is how often a deployment is taken up: once, and once more after a crash.
const maxAttempts = 2

// walk is one deployment on its way.
type walk struct {
	c       *Conductor
	app     platform.App
	d       platform.Deployment
	log     io.Writer
	build   platform.Build
	release platform.Release
	fresh   []platform.Replica // started or adopted here, not serving before
	ready   []platform.Replica // all that shall serve, with ports
	started map[platform.StepName]time.Time
	live    bool   // the switch is committed
	held    bool   // the keeper does not look at the app
	alone   string // the volume that one replica at a time may have; "" when the app has none such
}

// conduct walks one deployment and writes down how it ended, unless the server is stopping.
// It reports whether that could be written.
func (c *Conductor) conduct(ctx context.Context, d platform.Deployment) (recorded bool) {
	if cancelAsked(d) {
		return c.close(ctx, d, platform.DeploymentCancelled, cancelled(d)) // its replicas, if any, are the keeper's
	}
	claimed, err := c.Deployments.ClaimDeployment(ctx, d.ID)
	if err != nil && platform.AsError(err).Code == "deployment_ended" {
		return true // cancelled or replaced in this moment
	}
	if err != nil {
		slog.ErrorContext(ctx, "deployment not claimed", "deployment", d.ID, "error", err)
		return false
	}
	if cancelAsked(claimed) { // between the two
		return c.close(ctx, claimed, platform.DeploymentCancelled, cancelled(claimed))
	}
	w, done, err := c.newWalk(ctx, claimed)
	if err != nil {
		slog.ErrorContext(ctx, "deployment not begun", "deployment", d.ID, "error", err)
		return c.close(ctx, claimed, platform.DeploymentFailed, platform.AsError(err))
	}
	if w.app.State != platform.AppActive && !claimed.Kind.TakesAway() && (!claimed.Kind.BringsData() || claimed.Attempts < 2) { // whoever took it away could not say so any more
		w.say("%s was taken away meanwhile", w.app.Name)
		done()
		return c.close(ctx, claimed, platform.DeploymentCancelled, cancelled(claimed))
	}
	err = w.walkWhole(ctx)
	done()
	stopped := ctx.Err() != nil
	if c.base.Err() != nil && !w.live {
		return true // the server is stopping; the next start takes it up again
	}
	return w.finish(ctx, err, stopped)
}

func cancelAsked(d platform.Deployment) bool {
	return d.CancelAsked && !d.Kind.TakesAway() && (!d.Kind.BringsData() || d.Attempts == 0) // it must undo what it did
}

func (c *Conductor) newWalk(ctx context.Context, d platform.Deployment) (*walk, func(), error) {
	app, err := c.Apps.AppByID(ctx, d.AppID)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the app: %w", err)
	}
	hidden, err := c.Secrets(ctx, d.AppID)
	if err != nil && !d.Kind.TakesAway() { // a removal writes nothing of the app's
		return nil, nil, fmt.Errorf("learning what the log must not show: %w", err)
	}
	file, err := c.Journal.Writer(d.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the log: %w", err)
	}
	log := c.Redact(file, hidden)
	done := func() {
		if err := errors.Join(log.Close(), file.Close()); err != nil {
			slog.ErrorContext(ctx, "deployment log not closed", "deployment", d.ID, "error", err)
		}
	}
	return &walk{c: c, app: app, d: d, log: log, started: map[platform.StepName]time.Time{}}, done, nil
}

// walkWhole keeps a panic on the way, of a library that builds for example, to this deployment.
func (w *walk) walkWhole(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return w.walk(ctx)
}

func (w *walk) walk(ctx context.Context) error {
	if w.d.Attempts > maxAttempts && !w.d.Kind.TakesAway() && !w.d.Kind.BringsData() { // nothing but its end ends a removal
		return platform.Errorf(platform.Unavailable, "server_restarted", "The server restarted during the %s, twice.", w.unfinishedStep()).
			WithHint("Deploy again. If it happens again, the server may be short of memory.")
	}
	if w.d.Attempts > 1 {
		w.say("The server was restarted; taking up deployment %d again", w.d.Number)
	}
	switch w.d.Kind {
	case platform.DeployDestroy:
		return w.do(ctx, platform.StepRetire, w.destroy)
	case platform.DeployTrash:
		return w.do(ctx, platform.StepRetire, w.trash)
	case platform.DeployRewind, platform.DeployCopy:
		return w.rewind(ctx)
	case platform.DeployPush:
		if err := w.fetchFirst(ctx); err != nil {
			return err
		}
		if err := w.do(ctx, platform.StepBuild, w.runBuild); err != nil {
			return err
		}
	case platform.DeployRollback:
		if err := w.stillWanted(ctx); err != nil {
			return err
		}
	case platform.DeployConfig, platform.DeployRestart:
		if w.app.CurrentRelease == 0 {
			return errNothingServes
		}
	}
	if err := w.do(ctx, platform.StepRelease, w.makeRelease); err != nil {
		return err
	}
	if w.d.Kind == platform.DeployRestart {
		return w.restart(ctx)
	}
	if err := w.snapshotFirst(ctx); err != nil {
		return err
	}
	if err := w.releaseCommand(ctx); err != nil {
		return err
	}
	return w.bringLive(ctx)
}

// errNothingServes ends a deployment of settings behind a first push that failed.
var errNothingServes = platform.Errorf(platform.Conflict, "nothing_serves", "Nothing serves yet.").
	WithHint("The next push has the new settings.")

var errOvertaken = platform.Errorf(platform.Conflict, "overtaken", "A newer release went live first; it stays.")

// stillWanted refuses an automatic return when what died does not serve any more: a newer
// deployment was under way, and went live while the return waited.
func (w *walk) stillWanted(ctx context.Context) error {
	if w.d.Via != platform.System().Via {
		return nil
	}
	before, err := w.c.Before(ctx, w.app)
	if err == nil && before != w.d.FromRelease {
		return errOvertaken
	}
	return err
}

// do runs one step and records it before and after.
func (w *walk) do(ctx context.Context, name platform.StepName, run func(context.Context) (string, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if name == platform.StepRelease && w.d.Kind.KeepsRelease() {
		_, err := run(ctx) // nothing to record: it is the release that serves
		return err
	}
	began := w.c.now()
	w.started[name] = began
	w.record(ctx, platform.Step{Name: name, State: platform.StepRunning, StartedAt: &began})
	detail, err := run(ctx)
	ended := w.c.now()
	step := platform.Step{Name: name, State: platform.StepDone, Detail: detail, StartedAt: &began, EndedAt: &ended}
	if err != nil {
		if w.c.base.Err() != nil {
			return err // stopping: leave the step as it is
		}
		step.State, step.Detail = platform.StepFailed, platform.AsError(err).Message
		if ctx.Err() != nil {
			step.Detail = "cancelled"
		}
	}
	w.record(context.WithoutCancel(ctx), step)
	return err
}

func (w *walk) record(ctx context.Context, step platform.Step) {
	step.DeploymentID = w.d.ID
	step.Position = positionOf(w.d, step.Name)
	err := w.c.Deployments.SetStep(ctx, step)
	if err != nil && !platform.IsKind(err, platform.NotFound) { // gone with its app
		slog.ErrorContext(ctx, "step not recorded", "deployment", w.d.ID, "step", step.Name, "error", err)
	}
}

// positionOf is where a step stands that has no row yet; between two others for those that only some
// deployments have.
func positionOf(d platform.Deployment, name platform.StepName) int {
	switch {
	case name == platform.StepCommand:
		return positionOf(d, platform.StepRelease) + 5
	case name == platform.StepSave && !d.Kind.BringsData():
		return positionOf(d, platform.StepRelease) + 3
	}
	return 10 * (slices.Index(stepsOf(d), name) + 1)
}

func (w *walk) say(format string, args ...any) {
	_, _ = fmt.Fprintf(w.log, format+"\n", args...) // a log that cannot be written must not stop a deployment
}

func (w *walk) runBuild(ctx context.Context) (string, error) {
	if w.d.Source.Image != "" {
		return w.runImport(ctx)
	}
	w.say("Build")
	if _, err := os.Stat(w.d.Source.Dir); err != nil {
		return "", platform.Errorf(platform.Conflict, "source_gone", "The source of this deployment is not on the server any more.").
			WithHint("Push again, or: lugsail deploy.").Because(err)
	}
	if w.d.Attempts > 1 {
		if err := source.Verify(ctx, w.d.Source); err != nil {
			return "", err // a power cut may have taken a part of it
		}
	}
	b, err := w.c.Builds.Run(ctx, w.app, w.d, w.log)
	if err != nil {
		return "", err
	}
	w.build = b
	return b.Detected, w.sayKeeps(ctx)
}

func (w *walk) makeRelease(ctx context.Context) (string, error) {
	if w.d.Kind.KeepsRelease() || w.d.Kind == platform.DeployRewind && (w.d.FromRelease == 0 || w.d.FromRelease == w.app.CurrentRelease) {
		r, err := w.c.Apps.ReleaseByNumber(ctx, w.app.ID, w.app.CurrentRelease)
		w.release = r
		return "", err
	}
	r, found, err := w.ownRelease(ctx)
	if err != nil {
		return "", err
	}
	if !found {
		if r, err = w.newRelease(ctx); err != nil {
			return "", err
		}
	}
	w.release = r
	if _, err := w.c.Deployments.UpdateDeployment(ctx, w.d.ID, func(d *platform.Deployment) error {
		d.Release = r.Number
		return nil
	}); err != nil {
		return "", fmt.Errorf("recording the release: %w", err)
	}
	w.d.Release = r.Number
	w.say("Release v%d", r.Number)
	return fmt.Sprintf("v%d", r.Number), nil
}

// ownRelease finds the release that this deployment made before a crash.
func (w *walk) ownRelease(ctx context.Context) (platform.Release, bool, error) {
	if w.d.Attempts < 2 {
		return platform.Release{}, false, nil
	}
	recent, err := w.c.Apps.ReleasesOf(ctx, w.app.ID, 5)
	if err != nil {
		return platform.Release{}, false, fmt.Errorf("reading releases: %w", err)
	}
	for _, r := range recent {
		if r.DeploymentID == w.d.ID {
			full, err := w.c.Apps.ReleaseByNumber(ctx, w.app.ID, r.Number) // with its config vars
			return full, true, err
		}
	}
	return platform.Release{}, false, nil
}

func (w *walk) newRelease(ctx context.Context) (platform.Release, error) {
	app, err := w.c.Apps.AppByID(ctx, w.app.ID)
	if err != nil {
		return platform.Release{}, fmt.Errorf("reading the app: %w", err)
	}
	switch w.d.Kind {
	case platform.DeployPush:
		return w.c.Releases.FromBuild(ctx, app, w.d, w.build)
	case platform.DeployRollback, platform.DeployRewind:
		return w.c.Releases.FromRelease(ctx, app, w.d)
	case platform.DeployCopy:
		return w.copiedRelease(ctx, app)
	}
	return w.c.Releases.FromConfig(ctx, app, w.d)
}

func (w *walk) unfinishedStep() platform.StepName {
	for _, s := range w.d.Steps {
		if s.State == platform.StepRunning {
			return s.Name
		}
	}
	return "deployment"
}
