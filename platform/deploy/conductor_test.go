package deploy_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/platform"
)

func TestDeploy_PushServesAndRetiresTheOldOne(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	first := r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	if first.Release != 1 || first.EndedAt == nil || len(first.Steps) != 6 {
		t.Errorf("deployment %+v", first)
	}
	second := r.ended(r.push(app, "two"), platform.DeploymentLive)
	r.converged(app, 2)
	r.eventually("the retire step", func() bool {
		d, err := r.store.DeploymentByID(t.Context(), second.ID)
		r.check(err)
		last := d.Steps[len(d.Steps)-1]
		return last.Name == platform.StepRetire && last.State == platform.StepDone
	})
	if _, err := os.Stat(second.Source.Dir); !os.IsNotExist(err) {
		t.Errorf("the source tree is still there: %v", err)
	}
	if log := r.log(second); strings.Contains(log, "LGS-CANARY") || !strings.Contains(log, "building two") {
		t.Errorf("log:\n%s", log)
	}
}

func TestDeploy_FailedBuildLeavesOldOneServing(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	d := r.ended(r.push(app, "broken"), platform.DeploymentFailed)
	if d.FailureCode != "build_failed" || d.FailureHint == "" || d.Release != 0 {
		t.Errorf("failure %q %q, release %d", d.FailureCode, d.FailureHint, d.Release)
	}
	r.converged(app, 1)
}

func TestDeploy_SickReleaseLeavesOldOneServing(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.engine.Program = func(spec platform.ReplicaSpec) enginetest.Behaviour {
		return enginetest.Behaviour{Exits: true, ExitCode: 7, Lines: []platform.LogLine{{Text: "cannot find module"}}}
	}
	d := r.ended(r.push(app, "two"), platform.DeploymentFailed)
	if d.FailureCode != "replica_stopped" || !strings.Contains(d.FailureText, "exit code 7") {
		t.Errorf("failure %q: %s", d.FailureCode, d.FailureText)
	}
	if !strings.Contains(r.log(d), "cannot find module") {
		t.Errorf("the log lacks the replica's last words:\n%s", r.log(d))
	}
	r.converged(app, 1)
	if current, _ := r.store.AppByID(t.Context(), app.ID); current.CurrentRelease != 1 {
		t.Errorf("v%d serves", current.CurrentRelease)
	}
}

func TestDeploy_NewestPushWaitsAndWins(t *testing.T) {
	r := newRig(t)
	r.builder.letGo = make(chan struct{})
	app := r.app("shop")
	first := r.push(app, "slow one")
	r.eventually("the build", func() bool { return r.builder.count() == 1 })
	second, third := r.push(app, "two"), r.push(app, "three")
	r.ended(second, platform.DeploymentReplaced)
	if _, err := os.Stat(second.Source.Dir); !os.IsNotExist(err) {
		t.Errorf("the source tree of the replaced push is still there: %v", err)
	}
	close(r.builder.letGo)
	r.ended(first, platform.DeploymentLive)
	r.ended(third, platform.DeploymentLive)
	r.converged(app, 2)
	if r.builder.count() != 2 {
		t.Errorf("%d builds, want 2", r.builder.count())
	}
}

func TestCancel_DuringBuildLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.builder.letGo = make(chan struct{})
	app := r.app("shop")
	d := r.push(app, "slow")
	r.eventually("the build", func() bool { return r.builder.count() == 1 })
	_, err := r.c.Cancel(t.Context(), d)
	r.check(err)
	d = r.ended(d, platform.DeploymentCancelled)
	if _, err := os.Stat(d.Source.Dir); !os.IsNotExist(err) {
		t.Errorf("the source tree is still there: %v", err)
	}
	if d.Steps[0].Detail != "cancelled" || d.Steps[1].State != platform.StepSkipped {
		t.Errorf("steps %+v", d.Steps)
	}
	r.converged(app)
	if _, err := r.c.Cancel(t.Context(), d); !platform.IsKind(err, platform.Conflict) {
		t.Errorf("cancelling twice: %v", err)
	}
}

func TestCancel_WhileStartingStopsWhatWasStarted(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.engine.Program = func(platform.ReplicaSpec) enginetest.Behaviour { return enginetest.Behaviour{} } // never listens
	d := r.push(app, "one")
	r.eventually("a replica", func() bool { return len(r.running(app)) == 1 })
	_, err := r.c.Cancel(t.Context(), d)
	r.check(err)
	r.ended(d, platform.DeploymentCancelled)
	r.converged(app)
}

func TestRollback_MakesANewReleaseWithoutABuild(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.push(app, "two"), platform.DeploymentLive)
	builds := r.builder.count()
	d := r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRollback, FromRelease: 1}), platform.DeploymentLive)
	r.converged(app, 3)
	release, err := r.store.ReleaseByNumber(t.Context(), app.ID, d.Release)
	r.check(err)
	if release.Image != "one" || r.builder.count() != builds {
		t.Errorf("image %q, %d builds", release.Image, r.builder.count()-builds)
	}
}

func TestScale_StartsAndStopsReplicasOfTheSameRelease(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.scale(app, 3)
	r.converged(app, 1, 1, 1)
	r.scale(app, 1)
	r.converged(app, 1)
	r.scale(app, 0)
	r.converged(app)
}

func TestKeeper_StartsAgainWhatEnded(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	replicas, err := r.engine.Replicas(t.Context(), app.ID)
	r.check(err)
	r.engine.Vanish(replicas[0].ID)
	r.eventually("another replica", func() bool {
		now := r.proxy.route(app.ID).Targets
		return len(now) == 1 && now[0].ID != replicas[0].ID
	})
	r.converged(app, 1)
}

func TestF18_ReleaseThatDiesAfterTheSwitchGivesWayToTheOneBefore(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.push(app, "two"), platform.DeploymentLive)
	r.converged(app, 2)
	r.engine.Exit(r.proxy.route(app.ID).Targets[0].ID, 9)
	r.eventually("v3", func() bool { return r.proxy.route(app.ID).Release == 3 })
	r.converged(app, 3)
	release, err := r.store.ReleaseByNumber(t.Context(), app.ID, 3)
	r.check(err)
	if release.Image != "one" || !strings.Contains(release.Returned(), "went back to v1: web.1 of v2 ended with exit code") || release.CreatedBy != "lugsail" {
		t.Errorf("release %+v", release)
	}
	r.engine.Exit(r.proxy.route(app.ID).Targets[0].ID, 9) // an automatic return is not returned from
	r.converged(app, 3)
}

func TestF06_SwitchThatTheProxyMissedIsRepeated(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	r.proxy.setDown(true)
	r.ended(r.push(app, "two"), platform.DeploymentLive)
	r.eventually("several rounds of the keeper", func() bool { return r.proxy.misses() > 4 })
	if got := r.running(app); len(got) != 2 {
		t.Fatalf("the old replica was stopped while the proxy still led to it: %v", got)
	}
	r.proxy.setDown(false)
	r.converged(app, 2)
}

func TestF04_RestartDuringTheBuildTakesItUpOnceMore(t *testing.T) {
	r := newRig(t)
	r.builder.letGo = make(chan struct{})
	app := r.app("shop")
	d := r.push(app, "slow")
	r.eventually("the build", func() bool { return r.builder.count() == 1 })
	killed := platform.Build{AppID: app.ID, DeploymentID: d.ID, State: platform.BuildRunning} // as a kill leaves it
	r.check(r.store.CreateBuild(t.Context(), &killed))
	r.restart()
	r.eventually("the second build", func() bool { return r.builder.count() == 2 })
	builds, err := r.store.BuildsOf(t.Context(), app.ID, 0)
	r.check(err)
	for _, b := range builds[1:] {
		if b.State != platform.BuildFailed || b.EndedAt == nil {
			t.Errorf("a build that was cut off is %s", b.State)
		}
	}
	r.restart()
	d = r.ended(d, platform.DeploymentFailed)
	if d.FailureCode != "server_restarted" || !strings.Contains(d.FailureText, "restarted during the build") {
		t.Errorf("failure %q: %s", d.FailureCode, d.FailureText)
	}
}

func TestF05_RestartBeforeHealthyAdoptsTheReplica(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.engine.Program = func(platform.ReplicaSpec) enginetest.Behaviour { return enginetest.Behaviour{} }
	d := r.push(app, "one")
	r.eventually("a replica", func() bool { return len(r.running(app)) == 1 })
	r.restart()
	replicas, err := r.engine.Replicas(t.Context(), app.ID)
	r.check(err)
	r.engine.SetListeners(replicas[0].ID, platform.Listener{IP: "::", Port: 8080})
	r.ended(d, platform.DeploymentLive)
	r.converged(app, 1)
	if got := r.proxy.route(app.ID).Targets[0].ID; got != replicas[0].ID {
		t.Errorf("%s serves, want the adopted %s", got, replicas[0].ID)
	}
	if releases, _ := r.store.ReleasesOf(t.Context(), app.ID, 10); len(releases) != 1 || r.builder.count() != 1 {
		t.Errorf("%d releases, %d builds: the second walk did done work again", len(releases), r.builder.count())
	}
}

func TestF06_RestartAfterTheCommitServesTheNewAndRetiresTheOld(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.converged(app, 1)
	r.proxy.setDown(true) // the commit is made, nothing after it
	r.ended(r.push(app, "two"), platform.DeploymentLive)
	r.stop()
	r.proxy.setDown(false)
	r.start()
	r.converged(app, 2)
}

func TestDestroy_NeedsNoSecrets(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.sealed.Store(true)
	r.ended(r.push(app, "two"), platform.DeploymentFailed)
	r.converged(app, 1)
	r.kind(app, platform.DeployTrash)
	r.eventually("the app to be in the trash", func() bool { return r.state(app) == platform.AppTrashed })
	r.kind(app, platform.DeployDestroy)
	r.eventually("the app to be gone", func() bool { return r.state(app) == "" })
}

func TestDestroy_LeavesNothing(t *testing.T) {
	r := newRig(t)
	app, other := r.app("shop"), r.app("blog")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.push(other, "other"), platform.DeploymentLive)
	r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployDestroy})
	r.eventually("the app to be gone", func() bool {
		_, err := r.store.AppByID(context.Background(), app.ID)
		return platform.IsKind(err, platform.NotFound)
	})
	r.converged(app)
	r.eventually("its host to be nobody's", func() bool { return r.proxy.route(app.ID).Host == "" })
	r.converged(other, 1)
	if len(r.builder.forgot) != 1 || r.builder.forgot[0] != app.ID {
		t.Errorf("builds forgot %v", r.builder.forgot)
	}
}
