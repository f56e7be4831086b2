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
		if !EngineAnswers(ctx, socket) && s.current(Engine) == nil && ctx.Err() == nil {
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
	pid := enginePIDFile(socket)
	if p := readPID(pid); p != 0 && isDockerd(p) {
		return nil // it is starting, or stuck: not ours to end
	}
	if err := removeIfThere(pid); err != nil {
		return err
	}
	log, err := os.OpenFile(s.config.log(Engine), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("opening the engine's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the engine has its own
	cmd, err := command.Command{
		Name: "dockerd", Args: []string{"-H", "unix://" + socket, "--pidfile", pid},
		Dir: "/", Env: childEnv(), Stdout: log, Stderr: log, Attr: &syscall.SysProcAttr{Setsid: true},
	}.Start(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	slog.Info("part started", "part", Engine, "pid", cmd.Process.Pid)
	s.note(newChild(Engine, cmd.Process), 0)
	return nil
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
