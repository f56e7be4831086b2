package deploy_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/platform"
)

// places are the replicas of an app by the id, with the places that they fill.
func (r *rig) places(app platform.App) map[string]string {
	r.t.Helper()
	replicas, err := r.engine.Replicas(r.t.Context(), app.ID)
	r.check(err)
	places := map[string]string{}
	for _, replica := range replicas {
		if replica.State == platform.ReplicaRunning {
			places[replica.ID] = replica.Process + string(rune('0'+replica.Index))
		}
	}
	return places
}

func TestRestart_ReplacesEachReplicaAndAlwaysServes(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.scale(app, 3)
	r.eventually("three targets", func() bool { return len(r.proxy.route(app.ID).Targets) == 3 })
	before := r.places(app)
	done := make(chan struct{})
	most, least := 0, 99
	go func() {
		defer close(done)
		d := r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRestart, Cause: "restart"})
		r.ended(d, platform.DeploymentLive)
	}()
	for watching := true; watching; {
		select {
		case <-done:
			watching = false
		default:
			most, least = max(most, len(r.running(app))), min(least, len(r.proxy.route(app.ID).Targets))
		}
	}
	r.eventually("three replicas", func() bool { return len(r.running(app)) == 3 && len(r.proxy.route(app.ID).Targets) == 3 })
	for id, place := range r.places(app) {
		if _, stayed := before[id]; stayed {
			t.Errorf("%s was not replaced", place)
		}
	}
	if least < 3 {
		t.Errorf("only %d replicas had the visitors for a moment", least)
	}
	if most > 4 {
		t.Errorf("%d replicas ran at once: they were not replaced one by one", most)
	}
	if current, _ := r.store.AppByID(t.Context(), app.ID); current.CurrentRelease != 1 {
		t.Errorf("v%d serves", current.CurrentRelease)
	}
}

func TestRestart_ASickReplicaLeavesTheOldOneServing(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	before := r.places(app)
	r.engine.Program = func(platform.ReplicaSpec) enginetest.Behaviour {
		return enginetest.Behaviour{Refuses: errors.New("it does not start")}
	}
	r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRestart}), platform.DeploymentFailed)
	r.converged(app, 1)
	for id := range r.places(app) {
		if _, stayed := before[id]; !stayed {
			t.Error("the old replica is gone")
		}
	}
}

func TestRestart_GoesOnAfterACrash(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.scale(app, 2)
	before := r.places(app)
	busy := make(chan struct{})
	r.proxy.setBusy(busy) // the first old one has requests that do not end
	d := r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRestart})
	r.eventually("a drain", func() bool { return len(r.proxy.draining()) > 0 })
	r.restart()
	close(busy)
	r.proxy.setBusy(nil)
	r.ended(d, platform.DeploymentLive)
	r.eventually("two new replicas", func() bool {
		now := r.places(app)
		return len(now) == 2 && len(r.proxy.route(app.ID).Targets) == 2 &&
			!slices.ContainsFunc(r.proxy.route(app.ID).Targets, func(t platform.Target) bool { _, old := before[t.ID]; return old })
	})
}

func TestRestart_NothingServes(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRestart}), platform.DeploymentCancelled)
}
