package app_test

import (
	"fmt"
	"testing"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// liveWith gives an app a release with these process types.
func liveWith(t *testing.T, db *store.Store, name string, types ...string) platform.App {
	t.Helper()
	a, err := db.AppByName(t.Context(), name)
	check(t, err)
	d := platform.Deployment{AppID: a.ID, Kind: platform.DeployPush}
	check(t, db.CreateDeployment(t.Context(), &d, nil))
	_, err = db.ClaimDeployment(t.Context(), d.ID)
	check(t, err)
	r := platform.Release{AppID: a.ID, DeploymentID: d.ID, Image: "i", Plan: a.Plan}
	for _, p := range types {
		r.Processes = append(r.Processes, platform.Process{Type: p})
	}
	check(t, db.AppendRelease(t.Context(), &r))
	check(t, db.CommitSwitch(t.Context(), a.ID, r.Number, d.ID))
	a, err = db.AppByName(t.Context(), name)
	check(t, err)
	return a
}

func TestScale_AllTypesTogetherAndNeverTheReleaseCommand(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "pico"})
	check(t, err)
	liveWith(t, db, "shop", "web", "worker", "release")
	_, err = s.Scale(t.Context(), owner, "shop", platform.Scale{"release": 1})
	want(t, err, platform.Invalid, "scale_release")
	_, err = s.Scale(t.Context(), owner, "shop", platform.Scale{"web": 13, "worker": 12})
	want(t, err, platform.Invalid, "scale_too_many")
	d, err := s.Scale(t.Context(), owner, "shop", platform.Scale{"web": 2, "worker": 3})
	if err != nil || d.Cause != "scale web=2 worker=3" {
		t.Errorf("%+v, %v", d, err)
	}
	capacity, err := s.Plans(t.Context(), owner)
	check(t, err)
	liveWith(t, db, "shop", "worker") // neither web nor release any more
	alone, err := s.Plans(t.Context(), owner)
	check(t, err)
	if capacity.Promised*3 != alone.Promised*5 {
		t.Errorf("5 replicas promise %d, 3 promise %d", capacity.Promised, alone.Promised)
	}
}

func TestIntroduce_NewTypesGetOneReplicaWhereItFits(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "nano"})
	check(t, err)
	a := liveWith(t, db, "shop", "web")
	got, err := s.Introduce(t.Context(), a.ID, releaseOf("web", "worker"), []string{"worker"})
	if err != nil || got.Scale.Of("worker") != 1 || got.Scale.Of("web") != 1 {
		t.Errorf("%+v, %v", got.Scale, err)
	}
	s.Engine.(*enginetest.Fake).Memory = 1 << 30
	got, err = s.Introduce(t.Context(), a.ID, releaseOf("web", "worker", "clock"), []string{"clock"})
	if n, known := got.Scale["clock"]; err != nil || n != 0 || !known {
		t.Errorf("without room: %+v, %v", got.Scale, err)
	}
}

func releaseOf(types ...string) platform.Release {
	r := platform.Release{Number: 7}
	for _, p := range types {
		r.Processes = append(r.Processes, platform.Process{Type: p})
	}
	return r
}

func TestIntroduce_NeverMoreReplicasThanAnAppCanHave(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "pico"})
	check(t, err)
	a := liveWith(t, db, "shop", "web")
	types := []string{"web"}
	for n := range platform.MaxAppReplicas + 2 {
		types = append(types, fmt.Sprintf("worker%d", n))
	}
	got, err := s.Introduce(t.Context(), a.ID, releaseOf(types...), types[1:])
	check(t, err)
	running := 0
	for _, p := range types {
		running += got.Scale.Of(p)
	}
	if running != platform.MaxAppReplicas {
		t.Errorf("%d replicas: %+v", running, got.Scale)
	}
}

func TestConfigure_TheTimeToEndCountsAtOnce(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "nano"})
	check(t, err)
	live(t, db, "shop", 1)
	for _, n := range []int{-1, 601} {
		_, err = s.Configure(t.Context(), owner, "shop", app.Settings{StopGrace: &n})
		want(t, err, platform.Invalid, "stop_grace_invalid")
	}
	n := 60
	d, err := s.Configure(t.Context(), owner, "shop", app.Settings{StopGrace: &n})
	if err != nil || d.Number != 0 {
		t.Errorf("deployment %d, %v; it needs none", d.Number, err)
	}
	a, err := db.AppByName(t.Context(), "shop")
	if err != nil || a.Grace().Seconds() != 60 {
		t.Errorf("%v, %v", a.Grace(), err)
	}
}
