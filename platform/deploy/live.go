package deploy

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

// bringLive starts the release's replicas, waits for them and switches. The keeper goes on
// looking after what serves, whose replicas are others; only those of a scale are the same.
func (w *walk) bringLive(ctx context.Context) error {
	if err := w.lookAlone(ctx); err != nil {
		return err
	}
	if !w.held && (w.d.Kind.KeepsRelease() || w.alone != "") {
		defer w.c.hold(w.app.ID)()
		w.held = true
	}
	app, err := w.c.Apps.AppByID(ctx, w.app.ID) // plan or scale may have changed during the build
	if err != nil {
		return fmt.Errorf("reading the app: %w", err)
	}
	w.app = app
	if err := w.introduce(ctx); err != nil {
		return err
	}
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

func (w *walk) start(ctx context.Context) (string, error) {
	actual, err := w.c.staying(ctx, w.app.ID)
	if err != nil {
		return "", err
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
	if !w.release.HasWeb() && !w.app.Addon {
		w.say("This release has no web process: nothing answers at the app's address. Name one web in the Procfile to get visitors.")
	}
	if startable := run.Wanted(w.release, allOnce(w.release)); len(wanted) == 0 && len(startable) > 0 {
		w.say("Nothing is scaled up. To run something: lugsail scale %s=1", startable[0].Process)
	}
	if w.alone != "" && len(diff.Missing) > 0 {
		if err := w.makeWay(ctx, diff.Extra); err != nil {
			return "", err
		}
	}
	if err := w.startAll(ctx, diff.Missing); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s on %s", describe(wanted), w.release.Plan), nil
}

// allOnce is a scale with one replica of each process type.
func allOnce(r platform.Release) platform.Scale {
	scale := platform.Scale{}
	for _, p := range r.Processes {
		scale[p.Type] = 1
	}
	return scale
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
			healthy, err := w.c.Replicas.WaitHealthy(ctx, r, w.release, w.log)
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
			if ctx.Err() == nil {
				w.lastWords(ctx, got.replica)
			}
			cancel() // one sick replica decides
		}
	}
	if first != nil {
		return "", first
	}
	return w.healthy(), nil
}

// lastWords writes down what a sick replica said, without the values of its own config vars:
// those of an older release are not the app's of today.
func (w *walk) lastWords(ctx context.Context, r platform.Replica) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	log := w.c.Redact(w.log, slices.Collect(maps.Values(w.release.ConfigVars)))
	w.c.Replicas.LastWords(ctx, r, 20, log)
	if err := log.Close(); err != nil {
		slog.ErrorContext(ctx, "last output of a replica not written", "replica", r.ID, "error", err)
	}
}

func (w *walk) healthy() string {
	for _, r := range w.ready {
		if r.Process == platform.WebProcess && r.Port != 0 {
			w.say("Healthy: %s answers on port %d", run.Slot{Process: r.Process, Index: r.Index}.Name(), r.Port)
			return fmt.Sprintf("answers on port %d", r.Port)
		}
	}
	if len(w.ready) == 0 {
		return "nothing runs"
	}
	return "running"
}

// switchOver commits, then moves the traffic. From the commit on there is no way back but a rollback.
func (w *walk) switchOver(ctx context.Context) (string, error) {
	ctx = context.WithoutCancel(ctx)
	if !w.held {
		defer w.c.hold(w.app.ID)()
	}
	if err := w.c.Deployments.CommitSwitch(ctx, w.app.ID, w.release.Number, w.d.ID); err != nil {
		return "", fmt.Errorf("committing the switch: %w", err)
	}
	w.live = true
	w.app.CurrentRelease = w.release.Number
	if err := w.c.route(ctx, w.app, w.ready); err != nil {
		// the keeper repeats it; until then the old replicas stay and serve
		slog.ErrorContext(ctx, "routes not published", "app", w.app.ID, "release", w.release.Number, "error", err)
	}
	w.c.Replicas.Keep(ctx, w.ready)
	return fmt.Sprintf("v%d %s", w.release.Number, w.release.Verb(w.app.Scale)), nil
}

// freshGrace bounds what replicas that never served have to end: somebody waits for the verdict.
const freshGrace = 30 * time.Second

// undo removes what this deployment started. What served before was never touched.
func (w *walk) undo(ctx context.Context) {
	if w.live || w.c.base.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := w.c.stop(ctx, w.fresh, freshGrace); err != nil {
		slog.ErrorContext(ctx, "replicas of a failed deployment not removed", "deployment", w.d.ID, "error", err)
	}
}

// introduce gives process types that the app has not had yet their first replicas.
func (w *walk) introduce(ctx context.Context) error {
	var types []string
	for _, p := range w.release.Processes {
		_, known := w.app.Scale[p.Type]
		if !known && p.Type != platform.WebProcess && p.Type != platform.ReleaseProcess {
			types = append(types, p.Type)
		}
	}
	if len(types) == 0 || w.c.Introduce == nil || w.d.Kind == platform.DeployScale {
		return nil
	}
	app, err := w.c.Introduce(ctx, w.app.ID, w.release, types)
	if err != nil {
		return fmt.Errorf("giving new process types replicas: %w", err)
	}
	w.app = app
	for _, t := range types {
		if app.Scale.Of(t) > 0 {
			w.say("New process type %s: 1 replica runs from now on. To change that: lugsail scale %s=0", t, t)
		} else {
			w.say("New process type %s: it is not started, because the server's memory does not suffice, or the app has the replicas that it can have. To try: lugsail scale %s=1", t, t)
		}
	}
	return nil
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
