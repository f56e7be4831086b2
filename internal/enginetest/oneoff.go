package enginetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// StartRun starts a command as RunProgram says; nil means as Steps does.
func (f *Fake) StartRun(ctx context.Context, spec platform.RunSpec) (platform.Run, platform.Terminal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "StartRun"); err != nil {
		return platform.Run{}, nil, err
	}
	if f.missing[spec.Image] {
		return platform.Run{}, nil, platform.Errorf(platform.Conflict, "image_missing", "The image of v%d is not on this server any more.", spec.Release)
	}
	program := f.RunProgram
	if program == nil {
		program = func(s platform.RunSpec) Behaviour {
			return Steps(platform.ReplicaSpec{Args: s.Args, Env: s.Env, Plan: s.Plan})
		}
	}
	does := program(spec)
	if does.Refuses != nil {
		return platform.Run{}, nil, does.Refuses
	}
	r := f.newCommand(does, platform.Run{
		Name: string(spec.Kind) + "." + spec.Name, Kind: spec.Kind, AppID: spec.AppID, App: spec.App, Release: spec.Release,
		Deployment: spec.Deployment, Account: spec.Account, By: spec.By, Attached: spec.Attached, Until: spec.Until,
	})
	r.runSpec = spec
	var term platform.Terminal
	if spec.Attached {
		r.term = &terminal{f: f, r: r}
		term = r.term
	}
	if does.Unbegun {
		r.State = platform.ReplicaCreated
		return r.runNow(), term, nil
	}
	f.begin(r)
	return r.runNow(), term, nil
}

func (f *Fake) newCommand(does Behaviour, run platform.Run) *replica {
	f.made++
	run.ID, run.CreatedAt = fmt.Sprintf("fake%012d", f.made), time.Now().UTC()
	r := &replica{run: &run, does: does, changed: make(chan struct{}), Replica: platform.Replica{ID: run.ID, AppID: run.AppID}}
	if f.replicas == nil {
		f.replicas = map[string]*replica{}
	}
	f.replicas[r.ID] = r
	return r
}

// runNow is a run as it is now.
func (r *replica) runNow() platform.Run {
	run := *r.run
	run.State, run.ExitCode, run.OutOfMemory, run.StartedAt, run.EndedAt = r.State, r.ExitCode, r.OutOfMemory, r.StartedAt, r.EndedAt
	return run
}

// RunByID looks at one run.
func (f *Fake) RunByID(ctx context.Context, id string) (platform.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "RunByID"); err != nil {
		return platform.Run{}, err
	}
	r, ok := f.replicas[id]
	if !ok || r.run == nil {
		return platform.Run{}, platform.Errorf(platform.NotFound, "run_not_found", "There is no such run any more.")
	}
	return r.runNow(), nil
}

// Runs looks at all runs of an app, or at all when appID is "".
func (f *Fake) Runs(ctx context.Context, appID string) ([]platform.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "Runs"); err != nil {
		return nil, err
	}
	found := []platform.Run{}
	for _, r := range f.replicas {
		if r.run != nil && !r.exec && (appID == "" || r.AppID == appID) {
			found = append(found, r.runNow())
		}
	}
	slices.SortFunc(found, func(a, b platform.Run) int { return cmp.Compare(a.ID, b.ID) })
	return found, nil
}

// RunSpecOf gives what a run was started with.
func (f *Fake) RunSpecOf(id string) (platform.RunSpec, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.replicas[id]
	if !ok || r.run == nil {
		return platform.RunSpec{}, false
	}
	return r.runSpec, true
}

// Exec starts a command in a replica as ExecProgram says; nil means as Steps does with what follows the program's name.
func (f *Fake) Exec(ctx context.Context, id string, spec platform.ExecSpec) (platform.Terminal, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	of, err := f.find(ctx, "Exec", id)
	if err != nil {
		return nil, err
	}
	if of.State != platform.ReplicaRunning {
		return nil, platform.Errorf(platform.Conflict, "replica_not_running", "The replica is not running just now.")
	}
	program := f.ExecProgram
	if program == nil {
		program = func(s platform.ExecSpec) Behaviour {
			return Steps(platform.ReplicaSpec{Args: s.Command[1:], Env: of.spec.Env, Plan: of.spec.Plan})
		}
	}
	r := f.newCommand(program(spec), platform.Run{AppID: of.AppID})
	r.exec, r.term = true, &terminal{f: f, r: r}
	f.begin(r)
	return r.term, nil
}

// EndExecs finds nothing: what runs in a replica in memory ends with those who began it.
func (f *Fake) EndExecs(ctx context.Context) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return 0, f.refusal(ctx, "EndExecs")
}

// terminal is the connection to a command in memory.
type terminal struct {
	f      *Fake
	r      *replica
	chunks []chunk
}

type chunk struct {
	stream string
	data   []byte
}

// Write is input; a command that copies it writes it at once.
func (t *terminal) Write(p []byte) (int, error) {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	if t.r.does.Copies {
		t.chunks = append(t.chunks, chunk{"stdout", slices.Clone(p)})
		t.r.wake()
	}
	return len(p), nil
}

// CloseInput lets a command that copies its input go on.
func (t *terminal) CloseInput() error {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	if t.r.does.Copies && t.r.State == platform.ReplicaRunning {
		t.r.does.Copies = false
		if t.r.does.Exits {
			t.f.end(t.r, t.r.does.ExitCode)
		}
		t.r.wake()
	}
	return nil
}

// Output gives what the command writes until it has ended.
func (t *terminal) Output(take func(stream string, data []byte) error) error {
	for {
		t.f.mu.Lock()
		chunks, changed := t.chunks, t.r.changed
		t.chunks = nil
		ended := t.r.State != platform.ReplicaRunning || t.f.replicas[t.r.ID] == nil
		t.f.mu.Unlock()
		for _, c := range chunks {
			if err := take(c.stream, c.data); err != nil {
				return err
			}
		}
		if ended && len(chunks) == 0 {
			return nil
		}
		if !ended {
			<-changed
		}
	}
}

// Resize changes nothing that can be seen.
func (t *terminal) Resize(context.Context, platform.Size) error { return nil }

// Signal ends the command, unless it is TERM and that is ignored.
func (t *terminal) Signal(_ context.Context, name string) error {
	number, known := map[string]int{"INT": 2, "TERM": 15, "QUIT": 3, "HUP": 1}[name]
	if !known {
		return platform.Errorf(platform.Invalid, "signal_unknown", "%.10q is not a signal that can be sent.", name)
	}
	if name != "TERM" || !t.r.does.IgnoresTerm {
		t.f.Exit(t.r.ID, 128+number)
	}
	return nil
}

// End waits for the command's end.
func (t *terminal) End(ctx context.Context) (platform.RunEnd, error) {
	for {
		t.f.mu.Lock()
		changed, ended := t.r.changed, t.r.State != platform.ReplicaRunning
		end := platform.RunEnd{ExitCode: t.r.ExitCode, OutOfMemory: t.r.OutOfMemory}
		t.f.mu.Unlock()
		if ended {
			return end, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return end, fmt.Errorf("waiting for a command: %w", ctx.Err())
		}
	}
}

// Close ends and removes the command.
func (t *terminal) Close(ctx context.Context, grace time.Duration) (bool, error) {
	killed := t.r.does.IgnoresTerm && t.state() == platform.ReplicaRunning
	return killed, t.f.Stop(ctx, t.r.ID, grace)
}

func (t *terminal) state() platform.ReplicaState {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	return t.r.State
}
