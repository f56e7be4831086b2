package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// Control starts, stops and looks at the service, by whatever runs it.
type Control struct {
	Config  Config
	systemd bool
}

// NewControl finds out whether systemd or the supervisor runs the service here.
func NewControl(c Config) *Control {
	return &Control{Config: c.withDefaults(), systemd: Systemd()}
}

// Start starts the service and waits until its parts run; it is no error when they do already.
func (c *Control) Start(ctx context.Context) error {
	if c.systemd {
		return systemctl(ctx, append([]string{"start"}, units...)...)
	}
	running, err := Running(c.Config)
	if err != nil || running {
		return err
	}
	if err := makeDirs(c.Config); err != nil {
		return err
	}
	log, err := os.OpenFile(c.Config.log("service"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("opening the service's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the supervisor has its own
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("opening the service's log: %w", err)
	}
	cmd, err := command.Command{
		Name: c.Config.Binary, Args: append([]string{"service", "run"}, c.Config.Args...),
		Dir: "/", Env: childEnv(), Stdout: log, Stderr: log, Attr: &syscall.SysProcAttr{Setsid: true},
	}.Start(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return c.awaitStart(ctx, ended, from)
}

// awaitStart waits for the new supervisor to settle. When it ends instead, its last words are the reason.
func (c *Control) awaitStart(ctx context.Context, ended <-chan error, from int64) error {
	for {
		select {
		case <-ended:
			return c.lastWords(from)
		case <-ctx.Done():
			return slow(ctx)
		case <-time.After(20 * time.Millisecond):
		}
		state, err := ReadState(c.Config)
		if err != nil {
			return err
		}
		if state.Settled && state.Supervisor.Alive() {
			return nil
		}
	}
}

// lastWords is what a supervisor that did not start wrote to its log.
func (c *Control) lastWords(from int64) error {
	data, err := os.ReadFile(c.Config.log("service"))
	if err != nil || int64(len(data)) < from {
		return platform.Errorf(platform.Unavailable, "service_start", "Lugsail does not start.").Because(err)
	}
	message, hint := "Lugsail does not start.", "`lugsail service logs` has the details."
	for line := range strings.Lines(string(data[from:])) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "Error: "); ok {
			message = text
		}
		if text, ok := strings.CutPrefix(line, "→ "); ok {
			hint = text
		}
	}
	return platform.Errorf(platform.Unavailable, "service_start", "%s", message).WithHint("%s", hint)
}

// Stop ends proxy and control plane and waits for it. Apps' containers keep running.
func (c *Control) Stop(ctx context.Context) error {
	if c.systemd {
		return systemctl(ctx, append([]string{"stop"}, units...)...)
	}
	running, err := Running(c.Config)
	if err != nil {
		return err
	}
	if running {
		if err := c.end(ctx); err != nil {
			return err
		}
	}
	return endLeftovers(c.Config) // also of one that the signal ended in its first moments
}

// end tells the supervisor to stop, and waits for that.
func (c *Control) end(ctx context.Context) error {
	state, err := ReadState(c.Config)
	if err != nil {
		return err
	}
	if err := state.signal(syscall.SIGTERM); err != nil {
		return err
	}
	asked := time.Now()
	return wait(ctx, func() (bool, error) {
		running, err := Running(c.Config)
		if running && time.Since(asked) > time.Second { // one that was just replacing itself has not heard it
			asked = time.Now()
			_ = state.signal(syscall.SIGTERM) // it may have ended just now
		}
		return !running, err
	})
}

// Restart replaces every program by the one that is installed now, the control plane
// first, without refusing a connection; it starts the service when it does not run.
func (c *Control) Restart(ctx context.Context) error {
	if c.systemd {
		return systemctl(ctx, "restart", "lugsail.service", "lugsail-proxy.service")
	}
	running, err := Running(c.Config)
	if err != nil {
		return err
	}
	if !running {
		return c.Start(ctx)
	}
	before, err := ReadState(c.Config)
	if err != nil {
		return err
	}
	// A supervisor that cannot open its ports ends, and with it all that runs now.
	if err := openable(c.Config, before.Addrs); err != nil {
		return err
	}
	var from int64
	if info, err := os.Stat(c.Config.log("service")); err == nil {
		from = info.Size()
	}
	if err := before.signal(syscall.SIGHUP); err != nil {
		return err
	}
	return wait(ctx, func() (bool, error) {
		now, err := ReadState(c.Config)
		if err == nil && !before.Supervisor.Alive() {
			err = c.lastWords(from)
		}
		return now.Settled && now.Generation > before.Generation, err
	})
}

func (s State) signal(sig syscall.Signal) error {
	if !s.Supervisor.Alive() {
		return platform.Errorf(platform.Unavailable, "service_state", "Lugsail is just starting or stopping.").
			WithHint("Try again in a few seconds.")
	}
	if err := syscall.Kill(s.Supervisor.PID, sig); err != nil {
		return fmt.Errorf("signalling the supervisor: %w", err)
	}
	return nil
}

func wait(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return slow(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func slow(ctx context.Context) error {
	return platform.Errorf(platform.Unavailable, "service_slow", "Lugsail did not get there in time.").
		WithHint("`lugsail service status` shows what runs, `lugsail service logs` why.").Because(ctx.Err())
}

// PartStatus is how one part is.
type PartStatus struct {
	Name     string    `json:"name"`
	Running  bool      `json:"running"`
	PID      int       `json:"pid,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Restarts int       `json:"restarts"`
}

// Status tells whether the service runs, and how its parts are.
func (c *Control) Status(ctx context.Context) (running bool, parts []PartStatus, err error) {
	if c.systemd {
		return systemdStatus(ctx)
	}
	if running, err = Running(c.Config); err != nil {
		return false, nil, err
	}
	state, err := ReadState(c.Config)
	if err != nil {
		return false, nil, err
	}
	for _, name := range []string{Proxy, Serve, Engine} {
		p, known := state.Parts[name]
		if name == Engine && !known {
			continue
		}
		s := PartStatus{Name: name, Running: p.Alive(), Restarts: p.Restarts}
		if s.Running {
			s.PID, s.Since = p.PID, p.Since
		}
		parts = append(parts, s)
	}
	return running, parts, nil
}

// Logs writes the log of a part.
func (c *Control) Logs(ctx context.Context, part string, lines int, follow bool, out io.Writer) error {
	if c.systemd {
		return journal(ctx, part, lines, follow, out)
	}
	return Logs(ctx, c.Config, part, lines, follow, out)
}

// journal writes what systemd keeps of a part. The service itself is all of its units.
func journal(ctx context.Context, part string, lines int, follow bool, out io.Writer) error {
	of := map[string][]string{Serve: {"lugsail.service"}, Proxy: {"lugsail-proxy.service"}, Engine: {"docker.service"}}[part]
	if of == nil {
		of = units
	}
	args := []string{"--lines", fmt.Sprint(max(lines, 0)), "--no-pager"}
	for _, unit := range of {
		args = append(args, "--unit", unit)
	}
	if follow {
		args = append(args, "--follow")
	}
	return command.Command{Name: "journalctl", Args: args, Stdout: out, Stderr: out}.Run(ctx)
}

// LogNames are the logs that there are.
func LogNames() []string { return []string{Serve, Proxy, "service", Engine} }

func systemctl(ctx context.Context, args ...string) error {
	err := command.Command{Name: "systemctl", Args: args}.Run(ctx)
	var exit *command.ExitError
	if errors.As(err, &exit) {
		return platform.Errorf(platform.Unavailable, "service_systemd", "systemctl %s did not work: %s", strings.Join(args, " "), strings.TrimSpace(exit.Output)).
			WithHint("`journalctl --unit lugsail.service --unit lugsail-proxy.service` has the details.")
	}
	return err
}

func systemdStatus(ctx context.Context) (bool, []PartStatus, error) {
	running := true
	var parts []PartStatus
	for _, p := range []struct{ name, unit string }{{Proxy, "lugsail-proxy.service"}, {Serve, "lugsail.service"}} {
		out, err := command.Command{Name: "systemctl", Args: []string{"show", p.unit, "--property=ActiveState,MainPID,NRestarts"}}.Output(ctx)
		if err != nil {
			return false, nil, err
		}
		s := PartStatus{Name: p.name}
		for line := range strings.Lines(string(out)) {
			name, v, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch name {
			case "ActiveState":
				s.Running = slices.Contains([]string{"active", "reloading", "activating"}, v) // also between two tries
			case "MainPID":
				_, _ = fmt.Sscan(v, &s.PID) // systemd writes a number
			case "NRestarts":
				_, _ = fmt.Sscan(v, &s.Restarts) // systemd writes a number
			}
		}
		running = running && s.Running
		parts = append(parts, s)
	}
	return running, parts, nil
}
