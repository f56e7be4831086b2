package gitserver

import (
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/internal/command"
)

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
