package deploy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/platform"
)

// step finds a step of a deployment.
func step(d platform.Deployment, name platform.StepName) (platform.Step, int) {
	for i, s := range d.Steps {
		if s.Name == name {
			return s, i
		}
	}
	return platform.Step{}, -1
}

func (r *rig) runs(app platform.App) []platform.Run {
	r.t.Helper()
	runs, err := r.engine.Runs(r.t.Context(), app.ID)
	r.check(err)
	return runs
}

func (r *rig) noRuns(app platform.App) {
	r.t.Helper()
	r.eventually("no container of a release command", func() bool { return len(r.runs(app)) == 0 })
}

func TestReleaseCommand_RunsBeforeTheSwitchWithTheNewRelease(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	_, err := r.store.ReplaceConfigVars(t.Context(), platform.ConfigChange{AppID: app.ID}, func(vars map[string]string) error { vars["COLOUR"] = "blue"; return nil })
	r.check(err)
	r.ended(r.push(app, "v1"), platform.DeploymentLive)
	r.converged(app, 1)
	d := r.push(app, "v2+release=env=COLOUR,env=LUGSAIL_RELEASE,wait=400ms,exit=0")
	r.eventually("the release command", func() bool { return len(r.runs(app)) == 1 })
	if got := r.proxy.route(app.ID).Release; got != 1 {
		t.Errorf("during the release command v%d is routed", got)
	}
	spec, _ := r.engine.RunSpecOf(r.runs(app)[0].ID)
	if !strings.HasPrefix(spec.Image, "v2") || spec.Plan.Name != "nano" || spec.Attached || spec.Kind != platform.RunRelease || spec.Deployment != d.ID {
		t.Errorf("started with %+v", spec)
	}
	d = r.ended(d, platform.DeploymentLive)
	r.converged(app, 2)
	if s, at := step(d, platform.StepCommand); s.State != platform.StepDone || at != 2 {
		t.Errorf("step %+v at %d of %v", s, at, d.Steps)
	}
	if log := r.log(d); !strings.Contains(log, "release | blue\n") || !strings.Contains(log, "release | v2\n") {
		t.Errorf("the log does not show what it said:\n%s", log)
	}
	r.noRuns(app)
}

func TestReleaseCommand_FailureLeavesTheOldOneServing(t *testing.T) {
	for name, c := range map[string]struct{ steps, code, text string }{
		"exit code":     {"say=relation users exists,exit=3", "release_command_failed", "exit code 3"},
		"not found":     {"exit=127", "release_command_failed", "not found"},
		"out of memory": {"allocate=4096", "release_command_out_of_memory", "512 MB"},
		"too long":      {"say=busy", "release_command_too_long", "still running after 1 second,"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.c.CommandTime = time.Second
			app := r.app("shop")
			r.ended(r.push(app, "v1"), platform.DeploymentLive)
			r.converged(app, 1)
			d := r.ended(r.push(app, "v2+release="+c.steps), platform.DeploymentFailed)
			if d.FailureCode != c.code || !strings.Contains(d.FailureText, c.text) || d.FailureHint == "" {
				t.Errorf("%s: %s → %s", d.FailureCode, d.FailureText, d.FailureHint)
			}
			if s, _ := step(d, platform.StepCommand); s.State != platform.StepFailed {
				t.Errorf("step %+v", s)
			}
			if s, _ := step(d, platform.StepStart); s.State != platform.StepSkipped {
				t.Errorf("step %+v", s)
			}
			r.converged(app, 1)
			r.noRuns(app)
		})
	}
}

func TestF05_RestartDuringTheReleaseCommandTakesItUpAndRunsItOnce(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	d := r.push(app, "v1+release=say=begun,wait=1s,exit=0")
	r.eventually("the release command", func() bool { return len(r.runs(app)) == 1 })
	first := r.runs(app)[0].ID
	r.restart()
	if runs := r.runs(app); len(runs) > 1 || len(runs) == 1 && runs[0].ID != first {
		t.Errorf("after the restart: %+v", runs)
	}
	d = r.ended(d, platform.DeploymentLive)
	if log := r.log(d); !strings.Contains(log, "went on meanwhile") || d.Attempts != 2 {
		t.Errorf("attempt %d:\n%s", d.Attempts, log)
	}
	r.noRuns(app)
}

func TestF05_AReleaseCommandThatHasSucceededIsNotRepeated(t *testing.T) {
	r := newRig(t)
	started := 0
	r.engine.RunProgram = func(s platform.RunSpec) enginetest.Behaviour {
		started++
		return enginetest.Behaviour{Exits: true}
	}
	silent := true
	r.engine.Program = func(s platform.ReplicaSpec) enginetest.Behaviour {
		if silent {
			return enginetest.Behaviour{} // not healthy yet
		}
		return enginetest.Behaviour{Listeners: []platform.Listener{{IP: "0.0.0.0", Port: s.Port}}}
	}
	app := r.app("shop")
	d := r.push(app, "v1+release=exit=0")
	r.eventually("a replica that is not healthy yet", func() bool { return len(r.running(app)) == 1 })
	r.stop()
	silent = false
	replicas, err := r.engine.Replicas(t.Context(), app.ID)
	r.check(err)
	r.engine.SetListeners(replicas[0].ID, platform.Listener{IP: "0.0.0.0", Port: 8080})
	r.start()
	r.ended(d, platform.DeploymentLive)
	if started != 1 {
		t.Errorf("the release command ran %d times", started)
	}
}

func TestCancel_DuringTheReleaseCommandRemovesIt(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	d := r.push(app, "v1+release=serve")
	r.eventually("the release command", func() bool { return len(r.runs(app)) == 1 })
	_, err := r.c.Cancel(t.Context(), d)
	r.check(err)
	r.ended(d, platform.DeploymentCancelled)
	r.noRuns(app)
	if got := r.running(app); len(got) != 0 {
		t.Errorf("replicas of %v run", got)
	}
}

func TestReleaseCommand_RunsForConfigVarsAndNotForRollbacks(t *testing.T) {
	r := newRig(t)
	started := make(chan int, 10)
	r.engine.RunProgram = func(s platform.RunSpec) enginetest.Behaviour {
		started <- s.Release
		return enginetest.Behaviour{Exits: true}
	}
	app := r.app("shop")
	r.ended(r.push(app, "v1+release=exit=0"), platform.DeploymentLive)
	r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployConfig, Cause: "config"}), platform.DeploymentLive)
	back := r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRollback, FromRelease: 1}), platform.DeploymentLive)
	r.ended(r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployScale}), platform.DeploymentLive)
	if len(started) != 2 || <-started != 1 || <-started != 2 {
		t.Error("it shall run for the push and for the config vars, once each")
	}
	if log := r.log(back); !strings.Contains(log, "not run when rolling back") {
		t.Error(log)
	}
}

func TestWorker_NewTypesStartWithOneAndTheLogSaysSo(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "v1"), platform.DeploymentLive)
	d := r.ended(r.push(app, "v2+worker=serve"), platform.DeploymentLive)
	if log := r.log(d); !strings.Contains(log, "New process type worker: 1 replica") || !strings.Contains(log, "1 × web, 1 × worker") {
		t.Error(log)
	}
	r.eventually("a web and a worker", func() bool { return len(r.running(app)) == 2 })
	if got := r.proxy.route(app.ID); len(got.Targets) != 1 || got.NoWeb {
		t.Errorf("routed: %+v", got)
	}
	if log := r.log(r.ended(r.push(app, "v3+worker=serve"), platform.DeploymentLive)); strings.Contains(log, "New process type") {
		t.Error(log)
	}
}

func TestWorker_AnAppWithoutWebIsHealthyWhenItStaysUp(t *testing.T) {
	r := newRig(t)
	app := r.app("mailer")
	d := r.ended(r.push(app, "v1-web+worker=serve"), platform.DeploymentLive)
	if log := r.log(d); !strings.Contains(log, "no web process") {
		t.Error(log)
	}
	r.eventually("its route to say that there is no web process", func() bool {
		got := r.proxy.route(app.ID)
		return got.NoWeb && !got.Coming && len(got.Targets) == 0 && got.Release == 1
	})
	r.restart()
	r.eventually("the same after a restart", func() bool { return r.proxy.route(app.ID).NoWeb && len(r.running(app)) == 1 })
}

func TestF17_AWorkerThatEndsAtOnceFailsTheRelease(t *testing.T) {
	r := newRig(t)
	r.engine.Program = func(s platform.ReplicaSpec) enginetest.Behaviour {
		if s.Process == "worker" && s.Release == 2 {
			return enginetest.Behaviour{Lines: []platform.LogLine{{Text: "no queue at $QUEUE_URL"}}, Exits: true, ExitCode: 1, After: 50 * time.Millisecond}
		}
		return enginetest.Behaviour{Listeners: []platform.Listener{{IP: "0.0.0.0", Port: s.Port}}}
	}
	app := r.app("shop")
	r.ended(r.push(app, "v1+worker=serve"), platform.DeploymentLive)
	d := r.ended(r.push(app, "v2+worker=serve"), platform.DeploymentFailed)
	if d.FailureCode != "replica_stopped" || !strings.Contains(d.FailureText, "worker.1 stopped with exit code 1") || !strings.Contains(d.FailureHint, "must keep running") {
		t.Errorf("%s → %s", d.FailureText, d.FailureHint)
	}
	if log := r.log(d); !strings.Contains(log, "worker.1 | no queue at $QUEUE_URL") {
		t.Error(log)
	}
	r.eventually("v1 alone", func() bool { got := r.running(app); return len(got) == 2 && got[0] == 1 && got[1] == 1 })
}

func TestF05_RestartBeforeHealthyAdoptsTheWorkerToo(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.c.Replicas.Settle = time.Hour
	d := r.push(app, "v1+worker=serve")
	r.eventually("web and worker", func() bool { return len(r.running(app)) == 2 })
	before, err := r.engine.Replicas(t.Context(), app.ID)
	r.check(err)
	r.restart()
	r.ended(d, platform.DeploymentLive)
	after, err := r.engine.Replicas(t.Context(), app.ID)
	r.check(err)
	if len(after) != 2 || after[0].ID != before[0].ID || after[1].ID != before[1].ID {
		t.Errorf("replicas\n%+v became\n%+v", before, after)
	}
}

// appLog is what Lugsail has written into the app's log.
func (r *rig) appLog(app platform.App) string {
	return r.log(platform.Deployment{ID: platform.AppLog(app.ID)})
}

func TestF20_WhatIgnoresSIGTERMIsKilledAfterTheAppsTimeAndToldSo(t *testing.T) {
	r := newRig(t)
	r.engine.Program = func(s platform.ReplicaSpec) enginetest.Behaviour {
		return enginetest.Behaviour{IgnoresTerm: s.Process == "worker", Listeners: []platform.Listener{{IP: "0.0.0.0", Port: s.Port}}}
	}
	app := r.app("shop")
	_, err := r.store.UpdateApp(t.Context(), app.ID, func(a *platform.App) error { a.StopGrace = 45; return nil })
	r.check(err)
	r.ended(r.push(app, "v1+worker=serve"), platform.DeploymentLive)
	r.ended(r.push(app, "v2+worker=serve"), platform.DeploymentLive)
	r.eventually("the old ones to go", func() bool { return len(r.engine.Stops()) == 2 })
	for _, s := range r.engine.Stops() {
		if s.Grace != 45*time.Second {
			t.Errorf("stopped with %v", s.Grace)
		}
	}
	r.eventually("both signals in the app's log", func() bool {
		log := r.appLog(app)
		return strings.Contains(log, "web.1 of v1 is stopped: it got SIGTERM and has 45 s to end") &&
			strings.Contains(log, "worker.1 of v1 did not end within 45 s of SIGTERM and was killed")
	})
	if strings.Contains(r.appLog(app), "web.1 of v1 did not end") {
		t.Error(r.appLog(app))
	}
}

func TestF17_AnEndByItselfIsInTheAppsLog(t *testing.T) {
	r := newRig(t)
	r.c.WatchTime = -1
	app := r.app("shop")
	r.ended(r.push(app, "v1+worker=serve"), platform.DeploymentLive)
	r.eventually("two that are kept", func() bool {
		all, err := r.engine.Replicas(t.Context(), app.ID)
		r.check(err)
		return len(all) == 2 && all[0].Kept && all[1].Kept
	})
	all, err := r.engine.Replicas(t.Context(), app.ID)
	r.check(err)
	r.engine.Exit(all[1].ID, 9)
	r.eventually("the end in the log", func() bool {
		return strings.Contains(r.appLog(app), "worker.1 of v1 ended with exit code 9; it is started again")
	})
}

func TestA37_AReplicaThatIsStartedAgainAtOnceIsStillSaidToHaveRunOutOfMemory(t *testing.T) {
	r := newRig(t)
	r.c.WatchTime = -1
	app := r.app("shop")
	r.ended(r.push(app, "v1"), platform.DeploymentLive)
	r.eventually("a replica that is kept", func() bool {
		all, err := r.engine.Replicas(t.Context(), app.ID)
		r.check(err)
		return len(all) == 1 && all[0].Kept
	})
	all, err := r.engine.Replicas(t.Context(), app.ID)
	r.check(err)
	r.engine.RunOutOfMemory(all[0].ID)
	r.eventually("its reason in the app's log", func() bool {
		return strings.Contains(r.appLog(app), "web.1 of v1 ran out of memory: more than the 512 MB of plan nano")
	})
}

func TestRetire_KeepsTheLastLinesOfWhatWasStoppedWithoutSecrets(t *testing.T) {
	r := newRig(t)
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	all, err := r.engine.Replicas(t.Context(), app.ID)
	r.check(err)
	for i := range 300 {
		r.engine.Say(all[0].ID, "stdout", fmt.Sprintf("line %d", i))
	}
	r.engine.Say(all[0].ID, "stderr", "Error: no queue at LGS-CANARY-secret")
	r.ended(r.push(app, "two"), platform.DeploymentLive)
	var kept []platform.LogLine
	r.eventually("the lines in the app's log", func() bool {
		kept = nil
		for line := range strings.Lines(r.appLog(app)) {
			_, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			if l, ok := platform.ParseKeptLine(text); ok {
				kept = append(kept, l)
			}
		}
		return len(kept) > 0 && strings.HasPrefix(kept[len(kept)-1].Text, "Error: ") // it is written line by line
	})
	last := kept[len(kept)-1]
	if len(kept) != 200 || last.Replica != "web.1" || last.Release != 1 || last.Stream != "stderr" || last.Text != "Error: no queue at "+secret.Redacted || last.At.Before(kept[0].At) {
		t.Errorf("%d lines, the last %+v", len(kept), last)
	}
	if strings.Contains(r.appLog(app), "LGS-CANARY") {
		t.Error("a secret value is in the app's log")
	}
}
