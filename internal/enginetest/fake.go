package enginetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Fake is an engine in memory. A test decides what replicas do, by Program
// before their start and by the methods in control.go after it. The zero value
// is ready; it is safe for concurrent use.
type Fake struct {
	// Program says what a replica does; nil means that it listens on its port for ever.
	Program     func(platform.ReplicaSpec) Behaviour
	RunProgram  func(platform.RunSpec) Behaviour  // what a run does
	ExecProgram func(platform.ExecSpec) Behaviour // what a command in a replica does
	Memory      int64                             // of the machine; 0 means 4 GiB
	CPUs        int                               // of the machine; 0 means 2

	mu       sync.Mutex
	made     int
	replicas map[string]*replica
	missing  map[string]bool
	failures map[string]error
	watchers map[*watcher]bool
	stops    []Stopped
}

// Behaviour is what a replica does.
type Behaviour struct {
	Address     string              // "" means 127.0.0.1
	Listeners   []platform.Listener // from its start on
	Lines       []platform.LogLine  // written at its start; Stream ("" means stdout) and Text suffice
	Exits       bool                // it ends by itself …
	ExitCode    int                 // … with this
	After       time.Duration       // … after that time; 0 means at once
	OutOfMemory bool                // something in it is killed for memory at its start
	IgnoresTerm bool                // it must be killed
	Copies      bool                // it copies its input to its output before it ends; only what is attached has input
	Refuses     error               // Start gives this error
	Unbegun     bool                // of a run: it is made, and a crash comes before its start
}

// Stopped is the record of one Stop.
type Stopped struct {
	ID     string
	Grace  time.Duration
	Killed bool // the grace was over before it ended
}

type replica struct {
	platform.Replica
	spec      platform.ReplicaSpec
	does      Behaviour
	listeners []platform.Listener
	lines     []platform.LogLine
	changed   chan struct{} // closed and made anew at each change
	timer     *time.Timer
	run       *platform.Run // not nil: no replica
	runSpec   platform.RunSpec
	exec      bool          // a command in a replica
	cpu       time.Duration // set by Use
	memory    int64         // set by Use
	term      *terminal
}

// Start starts a replica as Program says.
func (f *Fake) Start(ctx context.Context, spec platform.ReplicaSpec) (platform.Replica, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "Start"); err != nil {
		return platform.Replica{}, err
	}
	if f.missing[spec.Image] {
		return platform.Replica{}, platform.Errorf(platform.Conflict, "image_missing", "The image of v%d is not on this server any more.", spec.Release)
	}
	if err := f.free(spec.Mounts); err != nil {
		return platform.Replica{}, err
	}
	does := Behaviour{Listeners: []platform.Listener{{IP: "0.0.0.0", Port: spec.Port}}}
	if f.Program != nil {
		does = f.Program(spec)
	}
	if does.Refuses != nil {
		return platform.Replica{}, does.Refuses
	}
	f.made++
	r := &replica{spec: spec, does: does, changed: make(chan struct{}), Replica: platform.Replica{
		ID: fmt.Sprintf("fake%012d", f.made), AppID: spec.AppID, App: spec.App, Release: spec.Release, Deployment: spec.Deployment,
		Process: spec.Process, Index: spec.Index, Wanted: spec.Port, CreatedAt: time.Now().UTC(),
	}}
	if f.replicas == nil {
		f.replicas = map[string]*replica{}
	}
	f.replicas[r.ID] = r
	f.begin(r)
	return r.Replica, nil
}

// free refuses a volume that another replica has for itself.
func (f *Fake) free(mounts []platform.Mount) error {
	for _, m := range mounts {
		for _, r := range f.replicas {
			has := slices.ContainsFunc(r.spec.Mounts, func(of platform.Mount) bool { return of.VolumeID == m.VolumeID })
			if has && !m.Shared && (r.State == platform.ReplicaRunning || r.State == platform.ReplicaRestarting) {
				return platform.Errorf(platform.Conflict, "volume_in_use", "The volume %s is for one replica at a time, and one has it.", m.Name)
			}
		}
	}
	return nil
}

// begin lets a replica run, for the first time or again.
func (f *Fake) begin(r *replica) {
	r.State, r.StartedAt, r.EndedAt, r.ExitCode = platform.ReplicaRunning, time.Now().UTC(), time.Time{}, 0
	r.Address, r.OutOfMemory = cmp.Or(r.does.Address, "127.0.0.1"), r.does.OutOfMemory
	r.listeners = slices.Clone(r.does.Listeners)
	f.tell(r, "start", 0)
	for _, line := range r.does.Lines {
		f.write(r, line.Stream, line.Text)
	}
	if r.does.OutOfMemory {
		f.tell(r, "oom", 0)
	}
	if r.does.Exits && r.does.After == 0 && !(r.does.Copies && r.term != nil) {
		f.end(r, r.does.ExitCode)
	} else if r.does.Exits && r.does.After > 0 {
		r.timer = time.AfterFunc(r.does.After, func() { f.Exit(r.ID, r.does.ExitCode) })
	}
}

// end lets a replica exit; one that is kept starts again, or waits to do so when
// it would only exit at once again.
func (f *Fake) end(r *replica, code int) {
	if r.timer != nil {
		r.timer.Stop()
	}
	r.State, r.ExitCode, r.EndedAt, r.Address, r.listeners = platform.ReplicaExited, code, time.Now().UTC(), "", nil
	f.tell(r, "die", code)
	if !r.Kept {
		return
	}
	r.Restarts++
	if r.does.Exits && r.does.After == 0 {
		r.State = platform.ReplicaRestarting
		return
	}
	f.begin(r)
}

// Keep makes the engine start the replica again when it ends.
func (f *Fake) Keep(ctx context.Context, id string) error { return f.setKept(ctx, "Keep", id, true) }

// Unkeep takes Keep back.
func (f *Fake) Unkeep(ctx context.Context, id string) error {
	return f.setKept(ctx, "Unkeep", id, false)
}

func (f *Fake) setKept(ctx context.Context, method, id string, kept bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.find(ctx, method, id)
	if err == nil {
		r.Kept = kept
	}
	return err
}

// Stop ends and removes a replica or a run at once; grace is only recorded.
func (f *Fake) Stop(ctx context.Context, id string, grace time.Duration) error {
	_, err := f.End(ctx, id, grace)
	return err
}

// End is Stop, and tells whether it had to be killed.
func (f *Fake) End(ctx context.Context, id string, grace time.Duration) (killed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "Stop"); err != nil {
		return false, err
	}
	r, ok := f.replicas[id]
	if !ok {
		return false, nil
	}
	killed = r.does.IgnoresTerm && grace > 0 && r.State == platform.ReplicaRunning
	f.remove(r, grace)
	return killed, nil
}

func (f *Fake) remove(r *replica, grace time.Duration) {
	killed := r.does.IgnoresTerm || grace <= 0
	r.Kept = false
	if r.State == platform.ReplicaRunning {
		f.end(r, map[bool]int{true: 137, false: 143}[killed])
	}
	if r.run == nil {
		f.stops = append(f.stops, Stopped{ID: r.ID, Grace: grace, Killed: killed})
	}
	delete(f.replicas, r.ID)
	r.wake()
	f.tell(r, "destroy", 0)
}

// Replica looks at one replica.
func (f *Fake) Replica(ctx context.Context, id string) (platform.Replica, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.find(ctx, "Replica", id)
	if err != nil {
		return platform.Replica{}, err
	}
	return r.Replica, nil
}

// Replicas looks at all replicas of an app, or at all when appID is "".
func (f *Fake) Replicas(ctx context.Context, appID string) ([]platform.Replica, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "Replicas"); err != nil {
		return nil, err
	}
	found := []platform.Replica{}
	for _, r := range f.replicas {
		if r.run == nil && (appID == "" || r.AppID == appID) {
			found = append(found, r.Replica)
		}
	}
	slices.SortFunc(found, func(a, b platform.Replica) int {
		return cmp.Or(cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Release, b.Release), cmp.Compare(a.Process, b.Process),
			cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID))
	})
	return found, nil
}

// Listeners gives what the test decided, by port.
func (f *Fake) Listeners(ctx context.Context, id string) ([]platform.Listener, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.find(ctx, "Listeners", id)
	if err != nil {
		return nil, err
	}
	if r.State != platform.ReplicaRunning {
		return nil, platform.Errorf(platform.Conflict, "replica_not_running", "The replica %s is not running.", id)
	}
	found := slices.Clone(r.listeners)
	slices.SortFunc(found, func(a, b platform.Listener) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.IP, b.IP))
	})
	return found, nil
}

// RemoveApp removes all replicas of an app.
func (f *Fake) RemoveApp(ctx context.Context, appID string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "RemoveApp"); err != nil {
		return err
	}
	for _, r := range f.replicas {
		if r.AppID == appID {
			f.remove(r, 0)
		}
	}
	return nil
}

func (f *Fake) find(ctx context.Context, method, id string) (*replica, error) {
	if err := f.refusal(ctx, method); err != nil {
		return nil, err
	}
	r, ok := f.replicas[id]
	if !ok {
		return nil, platform.Errorf(platform.NotFound, "replica_not_found", "There is no replica %s any more.", id)
	}
	return r, nil
}

// refusal is the error that a method gives now.
func (f *Fake) refusal(ctx context.Context, method string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("asking the engine: %w", err)
	}
	if err := f.failures[method]; err != nil {
		return err
	}
	return f.failures[""]
}

func nameOf(r platform.Replica) string { return r.Process + "." + strconv.Itoa(r.Index) }
