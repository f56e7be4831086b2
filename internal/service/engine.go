package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// engineEvery is how often the engine's socket is asked.
const engineEvery = 2 * time.Second

// keepEngine starts dockerd when nobody answers on its socket. It never ends one: with
// it would end what it starts later, and its containers matter more than a fresh log.
func (s *Supervisor) keepEngine(ctx context.Context) {
	socket := strings.TrimPrefix(s.config.DockerHost, "unix://")
	var delay time.Duration
	for ctx.Err() == nil {
		wait := engineEvery
		if EngineAnswers(ctx, socket) {
			delay = 0
		} else if s.current(Engine) == nil && ctx.Err() == nil {
			delay = nextDelay(delay, 0)
			wait = max(wait, delay)
			if err := s.startEngine(ctx, socket); err != nil {
				slog.Error("the Docker Engine does not start", "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		s.dropEndedEngine()
	}
}

func (s *Supervisor) dropEndedEngine() {
	if c := s.current(Engine); c != nil {
		select {
		case <-c.ended:
			s.forget(Engine)
		default:
		}
	}
}

func (s *Supervisor) startEngine(ctx context.Context, socket string) error {
	process, err := launchEngine(ctx, s.config, socket)
	if err != nil || process == nil {
		return err
	}
	slog.Info("part started", "part", Engine, "pid", process.Pid)
	s.note(newChild(Engine, process), 0)
	return nil
}

// launchEngine starts a dockerd that outlives this program; nil when one is there that does not answer yet.
func launchEngine(ctx context.Context, c Config, socket string) (*os.Process, error) {
	pid := enginePIDFile(socket)
	if p := readPID(pid); p != 0 && isDockerd(p) {
		return nil, nil // it is starting, or stuck: not ours to end
	}
	if err := removeIfThere(pid); err != nil {
		return nil, err
	}
	// The engine starts apps at once, whose rules must be there.
	rules := command.Command{Name: c.Binary, Args: append([]string{"host", "firewall"}, c.Args...), Dir: "/", Env: childEnv()}
	if err := runFor(ctx, rules, 40*time.Second); err != nil {
		slog.Warn("network rules are not there before the Docker Engine", "error", err)
	}
	log, err := os.OpenFile(c.log(Engine), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("opening the engine's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the engine has its own
	cmd, err := command.Command{
		Name: "dockerd", Args: []string{"-H", "unix://" + socket, "--pidfile", pid},
		Dir: "/", Env: childEnv(), Stdout: log, Stderr: log, Attr: &syscall.SysProcAttr{Setsid: true},
	}.Start(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	return cmd.Process, nil
}

func runFor(ctx context.Context, c command.Command, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return c.Run(ctx)
}

// EnsureEngine starts the engine where it does not answer, and waits until it does.
func EnsureEngine(ctx context.Context, c Config, socket string) error {
	if EngineAnswers(ctx, socket) {
		return nil
	}
	if Systemd() {
		if err := systemctl(ctx, "start", "docker.service"); err != nil {
			return err
		}
	} else {
		if err := makeDirs(c); err != nil {
			return err
		}
		process, err := launchEngine(ctx, c, socket)
		if err != nil {
			return err
		}
		if process != nil {
			go func() { _, _ = process.Wait() }() // it outlives this program; until then it must not become a zombie
		}
	}
	for !EngineAnswers(ctx, socket) {
		select {
		case <-ctx.Done():
			return platform.Errorf(platform.Unavailable, "engine_start", "The Docker Engine does not start.").
				WithHint("Its last words are in %s.", c.log(Engine)).Because(ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// RestartEngine makes a running engine read its settings: by a restart, or by SIGHUP where that must do.
func RestartEngine(ctx context.Context, c Config, socket string, reload bool) error {
	if Systemd() {
		verb := "restart"
		if reload {
			verb = "reload"
		} else {
			_ = systemctl(ctx, "reset-failed", "docker.service") // where there was no failure there is nothing to forget
		}
		return systemctl(ctx, verb, "docker.service")
	}
	pid := readPID(enginePIDFile(socket))
	if pid == 0 || !isDockerd(pid) {
		return nil // not started from here: its owner knows how
	}
	p := processOf(pid)
	if reload {
		return syscall.Kill(pid, syscall.SIGHUP)
	}
	if err := endProcess(p, 30*time.Second); err != nil {
		return err
	}
	return EnsureEngine(ctx, c, socket)
}

func enginePIDFile(socket string) string {
	if socket == "/var/run/docker.sock" || socket == "/run/docker.sock" {
		return "/var/run/docker.pid"
	}
	return strings.TrimSuffix(socket, filepath.Ext(socket)) + ".pid"
}

func isDockerd(pid int) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.TrimSpace(string(name)) == "dockerd"
}

// EngineAnswers asks the engine behind the socket for a sign of life.
func EngineAnswers(ctx context.Context, socket string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/_ping", nil)
	if err != nil {
		return false
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}
