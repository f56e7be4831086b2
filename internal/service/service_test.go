package service

import (
	"bytes"
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

	"github.com/lugsail/lugsail/platform"
)

// The test binary plays the whole program: the supervisor and both of its parts.
func TestMain(m *testing.M) {
	dir := os.Getenv("LUGSAIL_TEST_SERVICE")
	if dir == "" || len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "service":
		err := Run(context.Background(), func() (Config, error) { return readConfig(dir) })
		if err != nil {
			fmt.Fprintf(os.Stderr, "Error: %s\n→ %s\n", platform.AsError(err).Message, platform.AsError(err).Hint)
			os.Exit(1)
		}
	case Serve:
		untilTold()
	case Proxy:
		playProxy()
	}
	os.Exit(0)
}

func untilTold() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	<-told
}

// playProxy answers each request with its process id, on the sockets that it was given.
func playProxy() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(500 * time.Millisecond)
		}
		_, _ = fmt.Fprint(w, os.Getpid())
	})
	var serving sync.WaitGroup
	var open atomic.Int64
	var listeners []net.Listener
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for i, name := range names {
		l, err := net.FileListener(os.NewFile(uintptr(3+i), name))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		listeners = append(listeners, l)
		s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second, ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			}
		}}
		serving.Go(func() { _ = s.Serve(l) })
	}
	untilTold()
	// Not Shutdown: it drops requests that arrive on connections it has accepted already.
	for _, l := range listeners {
		_ = l.Close()
	}
	serving.Wait()
	for open.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
}

func readConfig(dir string) (Config, error) {
	data, err := os.ReadFile(filepath.Join(dir, "config"))
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if err != nil || len(lines) != 3 {
		return Config{}, errors.New("the test's configuration is damaged")
	}
	return Config{
		Binary: lines[0], RunDir: filepath.Join(dir, "run"), LogDir: filepath.Join(dir, "log"),
		HTTPAddr: lines[1], HTTPSAddr: lines[2], Control: filepath.Join(dir, "run", "proxy", "control.sock"),
		MaxLog: 1 << 20, ProxyGrace: 5 * time.Second, ServeGrace: 5 * time.Second,
	}, nil
}

// rig is a service of its own in a directory of its own.
type rig struct {
	dir     string
	config  Config
	control *Control
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("LUGSAIL_TEST_SERVICE", dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "lugsail")
	copyFile(t, self, binary)
	writeConfig(t, dir, binary, freePort(t), freePort(t))
	c, err := readConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{dir: dir, config: c.withDefaults(), control: &Control{Config: c.withDefaults()}}
	t.Cleanup(func() {
		if err := r.control.Stop(context.Background()); err != nil {
			t.Errorf("stopping at the end: %v", err)
		}
		if t.Failed() {
			for _, name := range []string{"service", Proxy} {
				text, err := os.ReadFile(r.config.log(name))
				t.Logf("%s: %s%v", name, text, err)
			}
		}
	})
	return r
}

func writeConfig(t *testing.T, dir, binary, http, https string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(binary+"\n"+http+"\n"+https+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+".new", data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (r *rig) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := r.control.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// ask gives the id of the proxy that answers, over a connection of its own.
func (r *rig) ask(path string) (string, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	res, err := client.Get("http://" + r.config.HTTPAddr + path)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func (r *rig) state(t *testing.T) State {
	t.Helper()
	s, err := ReadState(r.config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func kill(t *testing.T, p Process) {
	t.Helper()
	if !p.Alive() {
		t.Fatalf("process %d does not run", p.PID)
	}
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

// load asks all the time until it is stopped, and tells how often that worked.
func (r *rig) load(t *testing.T) (stop func() (good int64)) {
	t.Helper()
	var good atomic.Int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := r.ask("/"); err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				good.Add(1)
			}
		})
	}
	return func() int64 {
		close(done)
		wg.Wait()
		return good.Load()
	}
}

func TestService_StartsStopsAndTells(t *testing.T) {
	r := newRig(t)
	r.start(t)
	if _, err := r.ask("/"); err != nil {
		t.Fatal(err)
	}
	r.start(t) // a second start changes nothing
	running, parts, err := r.control.Status(t.Context())
	if err != nil || !running || len(parts) != 2 || !parts[0].Running || !parts[1].Running {
		t.Fatalf("running %v, parts %+v, %v", running, parts, err)
	}
	before := r.state(t)
	if err := r.control.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, p := range before.Parts {
		if p.Alive() {
			t.Errorf("%s still runs", name)
		}
	}
	if running, _, err := r.control.Status(t.Context()); err != nil || running {
		t.Fatalf("running %v, %v", running, err)
	}
	if _, err := r.ask("/"); err == nil {
		t.Fatal("it still answers")
	}
}

func TestService_UpgradeUnderLoadRefusesNoConnection(t *testing.T) {
	r := newRig(t)
	r.start(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stop := r.load(t)
	for range 5 {
		before := r.state(t)
		copyFile(t, self, r.config.Binary) // another file under the same name, as an upgrade leaves it
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := r.control.Restart(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		now := r.state(t)
		if now.Supervisor != before.Supervisor {
			t.Errorf("the supervisor changed from %+v to %+v", before.Supervisor, now.Supervisor)
		}
		for _, part := range []string{Serve, Proxy} {
			if now.Parts[part].Process == before.Parts[part].Process {
				t.Errorf("%s was not replaced", part)
			}
		}
	}
	if good := stop(); good < 50 {
		t.Errorf("only %d requests", good)
	}
}

func TestService_RequestUnderWaySurvivesAnUpgrade(t *testing.T) {
	r := newRig(t)
	r.start(t)
	before := fmt.Sprint(r.state(t).Parts[Proxy].PID)
	answer := make(chan string, 1)
	go func() {
		text, err := r.ask("/slow")
		answer <- fmt.Sprint(text, err)
	}()
	eventually(t, "the slow request to begin", func() bool { return connections(t, r.config.HTTPAddr) > 0 })
	if err := r.control.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != before+"<nil>" {
		t.Fatalf("got %q from the proxy %s", got, before)
	}
}

// connections counts established connections to a local address.
func connections(t *testing.T, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscan(port, &n); err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 3 && f[3] == "01" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", n)) {
			count++
		}
	}
	return count
}

func TestService_KilledPartsComeBackAndSocketsStayOpen(t *testing.T) {
	r := newRig(t)
	r.start(t)
	for _, part := range []string{Serve, Proxy} {
		before := r.state(t).Parts[part]
		kill(t, before.Process)
		eventually(t, part+" to come back", func() bool {
			now := r.state(t).Parts[part]
			return now.Alive() && now.Process != before.Process && now.Restarts == 1
		})
	}
	if _, err := r.ask("/"); err != nil {
		t.Fatal(err)
	}
}

// While no proxy runs, a connection waits in the socket.
func TestService_ConnectionWaitsForTheNextProxy(t *testing.T) {
	r := newRig(t)
	r.start(t)
	kill(t, r.state(t).Parts[Proxy].Process)
	eventually(t, "a request to be answered without ever being refused", func() bool {
		_, err := r.ask("/")
		if errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
		return err == nil // one that the killed proxy had accepted is lost with it
	})
}

func TestService_KilledSupervisorIsReplacedByTheNextStart(t *testing.T) {
	r := newRig(t)
	r.start(t)
	before := r.state(t)
	kill(t, before.Supervisor)
	eventually(t, "the supervisor to end", func() bool { return !before.Supervisor.Alive() })
	if _, err := r.ask("/"); err != nil {
		t.Fatalf("the proxy went with its supervisor: %v", err)
	}
	r.start(t)
	if before.Parts[Proxy].Alive() || before.Parts[Serve].Alive() {
		t.Error("parts of the killed supervisor still run")
	}
	if _, err := r.ask("/"); err != nil {
		t.Fatal(err)
	}
}

func TestService_PortInUseIsASentence(t *testing.T) {
	r := newRig(t)
	l, err := net.Listen("tcp", r.config.HTTPAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	err = r.control.Start(t.Context())
	var e *platform.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "is in use") || e.Hint == "" {
		t.Fatalf("got %v", err)
	}
	if running, _, err := r.control.Status(t.Context()); running || err != nil {
		t.Fatalf("running %v, %v", running, err)
	}
}

func TestService_RestartTakesANewPort(t *testing.T) {
	r := newRig(t)
	r.start(t)
	old := r.config.HTTPAddr
	r.config.HTTPAddr = freePort(t)
	writeConfig(t, r.dir, r.config.Binary, r.config.HTTPAddr, r.config.HTTPSAddr)
	if err := r.control.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ask("/"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old port to close", func() bool {
		conn, err := net.DialTimeout("tcp", old, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

// A port that another program holds must not end what runs now.
func TestService_RestartOnATakenPortChangesNothing(t *testing.T) {
	r := newRig(t)
	r.start(t)
	before, good := r.state(t), r.config.HTTPAddr
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	r.control.Config.HTTPAddr = taken.Addr().String()
	writeConfig(t, r.dir, r.config.Binary, taken.Addr().String(), r.config.HTTPSAddr)
	err = r.control.Restart(t.Context())
	if !platform.IsKind(err, platform.Conflict) || !strings.Contains(platform.AsError(err).Message, "is in use") {
		t.Errorf("got %v", err)
	}
	if now := r.state(t); now.Generation != before.Generation || !now.Parts[Proxy].Alive() {
		t.Errorf("%+v became %+v", before, now)
	}
	if _, err := r.ask("/"); err != nil {
		t.Errorf("%s does not answer any more: %v", good, err)
	}
}

// Who stops it right after a restart stops it.
func TestService_StopDuringARestartIsHeard(t *testing.T) {
	r := newRig(t)
	r.start(t)
	for range 3 {
		s := r.state(t)
		if err := s.signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := r.control.Stop(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.ask("/"); err == nil {
			t.Fatal("it still answers")
		}
		r.start(t)
	}
}

// What follows a hangup at once comes while the new program does not listen yet.
func TestService_HangupsInARowDoNotEndIt(t *testing.T) {
	r := newRig(t)
	r.start(t)
	s := r.state(t)
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		if err := s.signal(syscall.SIGHUP); err != nil {
			t.Fatalf("the supervisor has gone: %v", err)
		}
	}
	eventually(t, "it is settled again", func() bool { return r.state(t).Settled })
	if _, err := r.ask("/"); err != nil {
		t.Fatal(err)
	}
}

// As the units say: when memory runs out, others go first.
func TestService_PartsAreProtectedWhenMemoryRunsOut(t *testing.T) {
	r := newRig(t)
	r.start(t)
	s := r.state(t)
	supervisor, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", s.Supervisor.PID))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(r.config.log("service"))
	if err != nil {
		t.Fatal(err)
	}
	if string(supervisor) != "-500\n" && !strings.Contains(string(log), "not protected when memory runs out") {
		t.Errorf("the supervisor has %s and says nothing of it", supervisor)
	}
	for part, p := range s.Parts {
		if got, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", p.PID)); err != nil || string(got) != string(supervisor) {
			t.Errorf("%s has %s, the supervisor %s: %v", part, got, supervisor, err)
		}
	}
}

// exec's way of handing files over must not make the shared sockets block: the proxy that
// has them already would hang in accept.
func TestSockets_StayNonBlockingWhenHandedOver(t *testing.T) {
	s := socket{Name: "http", Addr: freePort(t)}
	if err := s.listen(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.file.Close() }()
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, s.file.Fd(), syscall.F_GETFL, 0)
	if errno != 0 || flags&syscall.O_NONBLOCK == 0 {
		t.Fatalf("flags %#x, %v", flags, errno)
	}
}

func TestNextDelay_GrowsAndForgets(t *testing.T) {
	d := time.Duration(0)
	for range 20 {
		next := nextDelay(d, time.Second)
		if next < d || next > lastDelay {
			t.Fatalf("%v after %v", next, d)
		}
		d = next
	}
	if d != lastDelay {
		t.Errorf("ends at %v", d)
	}
	if got := nextDelay(d, time.Hour); got != firstDelay {
		t.Errorf("after a steady run: %v", got)
	}
}

func TestProcess_AnotherWithTheSameIDIsNotIt(t *testing.T) {
	self := processOf(os.Getpid())
	if !self.Alive() {
		t.Fatal("this process is not alive")
	}
	if (Process{PID: self.PID, Started: self.Started + 1}).Alive() || (Process{}).Alive() {
		t.Error("another process counts as alive")
	}
}

func TestLogs_AreCappedAndFollowed(t *testing.T) {
	dir := t.TempDir()
	c := Config{LogDir: dir, MaxLog: 100}
	path := c.log(Serve)
	var text strings.Builder
	for i := range 50 {
		_, _ = fmt.Fprintf(&text, "line %d\n", i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Logs(t.Context(), c, Serve, 2, false, &out); err != nil || out.String() != "line 48\nline 49\n" {
		t.Fatalf("got %q, %v", out.String(), err)
	}
	for lines, want := range map[int]string{-1: "", 0: "", 1 << 40: text.String()} {
		out.Reset()
		if err := Logs(t.Context(), c, Serve, lines, false, &out); err != nil || out.String() != want {
			t.Errorf("%d lines: %q, %v", lines, out.String(), err)
		}
	}
	if err := capLog(path, c.MaxLog); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Fatalf("%v, %v", info, err)
	}
	if kept, err := os.ReadFile(path + ".1"); err != nil || string(kept) != text.String() {
		t.Fatalf("kept %d bytes, %v", len(kept), err)
	}
}

func TestUnits_AreComplete(t *testing.T) {
	c := Config{
		Binary: "/usr/local/bin/lugsail", Args: []string{"--config", "/etc/lugsail/config.yaml"}, RunDir: "/run/lugsail",
		HTTPAddr: ":80", HTTPSAddr: ":443", Control: "/run/lugsail/proxy/control.sock", ProxyUser: ProxyUser, ProxyDir: "/var/lib/lugsail/proxy",
	}
	all, err := Units(c, "/var/lib/lugsail", "/etc/lugsail")
	if err != nil {
		t.Fatal(err)
	}
	wants := map[string][]string{
		"lugsail-http.socket":      {"FileDescriptorName=http", "Service=lugsail-proxy.service"},
		"lugsail-https.socket":     {"FileDescriptorName=https"},
		"lugsail-control.socket":   {"SocketMode=0600", "FileDescriptorName=control", "ListenStream=/run/lugsail/proxy/control.sock"},
		"lugsail-proxy.service":    {"User=lugsail-proxy", "NoNewPrivileges=yes", "CapabilityBoundingSet=\n", "ProtectSystem=strict", "ExecStart=/usr/local/bin/lugsail proxy --config /etc/lugsail/config.yaml"},
		"lugsail-firewall.service": {"Before=docker.service", "WantedBy=docker.service", "Type=oneshot", "ExecStart=/usr/local/bin/lugsail host firewall --config /etc/lugsail/config.yaml\n"},
		"lugsail.service":          {"OOMScoreAdjust=-500", "LimitCORE=0", "MemoryMax=", "PrivateTmp=yes", "ReadWritePaths=/var/lib/lugsail"},
	}
	for name, parts := range wants {
		for _, p := range parts {
			if !strings.Contains(all[name], p) {
				t.Errorf("%s has no %q", name, p)
			}
		}
		if strings.Contains(all[name], "ListenStream=:") {
			t.Errorf("%s: systemd knows no address like that:\n%s", name, all[name])
		}
		if strings.Contains(all[name], "<no value>") || !strings.HasPrefix(all[name], "[Unit]\n") {
			t.Errorf("%s:\n%s", name, all[name])
		}
	}
}

func TestUnits_FollowThePlacesThatWereChosen(t *testing.T) {
	c := Config{
		Binary: "/home/ada/100%/lugsail", Args: []string{"--config", "/etc/a$b.yaml"}, RunDir: "/run/other", Control: "/run/other/proxy/control.sock",
		ProxyUser: ProxyUser, ProxyDir: "/home/ada/data/proxy", HTTPAddr: ":80", HTTPSAddr: ":443",
	}
	all, err := Units(c, "/home/ada/data", "/etc")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ExecStart=/home/ada/100%%/lugsail serve --config /etc/a$$b.yaml\n", "RuntimeDirectory=other\n", "ProtectHome=read-only\n", "ReadWritePaths=/home/ada/data /etc -/run/other -/run/xtables.lock\n",
	} {
		if !strings.Contains(all["lugsail.service"], want) {
			t.Errorf("no %q in\n%s", want, all["lugsail.service"])
		}
	}
	// It would leave the base image's makers without the devices that they make.
	if strings.Contains(all["lugsail.service"], "ProtectClock") {
		t.Error("ProtectClock closes all devices but a few")
	}
	c.EngineDir = "/home/images"
	if all, err = Units(c, "/var/lib/lugsail", "/etc"); err != nil || !strings.Contains(all["lugsail.service"], " -/run/xtables.lock -/home/images\n") || !strings.Contains(all["lugsail.service"], "ProtectHome=read-only") {
		t.Errorf("%v\n%s", err, all["lugsail.service"])
	}
	c.RunDir = "/srv/run"
	if all, err = Units(c, "/var/lib/lugsail", "/etc"); err != nil || strings.Contains(all["lugsail.service"], "RuntimeDirectory") {
		t.Errorf("%v\n%s", err, all["lugsail.service"])
	}
}
