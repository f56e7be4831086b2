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
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
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

	wrap func(http.Handler) http.Handler // set before the first request to come between
	stop func()                          // ends Run and waits for it
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
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.server.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	w.https = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.wrap != nil {
			w.wrap(w.server).ServeHTTP(rw, r)
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
	t.Cleanup(func() {
		w.deploy.endAll()
		w.stop()
		w.https.Close()
	})
	return w
}

func worldConfig(dir string) Config {
	binary, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return Config{
		Dir: filepath.Join(dir, "git"), SourcesDir: filepath.Join(dir, "sources"),
		HookBinary: binary, HookSocket: filepath.Join(dir, "run", "hook.sock"), Quiet: time.Hour,
	}
}

func (w *world) url(app string) string {
	return strings.Replace(w.https.URL, "https://", "https://git:right@", 1) + "/git/" + app + ".git"
}

// repo is the server's repository of an app.
func (w *world) repo(app string) string { return filepath.Join(w.config.Dir, "l"+app+".git") }

func (w *world) env() []string {
	return []string{
		"HOME=" + w.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_SSL_CAINFO=" + w.ca, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C", "no_proxy=*",
		"TEST_WAIT=" + filepath.Join(w.dir, "flag"),
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

// client is a git that runs beside the test.
type client struct {
	w    *world
	out  *safeBuffer
	pid  int
	done chan struct{}
	code int
}

func (w *world) start(dir string, args ...string) *client {
	w.t.Helper()
	c := &client{w: w, out: &safeBuffer{}, done: make(chan struct{})}
	cmd, err := command.Command{
		Name: "git", Args: args, Dir: dir, Env: w.env(), Stdout: c.out, Stderr: c.out,
		Attr: &syscall.SysProcAttr{Setpgid: true},
	}.Start(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	c.pid = cmd.Process.Pid
	go func() {
		defer close(c.done)
		_ = cmd.Wait() // its status is looked at
		c.code = cmd.ProcessState.ExitCode()
	}()
	w.t.Cleanup(func() { <-c.done })
	return c
}

// kill ends the client and its helpers at once, as Ctrl-C does with a terminal's group.
func (c *client) kill() {
	c.w.t.Helper()
	if err := syscall.Kill(-c.pid, syscall.SIGKILL); err != nil {
		c.w.t.Fatal(err)
	}
	<-c.done
}

func (c *client) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *client) waitFor(text string) {
	c.w.t.Helper()
	wait(c.w.t, "output "+strconv.Quote(text), func() bool { return strings.Contains(c.out.String(), text) })
}

// ended waits for the client and checks its exit status.
func (c *client) ended(code int) string {
	c.w.t.Helper()
	select {
	case <-c.done:
	case <-time.After(time.Minute):
		c.w.t.Fatalf("the client does not end:\n%s", c.out)
	}
	if c.code != code {
		c.w.t.Fatalf("exit status %d, want %d\n%s", c.code, code, c.out)
	}
	return c.out.String()
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

// gate knows the token "right" and the apps whose names it is given.
type gate struct {
	mu   sync.Mutex
	apps map[string]platform.App
	read bool // the token may only read
	from string
}

func newGate() *gate {
	g := &gate{apps: map[string]platform.App{}}
	for _, name := range []string{"shop", "blog"} {
		g.apps[name] = platform.App{ID: "l" + name, Name: name, State: platform.AppActive}
	}
	return g
}

func (g *gate) Authenticate(_ context.Context, password, source string) (platform.Actor, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.from = source
	if password != "right" {
		return platform.Actor{}, platform.Errorf(platform.Unauthenticated, "token_wrong", "This token is not known.")
	}
	return platform.Actor{Name: "ada@example.com", Via: "git"}, nil
}

func (g *gate) App(_ context.Context, _ platform.Actor, name string, write bool) (platform.App, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	app, ok := g.apps[name]
	if !ok {
		return app, platform.Errorf(platform.NotFound, "app_unknown", "There is no app %s.", name).WithHint("Create it: lugsail create %s", name)
	}
	if write && g.read {
		return app, platform.Errorf(platform.Forbidden, "read_only", "This token may only read.")
	}
	return app, nil
}

func (g *gate) change(name string, f func(*platform.App)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	app := g.apps[name]
	f(&app)
	g.apps[name] = app
}

// deployer is a conductor whose deployments do what the test says.
type deployer struct {
	mu     sync.Mutex
	jobs   []*job
	refuse error
}

type job struct {
	mu    sync.Mutex
	d     platform.Deployment
	src   platform.Source
	lines []string
	news  chan struct{} // closed and replaced at every change
}

func newDeployer() *deployer { return &deployer{} }

func (f *deployer) Deploy(_ context.Context, actor platform.Actor, appID string, src platform.Source) (platform.Deployment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return platform.Deployment{}, f.refuse
	}
	n := len(f.jobs) + 1
	j := &job{src: src, news: make(chan struct{}), d: platform.Deployment{
		ID: fmt.Sprintf("d%d", n), AppID: appID, Number: n, Actor: actor.Name, State: platform.DeploymentRunning,
	}}
	f.jobs = append(f.jobs, j)
	return j.d, nil
}

func (f *deployer) Follow(ctx context.Context, id string, line func(string) error) (platform.Deployment, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "d"))
	if err != nil {
		return platform.Deployment{}, err
	}
	f.mu.Lock()
	j := f.jobs[n-1]
	f.mu.Unlock()
	for told := 0; ; {
		j.mu.Lock()
		lines, d, news := slices.Clone(j.lines[told:]), j.d, j.news
		j.mu.Unlock()
		for _, text := range lines {
			if err := line(text); err != nil {
				return d, err
			}
		}
		if told += len(lines); d.State.Ended() {
			return d, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return d, ctx.Err()
		}
	}
}

func (f *deployer) Outcome(_ context.Context, d platform.Deployment) []string {
	if d.State == platform.DeploymentLive {
		return []string{fmt.Sprintf("Live: https://shop.example.com (v%d)", d.Number)}
	}
	return []string{"The deployment did not go live: " + string(d.State) + ".", "Look at the log above."}
}

func (f *deployer) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.jobs)
}

// job waits for the deployment with that index.
func (f *deployer) job(t testing.TB, i int) *job {
	t.Helper()
	wait(t, fmt.Sprintf("deployment %d", i+1), func() bool { return f.count() > i })
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.jobs[i]
}

func (f *deployer) endAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range f.jobs {
		j.end(platform.DeploymentFailed)
	}
}

func (j *job) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.d.State.Ended() {
		return
	}
	f()
	close(j.news)
	j.news = make(chan struct{})
}

func (j *job) log(line string)                    { j.change(func() { j.lines = append(j.lines, line) }) }
func (j *job) end(state platform.DeploymentState) { j.change(func() { j.d.State = state }) }

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
