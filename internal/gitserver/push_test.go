package gitserver

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestPush_StreamsTheLogWhileTheDeploymentRuns(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		c := w.start(dir, "push", "lugsail", "main")
		j := w.deploy.job(t, 0)
		for _, line := range []string{"Building", "Installing 3 packages", "Starting"} {
			j.log(line)
			c.waitFor("remote: " + line) // before the next one is even said
		}
		w.wantHead("shop", "refs/heads/main", "")
		j.end(platform.DeploymentLive)
		out := c.ended(0)
		contains(t, out, "remote: Received", "First page (1 file, ", "Deployment #1 of shop", "Live: https://shop.example.com (v1)", "[new branch]      main -> main")
	})
}

func TestPush_MovesTheBranchAndTheClientsTrackingRef(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	commit := w.commit(dir, "bin/start", "#!/bin/sh\n", "Add a \x1b[31mstart\x1b[0m script\n\nWith a body.")
	w.push(dir, "main")
	w.wantHead("shop", "refs/heads/main", commit)
	if have := w.git(dir, "rev-parse", "refs/remotes/lugsail/main"); have != commit {
		t.Errorf("the client believes %s, want %s", have, commit)
	}
	src := w.deploy.job(t, 0).src
	if src.Commit != commit || src.Title != "Add a start script" || src.Branch != "main" || src.Files != 2 || src.Digest == "" {
		t.Errorf("source %+v", src)
	}
	if text, err := os.ReadFile(filepath.Join(src.Dir, "bin/start")); err != nil || string(text) != "#!/bin/sh\n" {
		t.Errorf("exported %q, %v", text, err)
	}
	if out := w.git(dir, "push", "lugsail", "main"); !strings.Contains(out, "Everything up-to-date") {
		t.Errorf("a second push says %s", out)
	}
	w.wantSound("shop")
}

func TestPush_FailedDeploymentRejectsAndLeavesNothing(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		w.push(dir, "main")
		old, objects := w.head("shop", "refs/heads/main"), w.objects("shop")
		w.commit(dir, "broken.js", "(", "Break it")
		w.git(dir, "tag", "v1")
		for i, state := range []platform.DeploymentState{platform.DeploymentFailed, platform.DeploymentCancelled, platform.DeploymentReplaced} {
			c := w.start(dir, "push", "lugsail", "main", "v1")
			j := w.deploy.job(t, i+1)
			j.log("SyntaxError: line 1")
			j.end(state)
			out := c.ended(1)
			contains(t, out, "remote: SyntaxError: line 1", "did not go live: "+string(state), "Look at the log above.", "! [remote rejected] main -> main (pre-receive hook declined)")
		}
		w.wantHead("shop", "refs/heads/main", old)
		w.wantHead("shop", "refs/tags/v1", "")
		if now := w.objects("shop"); now != objects {
			t.Errorf("%d objects, want the %d from before", now, objects)
		}
		w.wantSound("shop")
	})
}

func TestA25_TwoPushesAtOnceBothSucceedInOrder(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		first := w.checkout("shop")
		w.push(first, "main")
		second := filepath.Join(w.dir, "second")
		w.git(w.dir, "clone", "-q", "-o", "lugsail", w.url("shop"), second)
		a := w.commit(first, "a", "a", "From the first")
		b := w.commit(second, "b", "b", "From the second")

		one := w.start(first, "push", "lugsail", "main")
		j1 := w.deploy.job(t, 1)
		one.waitFor("Deployment #2")
		two := w.start(second, "push", "lugsail", "main")
		j2 := w.deploy.job(t, 2)
		two.waitFor("Waiting for deployment #2 of " + a[:7])
		two.waitFor("Careful: " + a[:7] + " is not part of what you push")

		j1.end(platform.DeploymentLive)
		one.ended(0)
		w.wantHead("shop", "refs/heads/main", a)
		j2.end(platform.DeploymentLive)
		two.ended(0)
		w.wantHead("shop", "refs/heads/main", b)
		if have := w.git(second, "rev-parse", "refs/remotes/lugsail/main"); have != b {
			t.Errorf("the second client believes %s, want %s", have, b)
		}
		w.wantSound("shop")
	})
}

func TestPush_NobodyTakesThePlaceOfAnothersPushUnseen(t *testing.T) {
	w := newWorld(t)
	first := w.checkout("shop")
	w.push(first, "main")
	second := filepath.Join(w.dir, "second")
	w.git(w.dir, "clone", "-q", "-o", "lugsail", strings.Replace(w.url("shop"), "right", "other", 1), second)
	a := w.commit(first, "a", "a", "From the first")
	w.commit(second, "b", "b", "From the second")

	one := w.start(first, "push", "lugsail", "main")
	j := w.deploy.job(t, 1)
	one.waitFor("Deployment #2")
	out, err := w.try(second, "push", "lugsail", "main")
	if err == nil {
		t.Error("accepted")
	}
	contains(t, out, "its commit "+a[:7]+" is not part of what you push", "Fetch first: when deployment #2 has ended, run: git pull lugsail main", "[remote rejected]")
	j.end(platform.DeploymentLive)
	one.ended(0)
	w.wantHead("shop", "refs/heads/main", a)

	w.git(second, "pull", "-q", "--no-rebase", "--no-edit", "lugsail", "main")
	again := w.start(second, "push", "lugsail", "main")
	w.deploy.job(t, 2).end(platform.DeploymentLive)
	again.ended(0)
	if w.deploy.count() != 3 {
		t.Errorf("%d deployments, want 3", w.deploy.count())
	}
}

func TestA25_FirstPushesOfAnAppAtOnce(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dirs := []string{w.checkout("shop"), w.checkout("shop"), w.checkout("shop")}
		var clients []*client
		for i, dir := range dirs {
			clients = append(clients, w.start(dir, "push", "lugsail", "main"))
			w.deploy.job(t, i)
		}
		w.deploy.job(t, 0).end(platform.DeploymentFailed)
		w.deploy.job(t, 1).end(platform.DeploymentReplaced)
		w.deploy.job(t, 2).end(platform.DeploymentLive)
		clients[0].ended(1)
		clients[1].ended(1)
		clients[2].ended(0)
		w.wantHead("shop", "refs/heads/main", w.git(dirs[2], "rev-parse", "HEAD"))
		w.wantSound("shop")
	})
}

func TestMoveRefs_TheHighestDeploymentWins(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	w.push(dir, "main")
	one := w.head("shop", "refs/heads/main")
	two := w.commit(dir, "x", "x", "Two")
	w.push(dir, "main")
	late := &push{app: w.gate.apps["shop"], repo: w.repo("shop"), live: &landing{ref: "refs/heads/main", commit: one, number: 1}}
	report := w.server.moveRefs(t.Context(), late, []update{{Old: strings.Repeat("0", 40), New: one, Name: []byte("refs/heads/main")}})
	if len(report) != 1 || report[0] != "" {
		t.Errorf("report %q", report)
	}
	w.wantHead("shop", "refs/heads/main", two)
}

func TestA25_StalePushIsRefusedBeforeAnythingIsBuilt(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		first := w.checkout("shop")
		w.push(first, "main")
		slow := filepath.Join(w.dir, "slow")
		w.git(w.dir, "clone", "-q", "-o", "lugsail", w.url("shop"), slow)
		w.commit(slow, "slow", "s", "Slow")
		// the client's own hook runs after it has seen the refs and before it sends
		if err := os.Symlink(w.config.HookBinary, filepath.Join(slow, ".git/hooks/pre-push")); err != nil {
			t.Fatal(err)
		}
		c := w.start(slow, "-c", "core.hooksPath="+filepath.Join(slow, ".git/hooks"), "push", "lugsail", "main")
		w.commit(first, "fast", "f", "Fast")
		w.push(first, "main")
		if err := os.WriteFile(filepath.Join(w.dir, "flag"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		contains(t, c.ended(1), "main was moved to", "git pull lugsail main", "[remote rejected]")
		if n := w.deploy.count(); n != 2 {
			t.Errorf("%d deployments, want 2", n)
		}
	})
}

func TestPush_SameCommitAgainFollowsTheSameDeployment(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		one := w.start(dir, "push", "lugsail", "main")
		j := w.deploy.job(t, 0)
		j.log("step one")
		one.waitFor("step one")
		one.kill()
		two := w.start(dir, "push", "lugsail", "main")
		two.waitFor("is being deployed already, as deployment #1")
		two.waitFor("step one")
		j.end(platform.DeploymentLive)
		contains(t, two.ended(0), "Live: https://shop.example.com (v1)", "main -> main")
		if n := w.deploy.count(); n != 1 {
			t.Errorf("%d deployments, want 1", n)
		}
		w.wantHead("shop", "refs/heads/main", w.git(dir, "rev-parse", "HEAD"))
	})
}

func TestPush_CtrlCDoesNotStopTheDeployment(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		c := w.start(dir, "push", "lugsail", "main")
		j := w.deploy.job(t, 0)
		c.waitFor("Deployment #1")
		c.kill()
		for range 200 {
			j.log(strings.Repeat("nobody reads this ", 50))
		}
		j.end(platform.DeploymentLive)
		commit := w.git(dir, "rev-parse", "HEAD")
		wait(t, "the branch", func() bool { return w.head("shop", "refs/heads/main") == commit })
		w.wantSound("shop")
	})
}

func TestA25_ForceReplacesAndWithoutItTheClientRefuses(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		w.commit(dir, "a", "a", "A")
		w.push(dir, "main")
		w.git(dir, "commit", "-q", "--amend", "-m", "Other")
		out, err := w.try(dir, "push", "lugsail", "main")
		if err == nil || !strings.Contains(out, "non-fast-forward") {
			t.Errorf("without force: %v\n%s", err, out)
		}
		contains(t, w.push(dir, "--force", "main"), "(forced update)")
		w.wantHead("shop", "refs/heads/main", w.git(dir, "rev-parse", "HEAD"))
	})
}

func TestPush_OtherBranchesAndTagsAreKept(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		out := w.git(dir, "push", "lugsail", "main:feature")
		contains(t, out, "Branch feature is kept; only main deploys.", "git push lugsail feature:main")
		w.git(dir, "tag", "-a", "-m", "One", "v1")
		contains(t, w.git(dir, "push", "lugsail", "v1"), "Tags are kept, and do not deploy; only main does.")
		w.wantHead("shop", "refs/heads/feature", w.git(dir, "rev-parse", "HEAD"))
		w.wantHead("shop", "refs/tags/v1", w.git(dir, "rev-parse", "v1"))
		if n := w.deploy.count(); n != 0 {
			t.Errorf("%d deployments", n)
		}
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			w.git(dir, "branch", name)
		}
		contains(t, w.push(dir, "--all"), "Branch a is kept", "Branch c is kept", "The same holds for 2 more branches.")
		w.git(dir, "push", "lugsail", ":feature")
		w.wantHead("shop", "refs/heads/feature", "")
	})
}

func TestA25_DeployBranchCannotBeDeleted(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		w.push(dir, "main")
		out, err := w.try(dir, "push", "lugsail", "--delete", "main")
		if err == nil {
			t.Error("it was deleted")
		}
		contains(t, out, "main is the branch that deploys and cannot be deleted.", "lugsail destroy --app shop", "[remote rejected]")
		w.wantHead("shop", "refs/heads/main", w.git(dir, "rev-parse", "HEAD"))
	})
}

func TestPush_MasterDeploysWhenThereIsNoMain(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		w.push(dir, "main:master")
		w.wantHead("shop", "refs/heads/master", w.git(dir, "rev-parse", "HEAD"))
		w.wantHead("shop", "HEAD", w.git(dir, "rev-parse", "HEAD")) // a clone checks it out
		if branch := w.deploy.job(t, 0).src.Branch; branch != "master" {
			t.Errorf("deployed %s", branch)
		}
		w.commit(dir, "x", "x", "X")
		contains(t, w.push(dir, "main", "main:master"), "Branch master is kept; only main deploys.", "main -> main", "main -> master")
		w.wantHead("shop", "refs/heads/master", w.git(dir, "rev-parse", "HEAD"))
		w.git(dir, "push", "lugsail", ":master")
		w.wantHead("shop", "refs/heads/master", "")
	})
}

func TestPush_ChosenBranchDeploys(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		w.gate.change("shop", func(app *platform.App) { app.DeployBranch = "release/eu" })
		dir := w.checkout("shop")
		contains(t, w.git(dir, "push", "lugsail", "main"), "Branch main is kept; only release/eu deploys.")
		w.push(dir, "main:release/eu")
		w.wantHead("shop", "refs/heads/release/eu", w.git(dir, "rev-parse", "HEAD"))
	})
}

func TestPush_QuietDeploymentShowsThatItGoesOn(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		c := w.start(w.checkout("shop"), "push", "lugsail", "main")
		c.waitFor("still at work after")
		w.deploy.job(t, 0).log("  npm ci")
		c.waitFor("s: npm ci")
		w.deploy.job(t, 0).end(platform.DeploymentLive)
		c.ended(0)
	}, func(c *Config) { c.Quiet = 30 * time.Millisecond })
}

func TestPush_RefusedDeploymentTellsWhyAndKeepsNoSource(t *testing.T) {
	w := newWorld(t)
	w.deploy.refuse = platform.Errorf(platform.NoRoom, "no_room", "The server has no memory left.").WithHint("Choose a smaller plan.")
	out, err := w.try(w.checkout("shop"), "push", "lugsail", "main")
	if err == nil {
		t.Error("accepted")
	}
	contains(t, out, "remote: The server has no memory left.", "remote: Choose a smaller plan.")
	if left := w.sources(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPush_OurOwnFaultTellsNothingOfItself(t *testing.T) {
	w := newWorld(t)
	w.deploy.refuse = os.ErrPermission
	out, err := w.try(w.checkout("shop"), "push", "lugsail", "main")
	if err == nil || strings.Contains(out, "permission") {
		t.Errorf("%v\n%s", err, out)
	}
	contains(t, out, "Something went wrong inside Lugsail.")
}

func TestPush_FromAShallowClone(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		dir := w.checkout("shop")
		w.commit(dir, "a", "a", "A")
		shallow := filepath.Join(w.dir, "shallow")
		w.git(w.dir, "clone", "-q", "--depth=1", "file://"+dir, shallow)
		w.git(shallow, "remote", "add", "lugsail", w.url("shop"))
		w.push(shallow, "main")
		w.wantHead("shop", "refs/heads/main", w.git(dir, "rev-parse", "HEAD"))
		w.wantSound("shop")
	})
}

func TestA49_RevokedTokenEndsItsPush(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Recheck = 10 * time.Millisecond })
	dir := w.checkout("shop")
	w.push(dir, "main")
	old := w.head("shop", "refs/heads/main")
	w.commit(dir, "a", "a", "A")
	c := w.start(dir, "push", "lugsail", "main")
	j := w.deploy.job(t, 1)
	j.log("before")
	c.waitFor("remote: before")
	w.gate.revoke(true)
	contains(t, c.ended(1), "This token is not known.", "[remote rejected]")
	j.end(platform.DeploymentLive)
	w.gate.revoke(false)
	w.wantHead("shop", "refs/heads/main", old)
	w.push(dir, "main") // the commit comes again
}

func TestA49_RevokedTokenEndsItsPushWhileItsSourceIsThrottled(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Recheck = 10 * time.Millisecond })
	w.gate.throttled = true
	c := w.start(w.checkout("shop"), "push", "lugsail", "main")
	w.deploy.job(t, 0)
	w.gate.revoke(true)
	contains(t, c.ended(1), "too many wrong tries", "[remote rejected]")
}

func TestA49_TokenRevokedWhileSendingDeploysNothing(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	w.commit(dir, "noise", string(noise(8<<20)), "Noise")
	body := &slowBody{left: 1 << 20, reached: make(chan struct{}), release: make(chan struct{})}
	w.watch(func(rw http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 { // the pack, not the probe before it
			body.ReadCloser, r.Body = r.Body, body
		}
		w.server.ServeHTTP(rw, r)
	})
	c := w.start(dir, "push", "lugsail", "main")
	<-body.reached
	w.gate.revoke(true)
	close(body.release)
	contains(t, c.ended(1), "This token is not known.", "[remote rejected]")
	if n := w.deploy.count(); n != 0 {
		t.Errorf("%d deployments", n)
	}
}

func TestSettings_OldGitWritesObjectsToTheDisk(t *testing.T) {
	for version, want := range map[string]int{"git version 2.34.1": 1, "git version 2.35.9.windows.1": 1, "git version 2.36.0": 0, "git version 2.39.5": 0, "git version 3.0": 0, "what": 0} {
		if got := settingsFor(version); len(got) != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

// noise is data that does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}
