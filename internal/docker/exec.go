package docker

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

// execMark stands in the environment of what Exec starts, with the Engine's era and a name: so a later
// Lugsail knows what an earlier one has left in a replica, and a command is found that a restarted
// daemon has forgotten. What people start with Docker's own tools does not carry it.
const execMark = "LUGSAIL_EXEC"

// Exec starts a command in a replica that runs, with the replica's own rights and limits.
func (e *Engine) Exec(ctx context.Context, id string, spec platform.ExecSpec) (platform.Terminal, error) {
	if len(spec.Command) == 0 {
		return nil, fmt.Errorf("executing in a replica: no command given")
	}
	info, err := e.inspect(ctx, id)
	if err != nil {
		return nil, err
	}
	if !info.State.Running || info.State.Restarting || info.State.Paused {
		return nil, platform.Errorf(platform.Conflict, "replica_not_running", "The replica is not running just now.").
			WithHint("See what runs: lugsail ps. A command in a container of its own: lugsail run -- COMMAND")
	}
	mark := e.era + "-" + strings.ToLower(rand.Text()[:12])
	made, err := call(ctx, e, e.limits.quick, "preparing a command", func(ctx context.Context) (container.ExecCreateResponse, error) {
		return e.client.ContainerExecCreate(ctx, info.ID, container.ExecOptions{
			Tty: spec.TTY, AttachStdin: true, AttachStdout: true, AttachStderr: true, DetachKeys: detachKeys, Cmd: spec.Command, Env: execEnv(spec, mark),
		})
	})
	if err != nil {
		return nil, err
	}
	conn, stop, err := open(context.WithoutCancel(ctx), e, "starting a command", func(ctx context.Context) (types.HijackedResponse, error) {
		return e.client.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{Tty: spec.TTY})
	})
	if err != nil {
		return nil, err
	}
	t := &terminal{engine: e, conn: conn, stop: stop, tty: spec.TTY, of: &execTerminal{engine: e, id: info.ID, exec: made.ID, mark: mark}}
	if spec.TTY && spec.Size != (platform.Size{}) {
		_ = t.Resize(ctx, spec.Size) // it may have ended already
	}
	return t, nil
}

func execEnv(spec platform.ExecSpec, mark string) []string {
	env := []string{execMark + "=" + mark}
	if spec.TTY {
		env = append(env, "TERM=xterm-256color")
	}
	return env
}

// execTerminal is the part of a terminal that is about a command in a replica. Docker cannot end
// such a one, so its processes are found by their session and ended from outside.
type execTerminal struct {
	engine   *Engine
	id, exec string
	mark     string
}

func (x *execTerminal) look(ctx context.Context) (container.ExecInspect, error) {
	state, err := call(ctx, x.engine, x.engine.limits.quick, "looking at a command", func(ctx context.Context) (container.ExecInspect, error) {
		return x.engine.client.ContainerExecInspect(ctx, x.exec)
	})
	if isNotFound(err) { // gone with its replica
		return container.ExecInspect{ExitCode: 137}, nil
	}
	return state, err
}

func (x *execTerminal) resize(ctx context.Context, o container.ResizeOptions) error {
	return x.engine.client.ContainerExecResize(ctx, x.exec, o)
}

func (x *execTerminal) signal(ctx context.Context, name string) error {
	state, err := x.look(ctx)
	if err == nil && state.Running {
		signalSession(state.Pid, x.id, unix.SignalNum("SIG"+name))
	}
	return err
}

func (x *execTerminal) ended(ctx context.Context) (platform.RunEnd, bool, error) {
	state, err := x.look(ctx)
	return platform.RunEnd{ExitCode: state.ExitCode}, !state.Running, err
}

func (x *execTerminal) close(ctx context.Context, grace time.Duration) (killed bool, err error) {
	state, err := x.look(ctx)
	if err == nil && state.Running && state.Pid > 0 {
		return endSession(ctx, state.Pid, x.id, grace)
	}
	for _, pid := range leadersIn(x.id, func(mark string) bool { return mark == x.mark }) { // a daemon that was restarted has forgotten it
		return endSession(ctx, pid, x.id, grace)
	}
	return false, err
}

// endSession ends a process in a container and all of its session: asked first, then killed.
func endSession(ctx context.Context, pid int, id string, grace time.Duration) (killed bool, err error) {
	if grace > 0 {
		signalSession(pid, id, syscall.SIGHUP) // an interactive shell takes no notice of SIGTERM
		signalSession(pid, id, syscall.SIGTERM)
	}
	for end := time.Now().Add(grace); ; {
		if len(sessionOf(pid, id)) == 0 {
			return killed, nil
		}
		if !time.Now().Before(end) {
			killed = true
			signalSession(pid, id, syscall.SIGKILL)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return killed, fmt.Errorf("ending a command: %w", err)
		}
	}
}

func signalSession(pid int, id string, signal syscall.Signal) {
	for _, p := range sessionOf(pid, id) {
		_ = syscall.Kill(p, signal) // it may have ended in this moment
	}
}

// sessionOf finds the processes of a session that are part of the container.
func sessionOf(leader int, id string) []int {
	if leader <= 1 {
		return nil
	}
	var found []int
	for _, p := range processes() {
		if p.session == leader && inContainer(p.pid, id) {
			found = append(found, p.pid)
		}
	}
	return found
}

func inContainer(pid int, id string) bool {
	_, err := controlGroupsOf(pid, id)
	return err == nil
}

// process is what the kernel tells of one.
type process struct{ pid, parent, session int }

// processes lists those that have not ended.
func processes() []process {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // only a bad pattern, which this is not
	var all []process
	for _, path := range stats {
		if p, ok := readProcess(path); ok {
			all = append(all, p)
		}
	}
	return all
}

// readProcess reads a process's stat; what has ended and waits for its parent does not count.
func readProcess(path string) (p process, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return p, false
	}
	name := bytes.LastIndexByte(text, ')') // the program's name may hold anything
	fields := strings.Fields(string(text[name+1:]))
	if len(fields) < 4 || fields[0] == "Z" || fields[0] == "X" {
		return p, false
	}
	p.pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	p.parent, _ = strconv.Atoi(fields[1])
	p.session, _ = strconv.Atoi(fields[3])
	return p, true
}

// leadersIn finds the commands in a container whose mark is wanted: they lead their session, and were
// started from outside. What a command has started to stay is not among them.
func leadersIn(id string, wanted func(mark string) bool) []int {
	var found []int
	for _, p := range processes() {
		if p.pid != p.session || !inContainer(p.pid, id) || inContainer(p.parent, id) {
			continue
		}
		if mark, ok := markOf(p.pid); ok && wanted(mark) {
			found = append(found, p.pid)
		}
	}
	return found
}

func markOf(pid int) (mark string, ok bool) {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return "", false
	}
	for line := range bytes.SplitSeq(env, []byte{0}) {
		if mark, ok := strings.CutPrefix(string(line), execMark+"="); ok {
			return mark, true
		}
	}
	return "", false
}

// EndExecs ends the commands that an earlier Lugsail has left in replicas, and tells how many.
func (e *Engine) EndExecs(ctx context.Context) (int, error) {
	list, err := e.list(ctx, "")
	if err != nil {
		return 0, err
	}
	ended := 0
	var errs []error
	for _, c := range list {
		for _, pid := range leadersIn(c.ID, func(mark string) bool { return !strings.HasPrefix(mark, e.era+"-") }) {
			ended++
			_, err := endSession(ctx, pid, c.ID, time.Second)
			errs = append(errs, err)
		}
	}
	return ended, errors.Join(errs...)
}
