package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/platform"
)

func TestF14_AnEngineThatIsAwayAtTheStartTakesNothingOffTheProxy(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	r.stop()
	before := r.proxy.revision()
	r.engine.Down()
	r.start()
	r.eventually("the look that fails", func() bool { return len(r.routes.Awaited()) == 1 })
	r.check(r.routes.Refresh(t.Context())) // as a new app or domain does
	if now := r.proxy.revision(); now != before || len(r.proxy.route(app.ID).Targets) != 1 {
		t.Fatalf("table %d after %d was published without a look: %+v", now, before, r.proxy.route(app.ID))
	}
	r.engine.Up()
	r.eventually("the first table", func() bool { return r.proxy.revision() > before })
	r.converged(app, 1)
}

// Addresses are given to other apps once a network is made anew: they leave the table with their replicas.
func TestKeeper_AddressesLeaveTheTableWithTheirReplicas(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	r.engine.Program = func(platform.ReplicaSpec) enginetest.Behaviour { return enginetest.Behaviour{} } // never listens
	r.engine.Vanish(r.proxy.route(app.ID).Targets[0].ID)
	r.eventually("a route that waits", func() bool {
		now := r.proxy.route(app.ID)
		return now.Release == 1 && len(now.Targets) == 0 && now.Coming
	})
}

func TestKeeper_LooksAfterWhatServesDuringADeployment(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	r.engine.Program = func(spec platform.ReplicaSpec) enginetest.Behaviour {
		if spec.Release == 2 {
			return enginetest.Behaviour{} // never listens
		}
		return enginetest.Behaviour{Listeners: []platform.Listener{{IP: "0.0.0.0", Port: spec.Port}}}
	}
	d := r.push(app, "two")
	r.eventually("the new replica", func() bool { return slices.Contains(r.running(app), 2) })
	old := r.proxy.route(app.ID).Targets[0].ID
	r.engine.Vanish(old)
	r.eventually("another replica of v1", func() bool {
		now := r.proxy.route(app.ID)
		return now.Release == 1 && len(now.Targets) == 1 && now.Targets[0].ID != old
	})
	_, err := r.c.Cancel(t.Context(), d)
	r.check(err)
	r.ended(d, platform.DeploymentCancelled)
	r.converged(app, 1)
}

func TestScale_UpDoesNotCountOnReplicasThatAreBeingDrained(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.scale(app, 2)
	r.converged(app, 1, 1)
	busy := make(chan struct{})
	r.proxy.setBusy(busy)
	r.scale(app, 1)
	r.eventually("a replica to be drained", func() bool { return len(r.proxy.draining()) == 1 })
	r.scale(app, 2)
	leaving := r.proxy.draining()[0]
	for _, target := range r.proxy.route(app.ID).Targets {
		if target.ID == leaving {
			t.Error("a replica serves again that is about to be stopped")
		}
	}
	close(busy)
	r.converged(app, 1, 1)
}

func TestF18_AnAutomaticReturnGivesWayToANewerPush(t *testing.T) {
	r := newRig(t)
	r.builder.letGo = make(chan struct{})
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.push(app, "two"), platform.DeploymentLive)
	r.converged(app, 2)
	third := r.push(app, "slow three")
	r.eventually("the build", func() bool { return r.builder.count() == 3 })
	r.engine.Exit(r.proxy.route(app.ID).Targets[0].ID, 9)
	var back platform.Deployment
	r.eventually("the automatic return", func() bool {
		newest, err := r.store.DeploymentsOf(t.Context(), app.ID, 1)
		r.check(err)
		back = newest[0]
		return back.Kind == platform.DeployRollback
	})
	close(r.builder.letGo)
	r.ended(third, platform.DeploymentLive)
	r.ended(back, platform.DeploymentReplaced)
	r.converged(app, 3)
}

func TestF07_ARemovalIsTakenUpUntilItIsDone(t *testing.T) {
	r := newRig(t)
	r.builder.setStuck(errors.New("no space"))
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	d := r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployDestroy}), platform.DeploymentFailed)
	if !strings.Contains(d.FailureHint, "goes on trying") {
		t.Errorf("hint %q", d.FailureHint)
	}
	_, err := r.c.Start(t.Context(), platform.Deployment{AppID: app.ID, Kind: platform.DeployScale})
	if !platform.IsKind(err, platform.Conflict) {
		t.Errorf("something else was recorded for an app that is being removed: %v", err)
	}
	for range 3 {
		r.restart()
	}
	r.builder.setStuck(nil)
	r.eventually("the app to be gone", func() bool {
		_, err := r.store.AppByID(context.Background(), app.ID)
		return platform.IsKind(err, platform.NotFound)
	})
}

func TestRetain_TheReleaseBeforeStaysHoweverManyWereSick(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	r.engine.Program = func(spec platform.ReplicaSpec) enginetest.Behaviour {
		if strings.HasPrefix(spec.Image, "sick") {
			return enginetest.Behaviour{Exits: true, ExitCode: 1}
		}
		return enginetest.Behaviour{Listeners: []platform.Listener{{IP: "0.0.0.0", Port: spec.Port}}}
	}
	for i := range 11 {
		r.ended(r.push(app, fmt.Sprintf("sick %d", i)), platform.DeploymentFailed)
	}
	r.eventually("the sick images to be dropped", func() bool { return slices.Equal(r.builder.keeps(), []string{"one"}) })
	r.ended(r.push(app, "two"), platform.DeploymentLive)
	r.eventually("the images in reach", func() bool { return slices.Equal(r.builder.keeps(), []string{"two", "one"}) })
}

func TestCancel_WhatWaitsEndsAtOnce(t *testing.T) {
	r := newRig(t)
	r.builder.letGo = make(chan struct{})
	app := r.app("shop")
	first := r.push(app, "slow one")
	r.eventually("the build", func() bool { return r.builder.count() == 1 })
	second := r.push(app, "two")
	got, err := r.c.Cancel(t.Context(), second)
	r.check(err)
	if got.State != platform.DeploymentCancelled {
		t.Errorf("it is %s while another one runs", got.State)
	}
	if _, err := os.Stat(second.Source.Dir); !os.IsNotExist(err) {
		t.Errorf("the source tree is still there: %v", err)
	}
	if log := r.log(second); !strings.Contains(log, "was cancelled") {
		t.Errorf("log:\n%s", log)
	}
	close(r.builder.letGo)
	r.ended(first, platform.DeploymentLive)
	r.eventually("both to be settled", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Equal(r.settled, []string{"2 cancelled", "1 live"})
	})
}

func TestF06_RestartAfterTheCommitFinishesTheRecord(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	r.proxy.setDown(true)
	d := r.ended(r.push(app, "two"), platform.DeploymentLive)
	r.stop()
	r.proxy.setDown(false)
	r.start()
	r.eventually("the retire step", func() bool {
		d = r.ended(d, platform.DeploymentLive)
		return d.Steps[len(d.Steps)-1].State == platform.StepDone
	})
	r.converged(app, 2)
}

func TestF09_APanicFailsItsDeploymentAlone(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	d := r.ended(r.push(app, "panic"), platform.DeploymentFailed)
	if d.FailureCode != "internal" || strings.Contains(d.FailureText, "bad day") {
		t.Errorf("failure %q: %s", d.FailureCode, d.FailureText)
	}
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
}

func TestConfig_BehindAFirstPushIsBroughtLiveOrLeftToTheNext(t *testing.T) {
	for image, states := range map[string][2]platform.DeploymentState{
		"slow": {platform.DeploymentLive, platform.DeploymentLive}, "broken": {platform.DeploymentFailed, platform.DeploymentCancelled},
	} {
		r := newRig(t)
		r.builder.letGo = make(chan struct{})
		app := r.app("shop")
		first := r.push(app, image)
		second := r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployConfig})
		close(r.builder.letGo)
		r.ended(first, states[0])
		r.ended(second, states[1])
	}
}

func TestKeeper_AProxyThatLostItsTableGetsItAgain(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	r.proxy.lose()
	r.converged(app, 1)
}

// F16: `docker network disconnect` and `docker network rm` leave a replica that runs and that nothing reaches.
func TestF16_AReplicaThatLostItsNetworkIsReplaced(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	old := r.proxy.route(app.ID).Targets[0].ID
	r.engine.SetAddress(old, "")
	r.eventually("another replica", func() bool {
		now := r.proxy.route(app.ID)
		return len(now.Targets) == 1 && now.Targets[0].ID != old
	})
	r.converged(app, 1)
}
