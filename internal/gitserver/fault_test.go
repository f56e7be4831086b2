package gitserver

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lugsail/lugsail/internal/command"
)

// slowBody stops at a byte until it is let go, or until its client has gone.
type slowBody struct {
	io.ReadCloser
	left    int64
	reached chan struct{}
	release chan struct{}
	stopped bool
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left <= 0 && !b.stopped {
		b.stopped = true
		close(b.reached)
		<-b.release
	}
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}

func TestPush_ClientKilledWhileSendingLeavesTheOldState(t *testing.T) {
	const whole = 24 << 20
	w := newWorld(t)
	dir := w.checkout("shop")
	w.push(dir, "main")
	old, objects := w.head("shop", "refs/heads/main"), w.objects("shop")
	w.commit(dir, "noise", string(noise(whole)), "Noise")
	for _, percent := range []int64{25, 50, 75} {
		body := &slowBody{left: whole * percent / 100, reached: make(chan struct{}), release: make(chan struct{})}
		var ended atomic.Bool
		w.watch(func(rw http.ResponseWriter, r *http.Request) {
			if r.ContentLength < 0 { // the pack, not the probe before it
				body.ReadCloser, r.Body = r.Body, body
				defer ended.Store(true)
			}
			w.server.ServeHTTP(rw, r)
		})
		c := w.start(dir, "push", "lugsail", "main")
		<-body.reached
		c.kill()
		close(body.release)
		wait(t, "the end of the push", ended.Load)
		w.between.Store(nil)
		w.wantHead("shop", "refs/heads/main", old)
		if n := w.objects("shop"); n != objects {
			t.Errorf("%d objects at %d %%, want %d", n, percent, objects)
		}
		w.wantSound("shop")
	}
	if n := w.deploy.count(); n != 1 {
		t.Errorf("%d deployments, want 1", n)
	}
	w.push(dir, "main") // and the same push goes through
	w.wantSound("shop")
}

// receiving finds the git process that takes a push.
func (w *world) receiving(app string) (pid int) {
	wait(w.t, "git receive-pack", func() bool {
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, file := range files {
			line, _ := os.ReadFile(file)
			if strings.HasSuffix(string(line), "\x00receive-pack\x00--stateless-rpc\x00"+w.repo(app)+"\x00") {
				pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(file)))
			}
		}
		return pid != 0
	})
	return pid
}

func TestPush_AKilledGitEndsThePushAtThePushersToo(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	c := w.start(dir, "push", "lugsail", "main")
	c.waitFor("Deployment #1")
	if err := syscall.Kill(w.receiving("shop"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	contains(t, c.ended(1), "error")
}

func TestRun_StopRejectsWaitingPushesWithASentence(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	c := w.start(dir, "push", "lugsail", "main")
	w.deploy.job(t, 0)
	c.waitFor("Deployment #1")
	w.stop()
	contains(t, c.ended(1), "Lugsail is restarting. Deployment #1 goes on by itself after the restart.", "The branch follows", "[remote rejected]")
	w.wantHead("shop", "refs/heads/main", "")
	w.wantSound("shop")
	if answer, body := w.request(http.MethodGet, "/git/shop.git/info/refs?service=git-upload-pack", "right", ""); answer.StatusCode != 503 {
		t.Errorf("after the stop: %d %s", answer.StatusCode, body)
	}
}

// killDuringPush lets a server in a process of its own be killed while a push waits for its
// deployment, and gives the server's configuration and the pushed repository.
func killDuringPush(t *testing.T, w *world) (Config, string) {
	t.Helper()
	dir := filepath.Join(w.dir, "alone")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	alone, err := command.Command{Name: binary, Env: []string{"TEST_SERVE=" + dir}, Stdout: in, Stderr: io.Discard}.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	work := w.checkout("shop")
	w.git(work, "remote", "set-url", "lugsail", strings.Replace(strings.TrimSpace(address), "http://", "http://git:right@", 1)+"/git/shop.git")
	c := w.start(work, "push", "lugsail", "main")
	c.waitFor("Deployment #1")
	config := worldConfig(dir)
	repo := filepath.Join(config.Dir, "lshop.git")
	if err := alone.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = alone.Wait() // killed
	c.ended(1)
	wait(t, "the end of the server's git", func() bool { return !runs(t, repo) })
	return config, work
}

func TestClean_AfterTheServerWasKilled(t *testing.T) {
	w := newWorld(t) // for clients and for the look afterwards
	config, _ := killDuringPush(t, w)
	repo := filepath.Join(config.Dir, "lshop.git")
	lock := filepath.Join(repo, "refs/heads/main.lock")
	half := filepath.Join(config.SourcesDir, ".unpack-1")
	for _, path := range []string{filepath.Join(repo, "objects/tmp_objdir-incoming-x/pack"), half, filepath.Join(config.Dir, newRepo+"1")} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(config.SourcesDir, "lkept")
	if err := os.Mkdir(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	again, err := New(config, w.gate, w.deploy)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Clean(t.Context(), []string{filepath.Join("/by/another/path", "lkept")}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(config.SourcesDir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "lkept" {
		t.Errorf("sources %v, %v", entries, err)
	}
	for _, path := range []string{lock, filepath.Join(config.Dir, newRepo+"1")} {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", path, err)
		}
	}
	w.config, w.server = config, again
	w.wantSound("shop")
	if n := w.objects("shop"); n != 0 {
		t.Errorf("%d objects of the push that was cut", n)
	}
}

// runs reports whether any git process works on the repository.
func runs(t *testing.T, repo string) bool {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range lines {
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), repo) {
			return true
		}
	}
	return false
}

func TestTidy_PacksAndKeepsEverything(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	for i := range 3 {
		for j := range 60 {
			w.commit(dir, "f", string(rune('a'+i))+string(rune('a'+j)), "Work")
		}
		w.push(dir, "main")
	}
	if err := w.server.tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wantHead("shop", "refs/heads/main", w.git(dir, "rev-parse", "HEAD"))
	w.wantSound("shop")
	w.commit(dir, "g", "g", "More")
	w.push(dir, "main")
}

func TestPush_StopWhileAClientStillSends(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	w.commit(dir, "noise", string(noise(8<<20)), "Noise")
	body := &slowBody{left: 1 << 20, reached: make(chan struct{}), release: make(chan struct{})}
	w.watch(func(rw http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			body.ReadCloser, r.Body = r.Body, body
		}
		w.server.ServeHTTP(rw, r)
	})
	c := w.start(dir, "push", "lugsail", "main")
	<-body.reached
	stopped := make(chan struct{})
	go func() { w.stop(); close(stopped) }()
	wait(t, "the server to stop accepting", func() bool {
		w.server.mu.Lock()
		defer w.server.mu.Unlock()
		return w.server.stopping
	})
	close(body.release) // the rest comes, but the hook finds a server that stops
	out := c.ended(1)
	<-stopped
	contains(t, out, "Lugsail is restarting.")
	if w.deploy.count() != 0 && !strings.Contains(out, "goes on by itself") {
		t.Errorf("deployed without a word:\n%s", out)
	}
}
