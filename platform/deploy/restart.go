package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

// restart puts a new replica in the place of each one of the release that serves, one after another. Visitors
// notice nothing, and the server needs the memory of one replica more. A new one that does not answer ends it;
// the one that it was made for serves on.
func (w *walk) restart(ctx context.Context) error {
	app, err := w.c.Apps.AppByID(ctx, w.app.ID)
	if err != nil {
		return fmt.Errorf("reading the app: %w", err)
	}
	w.app = app
	if err := w.lookAlone(ctx); err != nil {
		return err
	}
	if err := w.do(ctx, platform.StepStart, w.renewEach); err != nil {
		w.undo(ctx)
		return err
	}
	defer w.c.hold(w.app.ID)()
	w.held = true
	if w.ready, err = w.c.staying(ctx, w.app.ID); err != nil {
		return err
	}
	w.ready = runningOf(w.ready, w.release.Number)
	return w.do(ctx, platform.StepSwitch, w.switchOver)
}

func (w *walk) renewEach(ctx context.Context) (string, error) {
	wanted := run.Wanted(w.release, w.app.Scale)
	w.say("Restart v%d: %s, one after another", w.release.Number, describe(wanted))
	for _, slot := range wanted {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		old, err := w.renew(ctx, slot)
		if err != nil {
			return "", err
		}
		if err := w.c.retire(ctx, old); err != nil {
			return "", fmt.Errorf("stopping the replica of before: %w", err)
		}
		w.say("%s runs anew", slot.Name())
	}
	return describe(wanted) + ", one after another", nil
}

// renew starts the new replica of a slot, waits for it and gives it the traffic; old is what was there before.
// From then on the keeper does not see that any more, and may look at the app while it drains.
func (w *walk) renew(ctx context.Context, slot run.Slot) (old []platform.Replica, err error) {
	defer w.c.hold(w.app.ID)()
	actual, err := w.c.staying(ctx, w.app.ID)
	if err != nil {
		return nil, err
	}
	w.fresh, w.ready = nil, nil
	for _, r := range actual {
		switch {
		case r.Release != w.release.Number || slot != (run.Slot{Process: r.Process, Index: r.Index}):
		case r.Deployment == w.d.ID && len(w.fresh) == 0 && r.State == platform.ReplicaRunning:
			w.fresh = append(w.fresh, r) // from before a crash
		default:
			old = append(old, r)
		}
	}
	if len(w.fresh) == 0 && w.alone != "" {
		if err := w.makeWay(ctx, old); err != nil {
			return nil, err
		}
		old = nil
	}
	if len(w.fresh) == 0 {
		if err := w.startAll(ctx, []run.Slot{slot}); err != nil {
			return nil, err
		}
	}
	if _, err := w.health(ctx); err != nil {
		return nil, err
	}
	return old, w.handOver(ctx, actual, old)
}

// handOver sends the visitors to the new replica and the others, and waits until the proxy does so.
func (w *walk) handOver(ctx context.Context, actual, old []platform.Replica) error {
	serving := slices.DeleteFunc(runningOf(actual, w.release.Number), func(r platform.Replica) bool {
		is := func(other platform.Replica) bool { return other.ID == r.ID }
		return slices.ContainsFunc(old, is) || slices.ContainsFunc(w.ready, is)
	})
	if err := w.c.route(ctx, w.app, append(serving, w.ready...)); err != nil {
		return fmt.Errorf("publishing routes: %w", err)
	}
	for w.c.Routes.Dirty() {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.c.pause(time.Second / 4)
	}
	w.c.Replicas.Keep(ctx, w.ready)
	w.fresh = nil // it serves: nothing takes it back
	for _, r := range old {
		w.c.gone.Store(r.ID, true)
	}
	return nil
}

// provenFirst puts replicas that deployments under way are still waiting for behind those whose places they
// shall take.
func (c *Conductor) provenFirst(ctx context.Context, appID string, replicas []platform.Replica) error {
	seen := map[string]bool{}
	doubled := slices.ContainsFunc(replicas, func(r platform.Replica) bool {
		place := fmt.Sprintf("%d/%s/%d", r.Release, r.Process, r.Index)
		defer func() { seen[place] = true }()
		return seen[place]
	})
	if !doubled {
		return nil
	}
	unfinished, err := c.unfinishedOf(ctx, appID)
	if err != nil {
		return err
	}
	waiting := func(r platform.Replica) int {
		if slices.ContainsFunc(unfinished, func(d platform.Deployment) bool { return d.ID == r.Deployment }) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(replicas, func(a, b platform.Replica) int { return waiting(a) - waiting(b) })
	return nil
}
