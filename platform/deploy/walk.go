package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
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
	live    bool // the switch is committed
}

// conduct walks one deployment and writes down how it ended, unless the server is stopping.
// It reports whether that could be written.
func (c *Conductor) conduct(ctx context.Context, d platform.Deployment) (recorded bool) {
	if d.CancelAsked && d.Kind != platform.DeployDestroy {
		return c.close(ctx, d, platform.DeploymentCancelled, cancelled(d)) // its replicas, if any, are the keeper's
	}
	claimed, err := c.Deployments.ClaimDeployment(ctx, d.ID)
	if err != nil {
		slog.ErrorContext(ctx, "deployment not claimed", "deployment", d.ID, "error", err)
		return false
	}
	w, done, err := c.newWalk(ctx, claimed)
	if err != nil {
		slog.ErrorContext(ctx, "deployment not begun", "deployment", d.ID, "error", err)
		return c.close(ctx, claimed, platform.DeploymentFailed, platform.AsError(err))
	}
	err = w.walk(ctx)
	done()
	if c.base.Err() != nil && !w.live {
		return true // the server is stopping; the next start takes it up again
	}
	return w.finish(ctx, err)
}

func (c *Conductor) newWalk(ctx context.Context, d platform.Deployment) (*walk, func(), error) {
	app, err := c.Apps.AppByID(ctx, d.AppID)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the app: %w", err)
	}
	file, err := c.Journal.Writer(d.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the log: %w", err)
	}
	log := c.Redact(file, c.Secrets(ctx, d.AppID))
	done := func() {
		if err := errors.Join(log.Close(), file.Close()); err != nil {
			slog.ErrorContext(ctx, "deployment log not closed", "deployment", d.ID, "error", err)
		}
	}
	return &walk{c: c, app: app, d: d, log: log, started: map[platform.StepName]time.Time{}}, done, nil
}

func (w *walk) walk(ctx context.Context) error {
	if w.d.Attempts > maxAttempts {
		return platform.Errorf(platform.Unavailable, "server_restarted", "The server restarted during the %s, twice.", w.unfinishedStep()).
			WithHint("Deploy again. If it happens again, the server may be short of memory.")
	}
	if w.d.Attempts > 1 {
		w.say("The server was restarted; taking up deployment %d again", w.d.Number)
	}
	switch w.d.Kind {
	case platform.DeployDestroy:
		return w.do(ctx, platform.StepRetire, w.destroy)
	case platform.DeployPush:
		if err := w.do(ctx, platform.StepBuild, w.runBuild); err != nil {
			return err
		}
	}
	if err := w.do(ctx, platform.StepRelease, w.makeRelease); err != nil {
		return err
	}
	return w.bringLive(ctx)
}

// bringLive starts the release's replicas, waits for them and switches.
func (w *walk) bringLive(ctx context.Context) error {
	defer w.c.hold(w.app.ID)()
	app, err := w.c.Apps.AppByID(ctx, w.app.ID) // plan or scale may have changed during the build
	if err != nil {
		return fmt.Errorf("reading the app: %w", err)
	}
	w.app = app
	for _, step := range []struct {
		name platform.StepName
		run  func(context.Context) (string, error)
	}{
		{platform.StepStart, w.start},
		{platform.StepHealth, w.health},
		{platform.StepSwitch, w.switchOver},
	} {
		if err := w.do(ctx, step.name, step.run); err != nil {
			w.undo(ctx)
			return err
		}
	}
	return nil
}

// do runs one step and records it before and after.
func (w *walk) do(ctx context.Context, name platform.StepName, run func(context.Context) (string, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if name == platform.StepRelease && w.d.Kind == platform.DeployScale {
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
	}
	w.record(context.WithoutCancel(ctx), step)
	return err
}

func (w *walk) record(ctx context.Context, step platform.Step) {
	step.DeploymentID = w.d.ID
	step.Position = slices.Index(stepsOf(w.d.Kind), step.Name) + 1
	if err := w.c.Deployments.SetStep(ctx, step); err != nil {
		slog.ErrorContext(ctx, "step not recorded", "deployment", w.d.ID, "step", step.Name, "error", err)
	}
}

func (w *walk) say(format string, args ...any) {
	_, _ = fmt.Fprintf(w.log, format+"\n", args...) // a log that cannot be written must not stop a deployment
}

func (w *walk) runBuild(ctx context.Context) (string, error) {
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
	return b.Detected, nil
}

func (w *walk) makeRelease(ctx context.Context) (string, error) {
	if w.d.Kind == platform.DeployScale {
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
	case platform.DeployRollback:
		return w.c.Releases.FromRelease(ctx, app, w.d)
	}
	return w.c.Releases.FromConfig(ctx, app, w.d)
}

func (w *walk) start(ctx context.Context) (string, error) {
	actual, err := w.c.Replicas.Engine.Replicas(ctx, w.app.ID)
	if err != nil {
		return "", fmt.Errorf("looking at replicas: %w", err)
	}
	wanted := run.Wanted(w.release, w.app.Scale)
	diff := run.Compare(w.release, wanted, actual)
	serving := w.release.Number == w.app.CurrentRelease
	for _, r := range diff.Have {
		if serving {
			w.ready = append(w.ready, r)
		} else {
			w.fresh = append(w.fresh, r) // adopted from before a crash
		}
	}
	w.say("Start v%d: %s on %s", w.release.Number, describe(wanted), w.release.Plan)
	if err := w.startAll(ctx, diff.Missing); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s on %s", describe(wanted), w.release.Plan), nil
}

// startAll starts the missing replicas, four at a time.
func (w *walk) startAll(ctx context.Context, missing []run.Slot) error {
	type result struct {
		replica platform.Replica
		err     error
	}
	results := make(chan result, len(missing))
	slots := make(chan struct{}, 4)
	for _, slot := range missing {
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r, err := w.c.Replicas.Start(ctx, w.app, w.release, w.d.ID, slot)
			results <- result{r, err}
		}()
	}
	var first error
	for range missing {
		got := <-results
		if got.err == nil {
			w.fresh = append(w.fresh, got.replica)
		} else if first == nil {
			first = got.err
		}
	}
	return first
}

func (w *walk) health(ctx context.Context) (string, error) {
	type result struct {
		replica platform.Replica
		err     error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, len(w.fresh))
	for _, r := range w.fresh {
		go func() {
			healthy, err := w.c.Replicas.WaitHealthy(ctx, r, w.release.Health, w.log)
			results <- result{healthy, err}
		}()
	}
	var first error
	for range w.fresh {
		got := <-results
		switch {
		case got.err == nil:
			w.ready = append(w.ready, got.replica)
		case first == nil:
			first = got.err
			w.c.Replicas.LastWords(context.WithoutCancel(ctx), got.replica, 20, w.log)
			cancel() // one sick replica decides
		}
	}
	if first != nil {
		return "", first
	}
	return w.healthy(), nil
}

func (w *walk) healthy() string {
	for _, r := range w.ready {
		if r.Process == platform.WebProcess && r.Port != 0 {
			w.say("Healthy: %s answers on port %d", run.Slot{Process: r.Process, Index: r.Index}.Name(), r.Port)
			return fmt.Sprintf("answers on port %d", r.Port)
		}
	}
	return "running"
}

// switchOver commits, then moves the traffic. From the commit on there is no way back but a rollback.
func (w *walk) switchOver(ctx context.Context) (string, error) {
	ctx = context.WithoutCancel(ctx)
	if err := w.c.Deployments.CommitSwitch(ctx, w.app.ID, w.release.Number, w.d.ID); err != nil {
		return "", fmt.Errorf("committing the switch: %w", err)
	}
	w.live = true
	w.app.CurrentRelease = w.release.Number
	if err := w.c.route(ctx, w.app, w.release, w.ready); err != nil {
		// the keeper repeats it; until then the old replicas stay and serve
		slog.ErrorContext(ctx, "routes not published", "app", w.app.ID, "release", w.release.Number, "error", err)
	}
	w.c.Replicas.Keep(ctx, w.ready)
	return fmt.Sprintf("v%d serves", w.release.Number), nil
}

// undo removes what this deployment started. What served before was never touched.
func (w *walk) undo(ctx context.Context) {
	if w.live || w.c.base.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := w.c.stop(ctx, w.fresh); err != nil {
		slog.ErrorContext(ctx, "replicas of a failed deployment not removed", "deployment", w.d.ID, "error", err)
	}
}

func describe(slots []run.Slot) string {
	text := ""
	for i := 0; i < len(slots); {
		n := i
		for n < len(slots) && slots[n].Process == slots[i].Process {
			n++
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d × %s", n-i, slots[i].Process)
		i = n
	}
	if text == "" {
		return "no replica"
	}
	return text
}

func (w *walk) unfinishedStep() platform.StepName {
	for _, s := range w.d.Steps {
		if s.State == platform.StepRunning {
			return s.Name
		}
	}
	return "deployment"
}
