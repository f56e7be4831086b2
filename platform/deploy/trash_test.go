package deploy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

// state gives the app's state; "" when it is gone.
func (r *rig) state(app platform.App) platform.AppState {
	r.t.Helper()
	found, err := r.store.AppByID(context.Background(), app.ID)
	if platform.IsKind(err, platform.NotFound) {
		return ""
	}
	r.check(err)
	return found.State
}

func (r *rig) kind(app platform.App, kind platform.DeploymentKind) platform.Deployment {
	r.t.Helper()
	return r.begin(platform.Deployment{AppID: app.ID, Kind: kind, Cause: string(kind)})
}

// actions are the events of an app, the oldest first.
func (r *rig) actions(app platform.App) []string {
	r.t.Helper()
	events, err := r.store.Events(context.Background(), app.ID, 0, 100)
	r.check(err)
	var actions []string
	for _, e := range slices.Backward(events) {
		actions = append(actions, e.Action)
	}
	return actions
}

func TestTrash_StopsServesNobodyAndKeepsTheRest(t *testing.T) {
	r := newRig(t)
	app, other := r.app("shop"), r.app("blog")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.push(app, "two"), platform.DeploymentLive)
	r.ended(r.push(other, "other"), platform.DeploymentLive)
	r.ended(r.kind(app, platform.DeployTrash), platform.DeploymentLive)
	r.converged(app)
	r.eventually("its host to be nobody's", func() bool { return r.proxy.route(app.ID).Host == "" })
	r.converged(other, 1)
	if r.state(app) != platform.AppTrashed || len(r.builder.forgot) != 0 {
		t.Errorf("state %s, builds forgot %v", r.state(app), r.builder.forgot)
	}
	for _, kind := range []platform.DeploymentKind{platform.DeployPush, platform.DeployScale, platform.DeployConfig, platform.DeployRollback, platform.DeployTrash} {
		if _, err := r.c.Start(t.Context(), platform.Deployment{AppID: app.ID, Kind: kind}); platform.AsError(err).Code != "app_trashed" {
			t.Errorf("%s of an app in the trash: %v", kind, err)
		}
	}
	r.ended(r.kind(app, platform.DeployRestore), platform.DeploymentLive)
	r.converged(app, 2)
	if r.state(app) != platform.AppActive {
		t.Errorf("state %s", r.state(app))
	}
	if got := r.actions(app); !slices.Contains(got, "app.trashed") {
		t.Errorf("events %v", got)
	}
}

func TestTrash_IsRemovedForGoodAfterFourteenDaysAndNotBefore(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.kind(app, platform.DeployTrash), platform.DeploymentLive)
	r.later.Store(int64(platform.TrashTime - time.Hour))
	r.restart()
	before := r.proxy.revision()
	r.check(r.routes.Refresh(t.Context()))
	r.eventually("a look of the keeper", func() bool { return r.proxy.revision() > before })
	if r.state(app) != platform.AppTrashed {
		t.Fatalf("an hour before its end it is %q", r.state(app))
	}
	r.later.Store(int64(platform.TrashTime + time.Minute))
	r.eventually("the app to be gone", func() bool { return r.state(app) == "" })
	if !slices.Contains(r.builder.forgot, app.ID) {
		t.Errorf("builds forgot %v", r.builder.forgot)
	}
	r.eventually("its event", func() bool { return slices.Contains(r.actions(app), "app.destroyed") })
}

func TestTrash_RestoreBehindAStopThatIsUnderWay(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	busy := make(chan struct{})
	r.proxy.setBusy(busy)
	stop := r.kind(app, platform.DeployTrash)
	r.eventually("the drain", func() bool { return len(r.proxy.draining()) > 0 })
	back := r.kind(app, platform.DeployRestore)
	close(busy)
	r.ended(stop, platform.DeploymentLive)
	r.ended(back, platform.DeploymentLive)
	r.converged(app, 1)
}

func TestF07_KillWhileAnAppGoesIntoTheTrash(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.proxy.setBusy(make(chan struct{})) // a request that does not end holds it in the middle
	d := r.kind(app, platform.DeployTrash)
	for range 3 { // it is taken up as often as it takes
		drained := len(r.proxy.draining())
		r.eventually("the drain", func() bool { return len(r.proxy.draining()) > drained || drained == 0 && len(r.proxy.draining()) > 0 })
		r.restart()
		if r.state(app) != platform.AppTrashed {
			t.Fatalf("state %s", r.state(app))
		}
	}
	r.proxy.setBusy(nil)
	r.restart()
	r.ended(d, platform.DeploymentLive)
	r.converged(app)
}

func TestF07_KillBeforeAnAppComesBack(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.kind(app, platform.DeployTrash), platform.DeploymentLive)
	r.converged(app)
	r.stop()
	r.start()
	d := r.kind(app, platform.DeployRestore)
	r.restart() // wherever it is just then
	r.ended(d, platform.DeploymentLive)
	r.converged(app, 1)
	if r.state(app) != platform.AppActive {
		t.Errorf("state %s", r.state(app))
	}
}

func TestF07_KillWhileTheTrashIsEmptied(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.kind(app, platform.DeployTrash), platform.DeploymentLive)
	r.builder.setStuck(errors.New("no space"))
	r.later.Store(int64(platform.TrashTime + time.Minute))
	r.eventually("the removal to begin", func() bool { return r.state(app) == platform.AppDestroying })
	for range 3 {
		r.restart()
		if _, err := r.c.Start(t.Context(), platform.Deployment{AppID: app.ID, Kind: platform.DeployRestore}); platform.AsError(err).Code != "app_destroying" {
			t.Fatalf("half an app came back: %v", err)
		}
	}
	r.builder.setStuck(nil)
	r.eventually("the app to be gone", func() bool { return r.state(app) == "" })
}

func TestRestore_OfASickReleaseSaysSoAndGoesOnTrying(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.kind(app, platform.DeployTrash), platform.DeploymentLive)
	r.converged(app)
	r.engine.Fail("Start", errors.New("no such program"))
	d := r.ended(r.kind(app, platform.DeployRestore), platform.DeploymentFailed)
	if d.FailureText == "" {
		t.Error("it does not say why")
	}
	r.engine.Fail("Start", nil)
	r.converged(app, 1)
}

// The server is killed between the row that says so and the request to stop what is under way.
func TestF07_KillBeforeWhatIsUnderWayIsCancelled(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.builder.letGo = make(chan struct{}) // never: a build that takes for ever
	push := r.push(app, "slow")
	r.eventually("the build", func() bool { return r.builder.count() == 2 })
	stop := r.kind(app, platform.DeployTrash)
	r.restart()
	r.ended(push, platform.DeploymentCancelled)
	r.ended(stop, platform.DeploymentLive)
	r.converged(app)
	if r.state(app) != platform.AppTrashed {
		t.Errorf("state %s", r.state(app))
	}
}

// What runs of an app in the trash all the same drains for long; other apps are looked after meanwhile.
func TestTrash_WhatStillRunsDoesNotKeepTheKeeperFromOthers(t *testing.T) {
	r := newRig(t)
	app, other := r.app("shop"), r.app("zoo")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.push(other, "other"), platform.DeploymentLive)
	r.ended(r.kind(app, platform.DeployTrash), platform.DeploymentLive)
	r.converged(app)
	release, err := r.store.ReleaseByNumber(t.Context(), app.ID, 1)
	r.check(err)
	r.stop()
	busy := make(chan struct{})
	r.proxy.setBusy(busy)
	drained := len(r.proxy.draining())
	_, err = run.New(r.engine, r.engine, r.builder, r.proxy).Start(t.Context(), app, release, "", run.Slot{Process: "web", Index: 1}) // by whoever it may be
	r.check(err)
	r.engine.Fail("Replicas", errors.New("not yet")) // so that the first look does not find it, but one of those every now and then
	r.start()
	r.eventually("the first look", func() bool { last, _ := r.c.Keeps(); return !last.IsZero() })
	r.engine.Fail("Replicas", nil)
	r.eventually("its drain", func() bool { return len(r.proxy.draining()) > drained })
	for range 2 { // the first round may have been under way
		before, _ := r.c.Keeps()
		r.eventually("a round through all apps", func() bool { last, _ := r.c.Keeps(); return last.After(before) })
	}
	r.converged(other, 1)
	close(busy)
	r.converged(app)
}

// It ran when the release was made: an app from the trash must come back though it would not work twice.
func TestRestore_DoesNotRunTheReleaseCommandAgain(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "v1+release=exit=0"), platform.DeploymentLive)
	r.ended(r.kind(app, platform.DeployTrash), platform.DeploymentLive)
	r.converged(app)
	d := r.ended(r.kind(app, platform.DeployRestore), platform.DeploymentLive)
	r.converged(app, 1)
	if s, at := step(d, platform.StepCommand); at >= 0 {
		t.Errorf("it ran: %+v", s)
	}
	if log := r.log(d); strings.Contains(log, "Release command") {
		t.Errorf("the log says:\n%s", log)
	}
}

// F30: a server that comes up with a wrong clock, until it has asked for the right time.
func TestTrash_AClockThatIsAheadForAWhileEndsNothing(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.kind(app, platform.DeployTrash), platform.DeploymentLive)
	r.stop()
	r.doubt = time.Hour
	r.later.Store(int64(20 * 365 * 24 * time.Hour))
	r.start()
	r.eventually("the keeper to be through", func() bool { return r.through.Load() > 1 })
	r.later.Store(0)
	got, err := r.store.AppByID(t.Context(), app.ID)
	if err != nil || got.State != platform.AppTrashed {
		t.Fatalf("the app is %s, %v", got.State, err)
	}
	r.ended(r.kind(app, platform.DeployRestore), platform.DeploymentLive)
}
