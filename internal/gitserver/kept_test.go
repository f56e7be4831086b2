package gitserver

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// keptOf lists what is kept for the app's deployments.
func (w *world) keptOf(app string) []string {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.repo(app), keptDir, "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// again answers by a new server on the same directories, as after a restart.
func (w *world) again(config Config, recent ...platform.Deployment) *Server {
	w.t.Helper()
	server, err := New(config, w.gate, w.deploy)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(server.Clean(w.t.Context(), nil), server.Resume(w.t.Context(), recent)); err != nil {
		w.t.Fatal(err)
	}
	w.config = config
	w.watch(server.ServeHTTP)
	return server
}

// recorded is the deployment of a source as the store has it, in a state.
func recorded(src platform.Source, state platform.DeploymentState) platform.Deployment {
	return platform.Deployment{ID: "d1", AppID: "lshop", Number: 1, Kind: platform.DeployPush, State: state, Source: src}
}

func TestSettle_BranchFollowsADeploymentWhoseServerWasKilled(t *testing.T) {
	w := newWorld(t)
	config, work := killDuringPush(t, w)
	sources, err := os.ReadDir(config.SourcesDir)
	if err != nil || len(sources) != 1 {
		t.Fatalf("sources %v, %v", sources, err)
	}
	commit := w.git(work, "rev-parse", "HEAD")
	d := recorded(platform.Source{Dir: filepath.Join("/by/another/path", sources[0].Name()), Commit: commit, Branch: "main"}, platform.DeploymentRunning)
	server := w.again(config, d)
	w.wantHead("shop", "refs/heads/main", "")
	d.State = platform.DeploymentLive
	for range 2 {
		if err := server.Settle(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		w.wantHead("shop", "refs/heads/main", commit)
		w.wantHead("shop", "HEAD", commit)
	}
	w.wantSound("shop")
	if left := w.keptOf("shop"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// stopDuringPush stops the server while a push waits, and gives the deployment's source.
func stopDuringPush(t *testing.T, w *world, dir string) platform.Source {
	t.Helper()
	c := w.start(dir, "push", "lugsail", "main")
	src := w.deploy.job(t, w.deploy.count()).src
	c.waitFor("Deployment #")
	w.stop()
	c.ended(1)
	return src
}

func TestResume_SettlesWhatEndedWithoutTheServer(t *testing.T) {
	for state, moves := range map[platform.DeploymentState]bool{
		platform.DeploymentLive: true, platform.DeploymentFailed: false, platform.DeploymentCancelled: false, "": false,
	} {
		w := newWorld(t)
		dir := w.checkout("shop")
		src := stopDuringPush(t, w, dir)
		if len(w.keptOf("shop")) != 1 {
			t.Fatal("the push was not kept")
		}
		if state == "" { // it was never recorded
			w.again(w.config)
		} else {
			w.again(w.config, recorded(src, state))
		}
		want := ""
		if moves {
			want = w.git(dir, "rev-parse", "HEAD")
		}
		w.wantHead("shop", "refs/heads/main", want)
		w.wantSound("shop")
		if left := w.keptOf("shop"); len(left) != 0 {
			t.Errorf("%s: left behind: %v", state, left)
		}
	}
}

func TestResume_APushOfTheSameCommitJoinsTheDeploymentThatGoesOn(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	d := recorded(stopDuringPush(t, w, dir), platform.DeploymentRunning)
	server := w.again(w.config, d)
	w.run(server)
	c := w.start(dir, "push", "lugsail", "main")
	c.waitFor("is being deployed already, as deployment #1")
	d.State = platform.DeploymentLive
	if err := server.Settle(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	w.deploy.job(t, 0).end(platform.DeploymentLive)
	c.ended(0)
	if n := w.deploy.count(); n != 1 {
		t.Errorf("%d deployments, want 1", n)
	}
	w.wantHead("shop", "refs/heads/main", w.git(dir, "rev-parse", "HEAD"))
	w.wantSound("shop")
	w.commit(dir, "x", "x", "X")
	w.push(dir, "main") // waits for nobody
}

func TestSettle_ALaterDeploymentKeepsTheBranch(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	c := w.start(dir, "push", "lugsail", "main")
	first := w.deploy.job(t, 0)
	c.kill() // nobody waits, but the deployment goes on
	newer := w.commit(dir, "x", "x", "X")
	second := w.start(dir, "push", "lugsail", "main")
	w.deploy.job(t, 1).end(platform.DeploymentLive)
	second.ended(0)
	w.wantHead("shop", "refs/heads/main", newer)
	if err := w.server.Settle(t.Context(), recorded(first.src, platform.DeploymentLive)); err != nil {
		t.Fatal(err)
	}
	w.wantHead("shop", "refs/heads/main", newer)
	first.end(platform.DeploymentLive) // its push, which nobody watches, comes last of all
	wait(t, "the end of the first push", func() bool {
		left, err := filepath.Glob(filepath.Join(w.repo("shop"), "objects/tmp_objdir-*"))
		return err == nil && len(left) == 0 && !runs(t, w.repo("shop"))
	})
	w.wantHead("shop", "refs/heads/main", newer)
	w.wantSound("shop")
}

func TestResume_AnOlderDeploymentNeverTakesTheBranchBack(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	older := recorded(stopDuringPush(t, w, dir), platform.DeploymentLive)
	newer := platform.Deployment{ID: "d2", AppID: "lshop", Number: 2, State: platform.DeploymentLive}
	newer.Source = platform.Source{Dir: "/sources/lnewer", Commit: older.Source.Commit, Branch: "main"} // settled long ago
	w.again(w.config, newer, older)
	w.wantHead("shop", "refs/heads/main", "")
	if left := w.keptOf("shop"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSettle_WhatCannotBeTakenInIsTriedAgainAtTheNextStart(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	d := recorded(stopDuringPush(t, w, dir), platform.DeploymentLive)
	lock := filepath.Join(w.repo("shop"), "refs/heads/main.lock") // of another git
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.server.Settle(t.Context(), d); err == nil {
		t.Fatal("the branch was moved in spite of the lock")
	}
	w.again(w.config, d) // a start takes the lock away
	w.wantHead("shop", "refs/heads/main", w.git(dir, "rev-parse", "HEAD"))
	w.wantSound("shop")
}
