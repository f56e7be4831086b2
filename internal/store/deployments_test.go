package store

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func newDeployment(t *testing.T, s *Store, app platform.App, kind platform.DeploymentKind) platform.Deployment {
	t.Helper()
	d := platform.Deployment{AppID: app.ID, Kind: kind, State: platform.DeploymentWaiting, Source: platform.Source{Dir: "/x", Files: 3}}
	must(t, s.CreateDeployment(t.Context(), &d, []platform.StepName{platform.StepBuild, platform.StepSwitch}))
	return d
}

func stateOf(t *testing.T, s *Store, d platform.Deployment) platform.Deployment {
	t.Helper()
	got, err := s.DeploymentByID(t.Context(), d.ID)
	must(t, err)
	return got
}

func TestDeployments_NewestPushReplacesWaitingPushesOnly(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	app, other := newApp(t, s, "shop"), newApp(t, s, "other")
	running := newDeployment(t, s, app, platform.DeployPush)
	_, err := s.ClaimDeployment(ctx, running.ID)
	must(t, err)
	old := newDeployment(t, s, app, platform.DeployPush)
	config := newDeployment(t, s, app, platform.DeployConfig)
	foreign := newDeployment(t, s, other, platform.DeployPush)
	scale := newDeployment(t, s, app, platform.DeployScale)
	if got := stateOf(t, s, old); got.State != platform.DeploymentWaiting {
		t.Fatalf("a scale replaced a push: %+v", got)
	}
	push := newDeployment(t, s, app, platform.DeployPush)
	if push.Number != 5 || foreign.Number != 1 {
		t.Fatalf("got numbers %d and %d", push.Number, foreign.Number)
	}
	for _, want := range []struct {
		d     platform.Deployment
		state platform.DeploymentState
	}{
		{running, platform.DeploymentRunning},
		{old, platform.DeploymentReplaced},
		{config, platform.DeploymentWaiting},
		{scale, platform.DeploymentWaiting},
		{foreign, platform.DeploymentWaiting},
		{push, platform.DeploymentWaiting},
	} {
		got := stateOf(t, s, want.d)
		if got.State != want.state || (got.EndedAt != nil) != (want.state == platform.DeploymentReplaced) {
			t.Errorf("deployment %d: %+v, want %s", got.Number, got, want.state)
		}
	}
	if got := stateOf(t, s, old); got.Steps[0].State != platform.StepSkipped {
		t.Errorf("got %+v", got.Steps)
	}
}

func TestDeployments_UnfinishedComeByNumberThoughTheClockGoesBack(t *testing.T) {
	now := time.Now()
	s, err := Open(t.Context(), Config{Dir: t.TempDir(), Key: testKey{}, Now: func() time.Time { return now }})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	first, second := newApp(t, s, "first"), newApp(t, s, "second")
	a := newDeployment(t, s, second, platform.DeployConfig)
	b := newDeployment(t, s, first, platform.DeployConfig)
	_, err = s.ClaimDeployment(t.Context(), b.ID)
	must(t, err)
	now = now.Add(-time.Hour)
	c := newDeployment(t, s, first, platform.DeployConfig)
	list, err := s.UnfinishedDeployments(t.Context())
	must(t, err)
	index := map[string]int{}
	for i, d := range list {
		index[d.ID] = i
		if len(d.Steps) != 2 {
			t.Errorf("deployment %d has steps %+v", d.Number, d.Steps)
		}
	}
	if len(list) != 3 || index[b.ID] > index[c.ID] {
		t.Fatalf("got %+v, want %s before %s (and %s)", list, b.ID, c.ID, a.ID)
	}
}

func TestClaimDeployment_OneRunsOfAnApp(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	app := newApp(t, s, "shop")
	list := []platform.Deployment{newDeployment(t, s, app, platform.DeployPush), newDeployment(t, s, app, platform.DeployConfig)}
	var all sync.WaitGroup
	results := make(chan error, len(list))
	for _, d := range list {
		all.Go(func() { _, err := s.ClaimDeployment(ctx, d.ID); results <- err })
	}
	all.Wait()
	if a, b := <-results, <-results; (a == nil) == (b == nil) {
		t.Fatalf("got %v and %v, want one to run", a, b)
	}
	running, err := s.UnfinishedDeployments(ctx)
	must(t, err)
	d := running[0]
	if d.State != platform.DeploymentRunning {
		d = running[1]
	}
	again, err := s.ClaimDeployment(ctx, d.ID)
	must(t, err)
	if again.Attempts != 2 || !again.StartedAt.Equal(*d.StartedAt) {
		t.Fatalf("taken up again: %+v", again)
	}
	_, err = s.UpdateDeployment(ctx, d.ID, func(d *platform.Deployment) error {
		d.State, d.Number, d.AppID, d.ID = platform.DeploymentFailed, 99, "x", "y"
		return nil
	})
	must(t, err)
	if got := stateOf(t, s, d); got.Number == 99 || got.State != platform.DeploymentFailed {
		t.Fatalf("got %+v", got)
	}
	_, err = s.ClaimDeployment(ctx, d.ID)
	wantKind(t, err, platform.Conflict, "deployment_ended")
	wantKind(t, s.AskCancel(ctx, d.ID), platform.Conflict, "deployment_ended")
	wantKind(t, s.AskCancel(ctx, "nothing"), platform.NotFound, "deployment_not_found")
}

func TestDeployments_ARemovalMarksTheAppAndIsTheLastThatIsRecorded(t *testing.T) {
	s := newTest(t)
	app := newApp(t, s, "shop")
	newDeployment(t, s, app, platform.DeployDestroy)
	got, err := s.AppByID(t.Context(), app.ID)
	if err != nil || got.State != platform.AppDestroying {
		t.Fatalf("the app is %s, %v", got.State, err)
	}
	late := platform.Deployment{AppID: app.ID, Kind: platform.DeployPush}
	wantKind(t, s.CreateDeployment(t.Context(), &late, nil), platform.Conflict, "app_destroying")
	newDeployment(t, s, app, platform.DeployDestroy) // the same again, after a failure
}

func TestDeployments_EndingClosesTheSteps(t *testing.T) {
	s := newTest(t)
	d := newDeployment(t, s, newApp(t, s, "shop"), platform.DeployPush)
	must(t, s.SetStep(t.Context(), platform.Step{DeploymentID: d.ID, Name: platform.StepBuild, State: platform.StepRunning}))
	_, err := s.UpdateDeployment(t.Context(), d.ID, func(d *platform.Deployment) error { d.State = platform.DeploymentFailed; return nil })
	must(t, err)
	steps := stateOf(t, s, d).Steps
	if steps[0].State != platform.StepFailed || steps[0].EndedAt == nil || steps[1].State != platform.StepSkipped {
		t.Fatalf("got %+v", steps)
	}
}

func TestDeployments_LogsOfTheNewestAreKept(t *testing.T) {
	s := newTest(t)
	app := newApp(t, s, "shop")
	var first platform.Deployment
	for i := range keptLogs + 1 {
		d := newDeployment(t, s, app, platform.DeployConfig)
		w, err := s.Logs().Writer(d.ID)
		must(t, err)
		must(t, w.Close())
		if i == 0 {
			first = d
		}
	}
	files, err := os.ReadDir(filepath.Join(s.dir, "logs"))
	if err != nil || len(files) != keptLogs {
		t.Fatalf("%d logs are kept, want %d (%v)", len(files), keptLogs, err)
	}
	must(t, s.Logs().Read(t.Context(), first.ID, 0, func(int64, string) error { t.Error("the oldest has lines"); return nil }))
}

func TestSetStep_KeepsPositionsAndOrder(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	d := newDeployment(t, s, newApp(t, s, "shop"), platform.DeployPush)
	now := time.Now()
	must(t, s.SetStep(ctx, platform.Step{DeploymentID: d.ID, Name: platform.StepBuild, State: platform.StepDone, Detail: "0.6 s", StartedAt: &now}))
	must(t, s.SetStep(ctx, platform.Step{DeploymentID: d.ID, Name: platform.StepRetire, Position: 30, State: platform.StepRunning}))
	got := stateOf(t, s, d)
	if len(got.Steps) != 3 || got.Steps[0].Name != platform.StepBuild || got.Steps[0].Position != 10 || got.Steps[0].Detail != "0.6 s" ||
		got.Steps[2].Name != platform.StepRetire {
		t.Fatalf("got %+v", got.Steps)
	}
	err := s.SetStep(ctx, platform.Step{DeploymentID: "nothing", Name: platform.StepBuild})
	wantKind(t, err, platform.NotFound, "deployment_not_found")
}

func TestCommitSwitch_ChangesAllOrNothingAndOnce(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	app := newApp(t, s, "shop")
	d := newDeployment(t, s, app, platform.DeployPush)
	wantKind(t, s.CommitSwitch(ctx, app.ID, 1, d.ID), platform.Conflict, "deployment_not_running")
	_, err := s.ClaimDeployment(ctx, d.ID)
	must(t, err)
	wantKind(t, s.CommitSwitch(ctx, app.ID, 1, d.ID), platform.NotFound, "release_not_found")
	must(t, s.AppendRelease(ctx, &platform.Release{AppID: app.ID, DeploymentID: d.ID, Image: "i", Plan: "micro"}))
	for range 2 {
		must(t, s.CommitSwitch(ctx, app.ID, 1, d.ID))
		got, err := s.AppByID(ctx, app.ID)
		must(t, err)
		d = stateOf(t, s, d)
		if got.CurrentRelease != 1 || d.State != platform.DeploymentLive || d.Release != 1 || d.EndedAt == nil || d.Steps[1].State != platform.StepDone {
			t.Fatalf("got %+v and %+v", got, d)
		}
	}
	wantKind(t, s.CommitSwitch(ctx, "other", 1, d.ID), platform.NotFound, "deployment_not_found")
}

func TestDomains_TakenOnceWithoutTellingByWhom(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	shop, other := newApp(t, s, "shop"), newApp(t, s, "other")
	must(t, s.AddDomain(ctx, &platform.Domain{Host: "www.example.com", AppID: shop.ID}))
	err := s.AddDomain(ctx, &platform.Domain{Host: "www.example.com", AppID: other.ID})
	wantKind(t, err, platform.Conflict, "domain_taken")
	wantKind(t, s.RemoveDomain(ctx, other.ID, "www.example.com"), platform.NotFound, "domain_not_found")
	must(t, s.RemoveDomain(ctx, shop.ID, "www.example.com"))
	list, err := s.Domains(ctx)
	if err != nil || len(list) != 0 {
		t.Fatalf("got %+v, %v", list, err)
	}
}

func TestEvents_PageBackwards(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	for i := range 5 {
		must(t, s.AppendEvent(ctx, &platform.Event{Action: "x", AppID: []string{"a", "b"}[i%2]}))
	}
	page, err := s.Events(ctx, "", 0, 2)
	must(t, err)
	if len(page) != 2 || page[0].ID != 5 {
		t.Fatalf("got %+v", page)
	}
	page, err = s.Events(ctx, "a", page[1].ID, 10)
	must(t, err)
	if len(page) != 2 || page[0].ID != 3 || page[1].ID != 1 {
		t.Fatalf("got %+v", page)
	}
}

func TestChanged_WakesFollowersOfThatAppAndOfAny(t *testing.T) {
	s := newTest(t)
	shop, other := newApp(t, s, "shop"), newApp(t, s, "other")
	d := newDeployment(t, s, shop, platform.DeployPush)
	mine, foreign, any := s.Changed(shop.ID), s.Changed(other.ID), s.Changed("")
	must(t, s.SetStep(t.Context(), platform.Step{DeploymentID: d.ID, Name: platform.StepBuild, State: platform.StepRunning}))
	for name, ch := range map[string]<-chan struct{}{"the app's": mine, "any": any} {
		select {
		case <-ch:
		default:
			t.Errorf("%s followers sleep", name)
		}
	}
	select {
	case <-foreign:
		t.Error("another app's followers were woken")
	default:
	}
	must(t, s.DeleteApp(t.Context(), other.ID))
	if n := len(s.waiter.waits); n != 0 {
		t.Errorf("%d channels are left", n)
	}
}

func TestUpdateApp_ContentionLosesNothing(t *testing.T) {
	s := newTest(t)
	app := newApp(t, s, "shop")
	const writers, rounds = 8, 100
	var all sync.WaitGroup
	errs := make(chan error, writers)
	for range writers {
		all.Go(func() {
			var err error
			for range rounds {
				_, e := s.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.CurrentRelease++; return nil })
				_, e2 := s.AppByID(t.Context(), app.ID)
				err = errors.Join(err, e, e2)
			}
			errs <- err
		})
	}
	all.Wait()
	for range writers {
		must(t, <-errs)
	}
	got, err := s.AppByID(t.Context(), app.ID)
	must(t, err)
	if got.CurrentRelease != writers*rounds {
		t.Fatalf("got %d of %d", got.CurrentRelease, writers*rounds)
	}
}

func TestNewestDeploymentsAndServingReleases_OneOfEachApp(t *testing.T) {
	s := newTest(t)
	ctx := t.Context()
	shop, blog := newApp(t, s, "shop"), newApp(t, s, "blog")
	newApp(t, s, "empty")
	newDeployment(t, s, shop, platform.DeployPush)
	newest := map[string]int{shop.ID: newDeployment(t, s, shop, platform.DeployScale).Number, blog.ID: newDeployment(t, s, blog, platform.DeployPush).Number}
	for range 2 {
		must(t, s.AppendRelease(ctx, &platform.Release{AppID: shop.ID, Image: "x", Plan: "nano", CreatedAt: time.Now()}))
	}
	must(t, s.AppendRelease(ctx, &platform.Release{AppID: blog.ID, Image: "x", Plan: "nano", CreatedAt: time.Now()}))
	_, err := s.UpdateApp(ctx, shop.ID, func(a *platform.App) error { a.CurrentRelease = 1; return nil })
	must(t, err)
	deployments, err := s.NewestDeployments(ctx)
	must(t, err)
	got := map[string]int{}
	for _, d := range deployments {
		got[d.AppID] = d.Number
		if len(d.Steps) != 2 {
			t.Errorf("deployment %d has %d steps", d.Number, len(d.Steps))
		}
	}
	if len(deployments) != 2 || !maps.Equal(got, newest) {
		t.Errorf("newest deployments %v, want %v", got, newest)
	}
	releases, err := s.ServingReleases(ctx)
	must(t, err)
	if len(releases) != 1 || releases[0].AppID != shop.ID || releases[0].Number != 1 {
		t.Errorf("releases that serve: %+v", releases)
	}
}
