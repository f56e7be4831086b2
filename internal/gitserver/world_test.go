package gitserver

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// TestMain lets the test binary be the server's hooks, a client's slow hook, and a server
// that can be killed.
func TestMain(m *testing.M) {
	switch {
	case IsHook(os.Args):
		os.Exit(HookMain(os.Args, os.Environ(), os.Stdin, os.Stdout))
	case filepath.Base(os.Args[0]) == "pre-push":
		os.Exit(waitForFile(os.Getenv("TEST_WAIT")))
	case os.Getenv("TEST_SERVE") != "":
		os.Exit(serveAlone(os.Getenv("TEST_SERVE")))
	}
	os.Exit(m.Run())
}

// world is a server, its doors, and room for clients.
type world struct {
	t      *testing.T
	server *Server
	https  *httptest.Server
	deploy *deployer
	gate   *gate
	dir    string
	ca     string
	config Config
	door   string // "ssh", else HTTPS
	key    string // file of the client's SSH key

	between atomic.Pointer[http.Handler] // answers instead of the server, when set
	stop    func()                       // ends Run and waits for it
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, deploy: newDeployer(), gate: newGate(), dir: t.TempDir()}
	w.config = worldConfig(w.dir)
	for _, f := range change {
		f(&w.config)
	}
	w.config.Log = slog.New(slog.NewTextHandler(testLog{t}, nil))
	var err error
	if w.server, err = New(w.config, w.gate, w.deploy); err != nil {
		t.Fatal(err)
	}
	w.run(w.server)
	w.https = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if h := w.between.Load(); h != nil {
			(*h).ServeHTTP(rw, r)
			return
		}
		w.server.ServeHTTP(rw, r)
	}))
	w.https.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	w.https.StartTLS()
	w.ca = filepath.Join(w.dir, "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.https.Certificate().Raw})
	if err := os.WriteFile(w.ca, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	w.key = w.newKey("ada@example.com")
	t.Cleanup(func() {
		w.deploy.endAll()
		w.stop()
		w.https.Close()
	})
	return w
}

// run runs a server until stop or the end of the test.
func (w *world) run(server *Server) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
}

// watch comes between the clients and the server; the handler calls the server itself.
func (w *world) watch(handler http.HandlerFunc) {
	h := http.Handler(handler)
	w.between.Store(&h)
}

func worldConfig(dir string) Config {
	binary, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Config{
		Dir: filepath.Join(dir, "git"), SourcesDir: filepath.Join(dir, "sources"),
		HookBinary: binary, HookSocket: filepath.Join(dir, "run", "hook.sock"), Quiet: time.Hour, LeastFree: 1,
		SSH: SSH{Address: "127.0.0.1:0", HostKey: filepath.Join(dir, "ssh", "host_key")},
	}
}

func (w *world) url(app string) string {
	if w.door == "ssh" {
		return "ssh://git@" + w.sshAddress() + "/" + app + ".git"
	}
	return strings.Replace(w.https.URL, "https://", "https://git:right@", 1) + "/git/" + app + ".git"
}

// repo is the server's repository of an app.
func (w *world) repo(app string) string { return filepath.Join(w.config.Dir, "l"+app+".git") }

func (w *world) env() []string {
	return []string{
		"HOME=" + w.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_SSL_CAINFO=" + w.ca, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "no_proxy=*",
		"TEST_WAIT=" + filepath.Join(w.dir, "flag"), "GIT_SSH_COMMAND=" + w.sshCommand(),
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	}
}

// try runs a git client and gives all its output.
func (w *world) try(dir string, args ...string) (string, error) {
	var out bytes.Buffer
	err := command.Command{Name: "git", Args: args, Dir: dir, Env: w.env(), Stdout: &out, Stderr: &out}.Run(w.t.Context())
	return out.String(), err
}

// git is try that must succeed; the output has no end of line.
func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	out, err := w.try(dir, args...)
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSuffix(out, "\n")
}

// feed runs git with data on its standard input.
func (w *world) feed(dir string, in []byte, args ...string) string {
	w.t.Helper()
	out, err := command.Command{Name: "git", Args: args, Dir: dir, Env: w.env(), Stdin: bytes.NewReader(in)}.Output(w.t.Context())
	if err != nil {
		w.t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// checkout makes a client's repository with one commit and the remote lugsail.
func (w *world) checkout(app string) string {
	w.t.Helper()
	dir, err := os.MkdirTemp(w.dir, "client-")
	if err != nil {
		w.t.Fatal(err)
	}
	w.git(dir, "init", "-q", "-b", "main")
	w.git(dir, "remote", "add", "lugsail", w.url(app))
	w.commit(dir, "index.html", "hello "+filepath.Base(dir), "First page")
	return dir
}

func (w *world) commit(dir, name, content, message string) string {
	w.t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.git(dir, "add", "--", name)
	w.git(dir, "commit", "-q", "-m", message)
	return w.git(dir, "rev-parse", "HEAD")
}

// head is where a ref of the app's repository stands, or "".
func (w *world) head(app, ref string) string {
	out, err := w.try(w.dir, "--git-dir="+w.repo(app), "rev-parse", "--verify", "-q", ref)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(out)
}

func (w *world) wantHead(app, ref, want string) {
	w.t.Helper()
	if have := w.head(app, ref); have != want {
		w.t.Errorf("%s is at %q, want %q", ref, have, want)
	}
}

// wantSound checks that the repository is whole and that nothing half lies around.
func (w *world) wantSound(app string) {
	w.t.Helper()
	if out, err := w.try(w.dir, "--git-dir="+w.repo(app), "fsck", "--full", "--strict"); err != nil {
		w.t.Errorf("fsck: %v\n%s", err, out)
	}
	for _, pattern := range []string{"objects/tmp_*", "objects/incoming-*", "objects/pack/tmp_*"} {
		left, err := filepath.Glob(filepath.Join(w.repo(app), pattern))
		if err != nil || len(left) > 0 {
			w.t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// objects counts all objects of the app's repository.
func (w *world) objects(app string) int {
	w.t.Helper()
	return strings.Count(w.git(w.dir, "--git-dir="+w.repo(app), "cat-file", "--batch-all-objects", "--batch-check")+"\n", "\n") - 1
}

func (w *world) sources() []string {
	w.t.Helper()
	entries, err := os.ReadDir(w.config.SourcesDir)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// push pushes and lets the deployment go live at once.
func (w *world) push(dir string, refs ...string) string {
	w.t.Helper()
	count := w.deploy.count()
	c := w.start(dir, append([]string{"push", "lugsail"}, refs...)...)
	wait(w.t, "a deployment or the client's end", func() bool { return w.deploy.count() > count || c.over() })
	if w.deploy.count() == count {
		w.t.Fatalf("nothing was deployed:\n%s", c.out)
	}
	w.deploy.job(w.t, count).end(platform.DeploymentLive)
	return c.ended(0)
}

// wait polls until the condition holds.
func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func contains(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func waitForFile(path string) int {
	_, _ = io.Copy(io.Discard, os.Stdin)
	for range 30_000 {
		if _, err := os.Stat(path); err == nil {
			return 0
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 1
}

// serveAlone is a server in a process of its own. It prints its address, and lives until it is killed.
func serveAlone(dir string) int {
	s, err := New(worldConfig(dir), newGate(), newDeployer())
	if err != nil {
		panic(err)
	}
	go func() { panic(s.Run(context.Background())) }()
	web := httptest.NewServer(s)
	fmt.Println(web.URL)
	select {}
}
