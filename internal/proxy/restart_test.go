package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// runChild is this test binary as the proxy's own process.
func runChild(dir string) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	s, err := New(Config{DataDir: dir, ControlSocket: filepath.Join(dir, "control.sock"), BootID: func() string { return testBoot }})
	if err == nil {
		err = s.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// heldSockets are listeners that the test keeps open over the lives of several proxies.
type heldSockets struct {
	addr  map[string]string
	files []*os.File
	last  atomic.Int64 // process id of the last proxy
}

func (h *heldSockets) pid() int { return int(h.last.Load()) }

func holdSockets(t *testing.T, dir string) *heldSockets {
	t.Helper()
	h := &heldSockets{addr: map[string]string{}}
	for _, name := range []string{"http", "https", "control"} {
		var l net.Listener
		var err error
		if name == "control" {
			l, err = net.Listen("unix", filepath.Join(dir, "control.sock"))
		} else {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			t.Fatal(err)
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err = errors.Join(err, l.Close()); err != nil {
			t.Fatal(err)
		}
		h.addr[name] = l.Addr().String()
		h.files = append(h.files, f)
		t.Cleanup(func() { _ = f.Close() })
	}
	return h
}

// start starts a proxy process on the held sockets; the returned function ends it.
func (h *heldSockets) start(t *testing.T, dir string) func(os.Signal) {
	t.Helper()
	var output lockedBuffer
	cmd, err := command.Command{
		Name: os.Args[0], Files: h.files, Stdout: &output, Stderr: &output,
		Env: []string{"PROXY_TEST_CHILD=" + dir, "LISTEN_FDS=3", "LISTEN_FDNAMES=http:https:control"},
	}.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h.last.Store(int64(cmd.Process.Pid))
	ended := sync.OnceFunc(func() { _ = cmd.Wait() })
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		ended()
		if t.Failed() {
			t.Log(output.String())
		}
	})
	return func(sig os.Signal) {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		ended()
	}
}

// A SIGKILL cuts what is under way on connections that it owned; every request on a new
// connection waits in the listen queue and is answered from the stored table.
func TestF02_KilledProxyRefusesNoConnection(t *testing.T) {
	dir := t.TempDir()
	held := holdSockets(t, dir)
	app := startApp(t, says("serving a"))
	control := NewClient(filepath.Join(dir, "control.sock"))
	end := held.start(t, dir)
	if err := control.Publish(context.Background(), tableOf(7, routeTo("a.example.com", app))); err != nil {
		t.Fatal(err)
	}
	pem, err := control.CA(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	load := startLoad(t, held.addr["https"], pem)
	var worst time.Duration
	for range 5 {
		reached := load.ok.Load() + 40
		eventually(t, "load goes on", func() bool { return load.ok.Load() >= reached })
		end(syscall.SIGKILL)
		killed := time.Now()
		end = held.start(t, dir)
		if status, err := control.Status(context.Background()); err != nil || status.Revision != 7 {
			t.Fatal("the table was not taken up from disk:", status, err)
		}
		worst = max(worst, time.Since(killed))
	}
	load.stop()
	end(syscall.SIGTERM)
	if n := load.failed.Load(); n > 0 {
		t.Errorf("%d of %d requests failed: %v", n, n+load.ok.Load(), load.first.Load())
	}
	t.Logf("%d requests, %d cut in the middle and repeated, longest gap %s", load.ok.Load(), load.cut.Load(), worst)
}

// load sends requests on new connections, eight at a time.
type load struct {
	ok, cut, failed atomic.Int64
	first           atomic.Value
	quit            chan struct{}
	wg              sync.WaitGroup
}

func startLoad(t *testing.T, addr string, pem []byte) *load {
	t.Helper()
	r := &rig{t: t, https: addr, roots: poolOf(t, pem)}
	l := &load{quit: make(chan struct{})}
	for range 8 {
		c := r.client(t)
		c.Transport.(*http.Transport).DisableKeepAlives = true
		l.wg.Go(func() {
			for {
				select {
				case <-l.quit:
					return
				default:
					l.one(c)
				}
			}
		})
	}
	return l
}

// one counts a refused connection or a wrong answer as failed. A connection that the
// killed process had accepted already is lost with it: the request is sent again.
func (l *load) one(c *http.Client) {
	for range 3 {
		res, err := c.Get("https://a.example.com/")
		if err == nil {
			var body []byte
			body, err = io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err == nil && (res.StatusCode != 200 || string(body) != "serving a") {
				l.fail(fmt.Errorf("%d %q", res.StatusCode, body))
				return
			}
		}
		if err == nil {
			l.ok.Add(1)
			return
		}
		if isDial(err) {
			l.fail(err)
			return
		}
		l.cut.Add(1)
	}
	l.fail(errors.New("cut three times"))
}

func (l *load) fail(err error) {
	l.failed.Add(1)
	l.first.CompareAndSwap(nil, err.Error())
}

func (l *load) stop() {
	close(l.quit)
	l.wg.Wait()
}

// A graceful end loses nothing at all, not even requests on connections that it owned.
func TestProxy_GracefulEndFinishesRequests(t *testing.T) {
	r := newRig(t)
	entered, release := make(chan struct{}), make(chan struct{})
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "finished")
	})))
	got := make(chan string, 1)
	go func() {
		_, body := r.get("https://a.example.com/")
		got <- body
	}()
	<-entered
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.stop()
	}()
	eventually(t, "the listener is closed", func() bool {
		conn, err := net.Dial("tcp", r.https)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	close(release)
	if body := <-got; body != "finished" {
		t.Error(body)
	}
	<-stopped
}

// An open event stream does not hold up an upgrade.
func TestProxy_GracefulEndCutsStreams(t *testing.T) {
	r := newRig(t, func(c *Config) { c.limits.drain = time.Minute })
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	})))
	res, err := r.client(t).Get("https://a.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Error("it took", took)
	}
}

func TestTable_OfAnotherBootIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	app := startApp(t, says("serving a"))
	if err := saveTable(filepath.Join(dir, "table.json"), tableOf(4, routeTo("a.example.com", app))); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) {
		c.DataDir, c.BootID, c.limits.hold = dir, func() string { return "boot-2" }, 200*time.Millisecond
	})
	status, body := r.get("https://a.example.com/")
	if status != 503 || strings.Contains(body, "serving a") {
		t.Error(status, body)
	}
}

// A request that comes right after a boot waits for the control plane's first table.
func TestTable_AfterABootRequestsWaitForANewOne(t *testing.T) {
	dir := t.TempDir()
	app := startApp(t, says("serving a"))
	old := tableOf(4, routeTo("a.example.com", app))
	old.BootID = "boot-0"
	if err := saveTable(filepath.Join(dir, "table.json"), old); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.DataDir, c.limits.hold = dir, 10*time.Second })
	got := make(chan string, 1)
	go func() {
		_, body := r.get("https://a.example.com/")
		got <- body
	}()
	eventually(t, "the request is there", func() bool { return r.server.ordinary.Load() == 1 })
	r.revision = 4
	r.publish(t, routeTo("a.example.com", app))
	if body := <-got; body != "serving a" {
		t.Error(body)
	}
}

func TestTable_DamagedIsNotServed(t *testing.T) {
	app := startApp(t, says("serving a"))
	good := filepath.Join(t.TempDir(), "table.json")
	if err := saveTable(good, tableOf(4, routeTo("a.example.com", app))); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string][]byte{
		"empty": {}, "cut": data[:len(data)/2], "changed": []byte(strings.Replace(string(data), "a.example.com", "b.example.com", 1)), "text": []byte("hello"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "table.json"), broken, 0o600); err != nil {
				t.Fatal(err)
			}
			r := newRig(t, func(c *Config) { c.DataDir = dir })
			for _, host := range []string{"a", "b"} {
				if status, body := r.get("http://" + host + ".example.com/"); status != 503 {
					t.Error(status, body)
				}
			}
			r.publish(t, routeTo("a.example.com", app))
			if _, body := r.get("https://a.example.com/"); body != "serving a" {
				t.Error(body)
			}
		})
	}
}

// A disk that was full when a table came: it is stored as soon as that works.
func TestF21_TableIsStoredWhenTheDiskTakesIt(t *testing.T) {
	r := newRig(t)
	path := filepath.Join(r.server.config.DataDir, "table.json")
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	app := startApp(t, says("serving a"))
	r.publish(t, routeTo("a.example.com", app))
	r.publish(t, routeTo("a.example.com", app))
	if _, body := r.get("https://a.example.com/"); body != "serving a" {
		t.Error(body)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the newest table is on disk", func() bool {
		doc, err := loadTable(path)
		return err == nil && doc.Revision == 2
	})
}

func TestTable_OlderRevisionIsRefused(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	for _, revision := range []int64{5, 5, 6} {
		if err := r.control.Publish(ctx, tableOf(revision)); err != nil {
			t.Fatal(revision, err)
		}
	}
	err := r.control.Publish(ctx, tableOf(5))
	if !platform.IsKind(err, platform.Conflict) || platform.AsError(err).Code != "table_outdated" {
		t.Error(err)
	}
	if st, err := r.control.Status(ctx); err != nil || st.Revision != 6 {
		t.Error(st, err)
	}
}

// Sockets meant for another process are left alone.
func TestSockets_OfAnotherProcessAreNotTaken(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "3")
	t.Setenv("LISTEN_FDNAMES", "http:https:control")
	var s sockets
	if err := s.takeOver(); err != nil || s.http != nil || s.https != nil || s.control != nil {
		t.Error(s, err)
	}
}
