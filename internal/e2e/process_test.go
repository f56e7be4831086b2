package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestProcessTypes pushes an app with web, worker and release, and runs commands in it as its owner does.
func TestProcessTypes(t *testing.T) {
	s := standingServer(t)
	app := s.repo(t, "shop", "process")
	for _, part := range []struct {
		name string
		run  func(*testing.T, *repo)
	}{
		{"push", testProcfile},
		{"release command that fails", testReleaseFails},
		{"run", testRun},
		{"run with a terminal", testRunTerminal},
		{"run with slow sides", testSlowSides},
		{"exec", testExec},
		{"A37 hostile commands", testA37},
		{"A37 a replica out of memory", testA37Memory},
		{"F20 a worker that ignores SIGTERM", testStubborn},
		{"I6 control plane killed during commands", testKilledDuringRun},
		{"A37 a replica that fills its disk", testA37Disk},
		{"app without web", testNoWeb},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, app) })
	}
}

func wantAll(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in\n%s", p, text)
		}
	}
}

func testProcfile(t *testing.T, app *repo) {
	s := app.server
	s.lugsail(t, "config", "set", "SECRET=LGS-CANARY-process", "--app", "shop")
	got := app.pushed(t, "first")
	wantAll(t, got.out, "Release command: node release.js", "release | migrating with a secret in v1", "New process type worker: 1 replica", "1 × web, 1 × worker", "v1 is live")
	if strings.Contains(got.out, "LGS-CANARY") {
		t.Errorf("the pusher sees a config var:\n%s", got.out)
	}
	wantAll(t, s.lugsail(t, "ps", "shop"), "web.1", "worker.1")
	wantAll(t, s.lugsail(t, "logs", "shop", "--process", "worker"), "working as worker.1")
	s.lugsail(t, "scale", "--app", "shop", "worker=2")
	wantAll(t, s.lugsail(t, "ps", "shop"), "worker.2")
	s.lugsail(t, "scale", "--app", "shop", "worker=1")
	if r := s.run(t, s.home(), s.binary(), "scale", "--app", "shop", "release=1"); r.code == 0 {
		t.Errorf("release was scaled:\n%s", r.out)
	}
}

func testReleaseFails(t *testing.T, app *repo) {
	s := app.server
	r := s.run(t, s.home(), s.binary(), "config", "set", "MIGRATION=3", "--app", "shop")
	wantAll(t, r.out, "release | migrating with a secret in v2", "exit code 3")
	if r.code == 0 {
		t.Error("the deployment did not fail")
	}
	s.wantPage(t, "shop", "/", `"release":"v1"`)
	s.noRuns(t, 0)
	r = s.run(t, s.home(), s.binary(), "config", "unset", "MIGRATION", "--app", "shop")
	if r.code != 0 {
		t.Fatalf("it does not come back:\n%s", r.out)
	}
}

// noRuns waits until no container of a command is there, but for those that went on by themselves and
// have ended: they are kept for an hour, for their log.
func (s *server) noRuns(t *testing.T, limit time.Duration) {
	t.Helper()
	left := func() string {
		return s.ours(t, "ps", "-q", "--filter", "label=lugsail.run") + s.ours(t, "ps", "-aq", "--filter", "label=lugsail.run-attached=true") +
			s.ours(t, "ps", "-aq", "--filter", "label=lugsail.run-kind=release")
	}
	eventually(t, limit+10*time.Second, func() bool { return left() == "" },
		func() string {
			return "containers of commands stay: " + s.ours(t, "ps", "-a", "--filter", "label=lugsail.run")
		})
}

// piped runs the command line with a standard input, and gives both outputs apart.
func (s *server) piped(t *testing.T, in string, args ...string) (out, errs string, code int) {
	t.Helper()
	cmd := exec.Command(s.binary(), args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.home(), s.env(), strings.NewReader(in), &stdout, &stderr
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func testRun(t *testing.T, app *repo) {
	s := app.server
	for _, c := range []struct {
		in   string
		args []string
		out  string
		errs string
		code int
	}{
		{"", []string{"node", "-e", "console.log(process.env.SECRET); console.error('oh'); process.exit(7)"}, "LGS-CANARY-process\n", "oh\n", 7},
		{"a line\nanother\n", []string{"cat"}, "a line\nanother\n", "", 0},
		{strings.Repeat("0123456789abcde\n", 1<<16), []string{"sh", "-c", "wc -c"}, "1048576\n", "", 0},
		{"", []string{"echo one && echo two >&2; exit 4"}, "one\n", "two\n", 4},
		{"", []string{"nosuchprogram"}, "", "There is no program nosuchprogram in the image of this app.\n→ Exit code 127: a program is not there. Look around in the image: lugsail run --app shop\n", 127},
	} {
		out, errs, code := s.piped(t, c.in, append([]string{"run", "--app", "shop", "--"}, c.args...)...)
		if code != c.code || out != c.out || errs != c.errs {
			t.Errorf("%q: code %d, %q, %q; want %d, %q, %q", c.args, code, out, errs, c.code, c.out, c.errs)
		}
	}
	s.noRuns(t, 0)
	started := s.lugsail(t, "run", "--app", "shop", "--detach", "--", "node", "-e", "console.log('by myself'); setTimeout(() => process.exit(5), 1000)")
	wantAll(t, started, "goes on by itself")
	eventually(t, 40*time.Second, func() bool {
		log := s.lugsail(t, "logs", "shop")
		return strings.Contains(log, "by myself") && strings.Contains(log, "ended with exit code 5")
	}, func() string { return s.lugsail(t, "logs", "shop") })
}

// pty is a terminal with a program at it.
type pty struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	mu     sync.Mutex
	seen   bytes.Buffer
}

// at runs the command line at a terminal of that size.
func (s *server) at(t *testing.T, columns, rows uint16, args ...string) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	check(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	check(t, err)
	check(t, unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}))
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	p := &pty{t: t, master: master, cmd: exec.Command(s.binary(), args...)}
	p.cmd.Dir, p.cmd.Env = s.home(), append(s.env(), "TERM=xterm")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	check(t, p.cmd.Start())
	check(t, slave.Close())
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			p.mu.Lock()
			p.seen.Write(buffer[:n])
			p.mu.Unlock()
			if err != nil {
				return // the program has gone, and its terminal with it
			}
		}
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = master.Close() }) // it has ended, but for a failed test
	return p
}

func (p *pty) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

func (p *pty) shows(text string) {
	p.t.Helper()
	eventually(p.t, 30*time.Second, func() bool { return strings.Contains(p.screen(), text) }, func() string { return fmt.Sprintf("no %q on the screen: %q", text, p.screen()) })
}

func (p *pty) types(text string) {
	p.t.Helper()
	_, err := io.WriteString(p.master, text)
	check(p.t, err)
}

func (p *pty) exits(code int) {
	p.t.Helper()
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }() // its state tells
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		p.t.Fatalf("it does not end; the screen is %q", p.screen())
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d, want %d; the screen is %q", got, code, p.screen())
	}
}

func testRunTerminal(t *testing.T, app *repo) {
	s := app.server
	p := s.at(t, 101, 37, "run", "--app", "shop", "--", "sh")
	p.shows("$ ")
	p.types("stty size; echo \"<$LUGSAIL_RELEASE>\"\r")
	p.shows("37 101")
	p.shows("<v")
	check(t, unix.IoctlSetWinsize(int(p.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 90, Row: 20}))
	check(t, p.cmd.Process.Signal(syscall.SIGWINCH))
	eventually(t, 20*time.Second, func() bool { p.types("stty size\r"); return strings.Contains(p.screen(), "20 90") }, p.screen)
	p.types("sleep 1000\r")
	p.shows("sleep 1000")
	p.types("\x03") // Ctrl-C ends what runs, and not the shell; it drops what was typed ahead
	eventually(t, 20*time.Second, func() bool { p.types("echo still $((40+2))\r"); return strings.Contains(p.screen(), "still 42") }, p.screen)
	p.types("exit 9\r")
	p.exits(9)
	s.noRuns(t, 0)
}

func testExec(t *testing.T, app *repo) {
	s := app.server
	p := s.at(t, 80, 24, "exec", "--app", "shop", "--replica", "worker.1", "--", "sh")
	p.shows("$ ")
	p.types("tty && node -p 'process.env.LUGSAIL_PROCESS + 1'; cat /proc/1/cmdline | tr '\\0' ' '\r")
	p.shows("/dev/pts/")
	p.shows("worker.11")
	p.types("exit 6\r")
	p.exits(6)
	out, _, code := s.piped(t, "through\n", "exec", "--app", "shop", "--", "cat")
	if out != "through\n" || code != 0 {
		t.Errorf("%q, code %d", out, code)
	}
	r := s.run(t, s.home(), s.binary(), "exec", "--app", "shop", "--replica", "web.9", "--", "id")
	if wantAll(t, r.out, "no running replica"); r.code == 0 {
		t.Error("exec in a replica that is not there succeeded")
	}
}

// testA37 runs what takes all it can get, beside a neighbour that must not notice.
func testA37(t *testing.T, app *repo) {
	s := app.server
	neighbour := s.repo(t, "neighbour", "process")
	neighbour.pushed(t, "first")
	tr := drive(t, s.client, s.url("neighbour"), 10)
	for name, c := range map[string]struct {
		line  string
		wants []string
	}{
		"fork bomb":   {"timeout -s KILL 8 sh -c 'bomb() { bomb | bomb & }; bomb' 2>&1 | grep -m1 -io 'cannot fork\\|resource.*unavailable' ; echo over", []string{"over"}},
		"memory hog":  {"node -e 'const kept = []; for (;;) kept.push(Buffer.alloc(16 << 20, 1))'; echo ended $?", []string{"ended 137"}},
		"/dev/shm":    {"head -c 2000000000 /dev/zero > /dev/shm/x; echo ended $?; df -k /dev/shm | tail -1", []string{"No space left", "ended 1"}},
		"descriptors": {"node -e 'const fs = require(\"fs\"); try { for (let i = 0; ; i++) fs.openSync(\"/dev/null\") } catch (e) { console.log(e.code) }'", []string{"EMFILE"}},
		"CPU spin":    {"for i in 1 2 3 4 5 6; do timeout 4 sh -c 'while :; do :; done' & done; wait; echo over", []string{"over"}},
		"log flood":   {"timeout 4 yes LGS-FLOOD | tail -c 100000000 | head -c 30000000 | wc -c", nil},
	} {
		out, errs, _ := s.piped(t, "", "run", "--app", "shop", "--", c.line)
		for _, want := range c.wants {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%s: no %q in %q %q", name, want, out, errs)
			}
		}
	}
	s.lugsail(t, "run", "--app", "shop", "--detach", "--", "timeout 6 yes LGS-FLOOD")
	s.noReplicaFloods(t)
	checkTraffic(t, tr.end())
	wantAll(t, s.lugsail(t, "info", "neighbour"), "Ok")
	s.lugsail(t, "destroy", "neighbour", "--confirm", "neighbour")
}

// noReplicaFloods waits for the end of a flood, and looks that the engine kept little of it.
func (s *server) noReplicaFloods(t *testing.T) {
	t.Helper()
	eventually(t, 40*time.Second, func() bool {
		return strings.Contains(s.lugsail(t, "logs", "shop", "-p", "lugsail"), "ended with exit code 124")
	},
		func() string { return s.lugsail(t, "logs", "shop", "-p", "lugsail") })
	for id := range strings.FieldsSeq(s.ours(t, "ps", "-aq", "--no-trunc", "--filter", "label=lugsail.run")) {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(s.engine), "*", "containers", id, "local-logs", "*"))
		check(t, err)
		var size int64
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				size += info.Size()
			}
		}
		if size > 40<<20 {
			t.Errorf("the log of %.12s takes %d MB", id, size>>20)
		}
	}
}

func testA37Memory(t *testing.T, app *repo) {
	s := app.server
	go func() {
		if response, err := s.client.Get(s.url("shop") + "/hog"); err == nil {
			_ = response.Body.Close()
		}
	}()
	eventually(t, 60*time.Second, func() bool {
		return strings.Contains(s.lugsail(t, "logs", "shop", "-p", "lugsail"), "web.1 of v3 ran out of memory: more than the")
	}, func() string { return s.lugsail(t, "logs", "shop", "-p", "lugsail") + s.lugsail(t, "info", "shop") })
	s.wantPage(t, "shop", "/", `"release"`) // it was started again
}

// testA37Disk lets a replica write more than its plan gives: it is told, and starts anew with an empty disk.
func testA37Disk(t *testing.T, app *repo) {
	s := app.server
	hole := "truncate -s 100G /tmp/full && ls /tmp/full" // a hole counts for what it says it is
	out, errs, _ := s.piped(t, "", "exec", "--app", "shop", "--replica", "web.1", "--", hole)
	wantAll(t, out+errs, "/tmp/full")
	eventually(t, 3*time.Minute, func() bool {
		out, _, code := s.piped(t, "", "exec", "--app", "shop", "--replica", "web.1", "--", "ls /tmp")
		return code == 0 && !strings.Contains(out, "full")
	}, func() string { return "the replica stays full:\n" + s.events(t) })
	wantAll(t, s.events(t), "web.1 has written", "started anew with an empty disk")
	s.wantPage(t, "shop", "/", `"release"`)
}

func testStubborn(t *testing.T, app *repo) {
	s := app.server
	s.lugsail(t, "scale", "--app", "shop", "--stop-grace", "2")
	s.lugsail(t, "config", "set", "STUBBORN=1", "--app", "shop")
	s.lugsail(t, "config", "unset", "STUBBORN", "--app", "shop")
	eventually(t, 60*time.Second, func() bool {
		log := s.lugsail(t, "logs", "shop", "-p", "lugsail")
		return strings.Contains(log, "did not end within 2 s of SIGTERM and was killed") && strings.Contains(log, "is stopped: it got SIGTERM and has 2 s to end")
	}, func() string { return s.lugsail(t, "logs", "shop", "-p", "lugsail") })
}

func testKilledDuringRun(t *testing.T, app *repo) {
	s := app.server
	run := s.at(t, 80, 24, "run", "--app", "shop", "--", "sh")
	run.shows("$ ")
	inside := s.at(t, 80, 24, "exec", "--app", "shop", "--replica", "worker.1", "--", "sh", "-c", "echo inside; sleep 4321")
	inside.shows("inside")
	s.kill(t, "serve")
	run.exits(7)
	inside.exits(7)
	run.shows("was lost")
	s.answers(t)
	s.noRuns(t, 30*time.Second)
	eventually(t, 30*time.Second, func() bool {
		out, _, code := s.piped(t, "", "exec", "--app", "shop", "--replica", "worker.1", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
		return code == 0 && !strings.Contains(out, "sleep 4321")
	}, func() string { return "a command stays in the replica" })
}

func testNoWeb(t *testing.T, app *repo) {
	s := app.server
	mailer := s.repo(t, "mailer", "process")
	mailer.write(t, "Procfile", "worker: node worker.js\n")
	got := mailer.pushed(t, "a worker alone")
	wantAll(t, got.out, "no web process", "1 × worker", "is live")
	status, body := s.get(t, "mailer", "/")
	if status != http.StatusNotFound || !strings.Contains(body, "no web process") {
		t.Errorf("its address answers %d %q", status, body)
	}
	wantAll(t, s.lugsail(t, "info", "mailer"), "Ok", "no web process")
	mailer.write(t, "worker.js", "console.log('no queue'); process.exit(1);\n")
	mailer.commit(t, "ends at once")
	if r := mailer.push(t); r.code == 0 {
		t.Errorf("a worker that ends at once went live:\n%s", r.out)
	} else {
		wantAll(t, r.out, "worker.1 stopped with exit code 1", "worker.1 | no queue", "must keep running")
	}
	wantAll(t, s.lugsail(t, "info", "mailer"), "v1")
	s.lugsail(t, "destroy", "mailer", "--confirm", "mailer")
}
