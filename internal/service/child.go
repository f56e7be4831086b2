package service

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/internal/command"
)

const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = 10 * time.Second
	steady     = 30 * time.Second // who ran this long starts again at once
)

// child is one part while it runs: started by this program or, after an exec, by the one before it.
type child struct {
	name    string
	process *os.Process
	id      Process
	since   time.Time
	ended   chan struct{}
}

// start runs one part with its output appended to its log.
func (s *Supervisor) start(part string) (*child, error) {
	log, err := os.OpenFile(s.config.log(part), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", part, err)
	}
	defer func() { _ = log.Close() }() // the child has its own
	c := command.Command{
		Name: s.config.Binary, Args: append([]string{part}, s.config.Args...),
		Dir: "/", Env: childEnv(), Stdout: log, Stderr: log,
		Attr: &syscall.SysProcAttr{Setsid: true},
	}
	if part == Proxy {
		var env []string
		env, c.Files = environment(s.sockets)
		c.Env = slices.DeleteFunc(append(c.Env, env...), func(kv string) bool {
			return strings.HasPrefix(kv, "LUGSAIL_DATABASE=") // not the proxy's matter, and it has a password
		})
		if c.Attr.Credential, err = credential(s.config.ProxyUser); err != nil {
			return nil, err
		}
	}
	cmd, err := c.Start(context.Background()) // ended by signal, not by context
	if err != nil {
		return nil, err
	}
	return newChild(part, cmd.Process), nil
}

func newChild(part string, p *os.Process) *child {
	c := &child{name: part, process: p, id: processOf(p.Pid), since: time.Now(), ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		state, err := p.Wait()
		slog.Info("part ended", "part", part, "pid", p.Pid, "state", stateText(state), "error", err)
	}()
	return c
}

func stateText(s *os.ProcessState) string {
	if s == nil {
		return ""
	}
	return s.String()
}

// adopt takes over a part that the program before the exec started.
func adopt(part string, was Part) (*child, error) {
	if !was.Alive() {
		_, _ = syscall.Wait4(was.PID, nil, syscall.WNOHANG, nil) // it may have ended during the exec, with nobody to collect it
		return nil, fmt.Errorf("%s is not running", part)
	}
	p, err := os.FindProcess(was.PID)
	if err != nil {
		return nil, fmt.Errorf("adopting %s: %w", part, err)
	}
	c := newChild(part, p)
	c.since = was.Since
	return c, nil
}

// end asks the part to stop, and makes it after the grace.
func (c *child) end(grace time.Duration) {
	_ = c.process.Signal(syscall.SIGTERM) // it may have ended already
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
		slog.Warn("part did not stop in time", "part", c.name, "grace", grace)
		_ = c.process.Kill() // it may have ended just now
		<-c.ended
	}
}

// nextDelay is how long to wait before a part that ran for that long starts again.
func nextDelay(last, ran time.Duration) time.Duration {
	if ran >= steady || last == 0 {
		return firstDelay
	}
	return min(2*last, lastDelay)
}

// childEnv is what a part inherits: settings given by environment, and where programs and time zones are.
func childEnv() []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C.UTF-8"}
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(env, settings(os.Environ())...)
}

// inherited are the variables by which people tell programs how to reach the world.
var inherited = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "GOPROXY", "GONOSUMDB", "GOFLAGS", "NPM_CONFIG_REGISTRY", "TZ",
}

func credential(name string) (*syscall.Credential, error) {
	if name == "" {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("looking up the proxy's user: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("looking up the proxy's user: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("looking up the proxy's user: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
