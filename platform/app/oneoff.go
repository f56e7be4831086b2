package app

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

// What commands may take at most.
const (
	MaxAppCommands     = 5  // at once in one app
	MaxAccountCommands = 10 // at once of one account
	maxCommandWords    = 200
	maxCommandBytes    = 32 << 10
	commandTime        = 24 * time.Hour
	endGrace           = 10 * time.Second // for a command whose person has gone
)

// RunRequest is a command in a container of its own.
type RunRequest struct {
	Command []string // one word with a space in it is a line for the container's shell
	TTY     bool
	Size    platform.Size
}

// ExecRequest is a command in a replica that runs.
type ExecRequest struct {
	RunRequest
	Replica string // "web.1"; "" means the first that runs
}

// commands counts what is under way.
type commands struct {
	mu       sync.Mutex
	attached map[string]bool // names of runs that have somebody at their terminal
	apps     map[string]int
	accounts map[string]int
}

// Session is a person at a command's terminal. Its End must be called.
type Session struct {
	Name     string // "run.k3f9"; of a command in a replica "web.1"
	Terminal platform.Terminal
	Until    time.Time // its time is up
	end      func(ctx context.Context) error
}

// End ends the command, if it has not, and removes what is left of it.
func (s *Session) End(ctx context.Context) error { return s.end(ctx) }

// Run starts a command in a fresh container of what serves, with its config vars and limits.
func (s *Service) Run(ctx context.Context, actor platform.Actor, name string, ask RunRequest) (*Session, error) {
	app, release, free, err := s.admitCommand(ctx, actor, name, ask.Command)
	if err != nil {
		return nil, err
	}
	spec := s.runSpec(actor, release, ask.Command)
	spec.Attached, spec.TTY, spec.Size = true, ask.TTY, ask.Size
	full := string(spec.Kind) + "." + spec.Name
	s.attach(full)
	_, term, err := s.Conductor.Replicas.StartOnce(ctx, app, release, spec)
	if err != nil {
		s.detach(full)
		free()
		return nil, err
	}
	s.event(ctx, actor, app, "run.started", fmt.Sprintf("%s runs %s of v%d", full, program(ask.Command), release.Number))
	return &Session{Name: full, Terminal: term, Until: spec.Until, end: func(ctx context.Context) error {
		defer free()
		killed, err := term.Close(ctx, endGrace)
		s.detach(full) // when it did not end, the sweep ends it
		if err != nil {
			return err
		}
		if killed {
			s.note(app.ID, "%s did not end within %d s of SIGTERM and was killed", full, int(endGrace.Seconds()))
		}
		return nil
	}}, nil
}

// RunDetached starts a command that goes on by itself; what it says is in the app's log.
func (s *Service) RunDetached(ctx context.Context, actor platform.Actor, name string, command []string) (platform.Run, error) {
	app, release, free, err := s.admitCommand(ctx, actor, name, command)
	if err != nil {
		return platform.Run{}, err
	}
	defer free()
	started, _, err := s.Conductor.Replicas.StartOnce(ctx, app, release, s.runSpec(actor, release, command))
	if err != nil {
		return platform.Run{}, err
	}
	s.event(ctx, actor, app, "run.started", fmt.Sprintf("%s runs %s of v%d", started.Name, program(command), release.Number))
	s.note(app.ID, "%s was started by %s", started.Name, actor.Name)
	return started, nil
}

func (s *Service) runSpec(actor platform.Actor, release platform.Release, command []string) platform.RunSpec {
	entrypoint, args := run.Command(release, command)
	return platform.RunSpec{
		Name: platform.NewID()[1:7], Kind: platform.RunCommand, Account: actor.AccountID, By: actor.Name,
		Entrypoint: entrypoint, Args: args, Until: s.Now().Add(commandTime),
	}
}

// Exec starts a command in a replica of what serves.
func (s *Service) Exec(ctx context.Context, actor platform.Actor, name string, ask ExecRequest) (*Session, error) {
	app, release, free, err := s.admitCommand(ctx, actor, name, ask.Command)
	if err != nil {
		return nil, err
	}
	replica, err := s.replicaNamed(ctx, app, ask.Replica)
	var term platform.Terminal
	if err == nil {
		entrypoint, args := run.Command(release, ask.Command)
		term, err = s.Conductor.Replicas.Commands.Exec(ctx, replica.ID, platform.ExecSpec{Command: append(entrypoint, args...), TTY: ask.TTY, Size: ask.Size})
	}
	if err != nil {
		free()
		return nil, err
	}
	full := fmt.Sprintf("%s.%d", replica.Process, replica.Index)
	s.event(ctx, actor, app, "exec.started", fmt.Sprintf("%s was run in %s of v%d", program(ask.Command), full, replica.Release))
	return &Session{Name: full, Terminal: term, Until: s.Now().Add(commandTime), end: func(ctx context.Context) error {
		defer free()
		_, err := term.Close(ctx, endGrace)
		return err
	}}, nil
}

var replicaName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,29}\.[1-9][0-9]{0,2}$`)

// replicaNamed finds a running replica among the app's own: a name never reaches the engine.
func (s *Service) replicaNamed(ctx context.Context, app platform.App, name string) (platform.Replica, error) {
	missing := platform.Errorf(platform.NotFound, "replica_not_found", "%s has no running replica %.40q.", app.Name, name).
		WithHint("See what runs: lugsail ps")
	if name != "" && !replicaName.MatchString(name) {
		return platform.Replica{}, missing
	}
	replicas, err := s.Engine.Replicas(ctx, app.ID)
	if err != nil {
		return platform.Replica{}, err
	}
	var found *platform.Replica
	for _, r := range replicas {
		if r.Release != app.CurrentRelease || r.State != platform.ReplicaRunning {
			continue
		}
		web := name == "" && r.Process == platform.WebProcess && (found == nil || found.Process != platform.WebProcess)
		if fmt.Sprintf("%s.%d", r.Process, r.Index) == name || name == "" && found == nil || web {
			found = &r
		}
	}
	switch {
	case found != nil:
		return *found, nil
	case name == "":
		return platform.Replica{}, platform.Errorf(platform.Conflict, "nothing_runs", "No replica of %s runs just now.", app.Name).
			WithHint("Run the command in a container of its own: lugsail run -- COMMAND")
	}
	return platform.Replica{}, missing
}

// admitCommand finds what a command needs and takes a seat for it, which free gives back.
func (s *Service) admitCommand(ctx context.Context, actor platform.Actor, name string, command []string) (app platform.App, r platform.Release, free func(), err error) {
	if app, err = s.find(ctx, actor, name, platform.ActionRun); err != nil {
		return app, r, nil, err
	}
	if err := validateCommand(command); err != nil {
		return app, r, nil, err
	}
	if app.CurrentRelease == 0 {
		return app, r, nil, platform.Errorf(platform.Conflict, "nothing_serves", "%s has no release yet, so there is nothing to run the command in.", app.Name).
			WithHint("Deploy it first: git push lugsail main")
	}
	if r, err = s.History.ReleaseByNumber(ctx, app.ID, app.CurrentRelease); err != nil {
		return app, r, nil, fmt.Errorf("reading release %d: %w", app.CurrentRelease, err)
	}
	free, err = s.takeSeat(ctx, actor, app)
	return app, r, free, err
}

func validateCommand(words []string) error {
	size := 0
	for _, w := range words {
		size += len(w)
		if strings.ContainsRune(w, 0) {
			return platform.Errorf(platform.Invalid, "command_invalid", "The command holds a NUL byte.")
		}
	}
	if len(words) == 0 || strings.TrimSpace(words[0]) == "" {
		return platform.Errorf(platform.Invalid, "command_missing", "No command was given.").WithHint("For example: lugsail run -- npm run migrate")
	}
	if len(words) > maxCommandWords || size > maxCommandBytes {
		return platform.Errorf(platform.Invalid, "command_too_long", "The command is too long: %d words with %d bytes; %d and %d are possible.", len(words), size, maxCommandWords, maxCommandBytes).
			WithHint("Put it into a script in the app, and run that.")
	}
	return nil
}

// shellWords begin lines that are no program with arguments, such as the one that looks for bash.
var shellWords = []string{"if", "for", "while", "until", "case", "exec", "cd", "set", "{", "("}

// program names what is run without its arguments, which may be secrets; and so may what a line
// for the shell sets before its program.
func program(words []string) string {
	line := strings.Fields(words[0])
	if len(line) == 0 || strings.Contains(line[0], "=") || slices.Contains(shellWords, line[0]) {
		return "a line for the shell"
	}
	return fmt.Sprintf("%.60q", line[0])
}

// takeSeat counts a command that has somebody at its terminal, beside those that go on by themselves.
func (s *Service) takeSeat(ctx context.Context, actor platform.Actor, app platform.App) (free func(), err error) {
	all, err := s.Conductor.Replicas.Commands.Runs(ctx, "")
	if err != nil {
		return nil, err
	}
	c := &s.commands
	c.mu.Lock()
	defer c.mu.Unlock()
	ofApp, ofAccount := c.apps[app.ID], c.accounts[actor.AccountID]
	for _, r := range all {
		if r.Kind != platform.RunCommand || r.Attached || r.State == platform.ReplicaExited {
			continue
		}
		if r.AppID == app.ID {
			ofApp++
		}
		if r.Account == actor.AccountID {
			ofAccount++
		}
	}
	if ofApp >= MaxAppCommands || ofAccount >= MaxAccountCommands {
		return nil, platform.Errorf(platform.TooMany, "too_many_commands", "Too many commands run at once: %d in %s (%d are possible) and %d of yours (%d are possible).",
			ofApp, app.Name, MaxAppCommands, ofAccount, MaxAccountCommands).WithHint("Wait for one to end, or stop one: lugsail ps shows them, lugsail run --stop NAME stops one.")
	}
	if c.apps == nil {
		c.apps, c.accounts = map[string]int{}, map[string]int{}
	}
	c.apps[app.ID]++
	c.accounts[actor.AccountID]++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		lower(c.apps, app.ID)
		lower(c.accounts, actor.AccountID)
	}), nil
}

func lower(counts map[string]int, key string) {
	if counts[key]--; counts[key] <= 0 {
		delete(counts, key)
	}
}
