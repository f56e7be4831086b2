package deploy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/platform"
)

// volume gives an app one.
func (r *rig) volume(app platform.App, shared bool) platform.Volume {
	r.t.Helper()
	v := platform.Volume{AppID: app.ID, Name: "data", Path: "/data", Shared: shared, State: platform.VolumeActive}
	r.check(r.store.CreateVolume(r.t.Context(), &v, func([]platform.Volume) error { return nil }))
	return v
}

func TestVolume_ANewReleaseStartsWhenTheOldOneHasEnded(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.volume(app, false)
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	d := r.ended(r.push(app, "two"), platform.DeploymentLive) // the engine refuses two at once
	r.converged(app, 2)
	if log := r.log(d); !strings.Contains(log, "the volume data is for one replica at a time") {
		t.Errorf("nobody is told why it waits:\n%s", log)
	}
	before := r.places(app)
	r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRestart}), platform.DeploymentLive)
	r.converged(app, 2)
	for id := range r.places(app) {
		if _, stayed := before[id]; stayed {
			t.Error("it was not restarted")
		}
	}
}

func TestVolume_ASickReleaseGivesTheVolumeBack(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.volume(app, false)
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.engine.Program = func(spec platform.ReplicaSpec) enginetest.Behaviour {
		if spec.Release == 2 {
			return enginetest.Behaviour{Refuses: errors.New("it does not start")}
		}
		return enginetest.Behaviour{Listeners: []platform.Listener{{IP: "0.0.0.0", Port: spec.Port}}}
	}
	r.ended(r.push(app, "two"), platform.DeploymentFailed)
	r.converged(app, 1)
}

func TestVolume_AfterACrashOneReplicaHasIt(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.volume(app, false)
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	busy := make(chan struct{})
	r.proxy.setBusy(busy) // the old one has a request that does not end
	d := r.push(app, "two")
	r.eventually("a drain", func() bool { return len(r.proxy.draining()) > 0 })
	r.restart()
	close(busy)
	r.proxy.setBusy(nil)
	r.ended(d, platform.DeploymentLive)
	r.converged(app, 2)
}

func TestVolume_ASharedOneLetsBothReleasesRun(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.volume(app, true)
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	least := 1
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ended(r.push(app, "two"), platform.DeploymentLive)
	}()
	for watching := true; watching; {
		select {
		case <-done:
			watching = false
		default:
			least = min(least, len(r.proxy.route(app.ID).Targets))
		}
	}
	r.converged(app, 2)
	if least < 1 {
		t.Error("nobody served for a moment")
	}
}

func TestVolume_OneInTheTrashIsNotMounted(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	v := r.volume(app, false)
	_, err := r.store.UpdateVolume(t.Context(), app.ID, v.Name, func(v *platform.Volume, _ []platform.Volume) error {
		v.State = platform.VolumeTrashed
		return nil
	})
	r.check(err)
	r.engine.Program = func(spec platform.ReplicaSpec) enginetest.Behaviour {
		if len(spec.Mounts) > 0 {
			t.Errorf("it gets %+v", spec.Mounts)
		}
		return enginetest.Behaviour{Listeners: []platform.Listener{{IP: "0.0.0.0", Port: spec.Port}}}
	}
	r.ended(r.push(app, "one"), platform.DeploymentLive)
}

func TestVolume_AnImageThatCountsOnOneIsTold(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.volume(app, true) // at /data
	log := r.log(r.ended(r.push(app, "keeps"), platform.DeploymentLive))
	if !strings.Contains(log, "The image names /var/www/html as a volume") || !strings.Contains(log, "lugsail volumes create html /var/www/html") {
		t.Errorf("nobody is told:\n%s", log)
	}
	if strings.Contains(log, "/data/in") || strings.Contains(log, ";id") {
		t.Errorf("what is kept, or cannot be, is told:\n%s", log)
	}
}
