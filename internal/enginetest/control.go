package enginetest

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Fail makes a method ("Start", "Replicas" …; "" means each) give err until it is told nil.
func (f *Fake) Fail(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failures == nil {
		f.failures = map[string]error{}
	}
	f.failures[method] = err
}

// Down makes every method say that the engine does not answer; Up takes it back
// and lets watchers look at everything, as after a restart of a daemon.
func (f *Fake) Down() {
	f.Fail("", platform.Errorf(platform.Unavailable, "docker_unavailable", "Docker is not answering.").Because(errors.New("told so")))
}

// Up takes Down back.
func (f *Fake) Up() {
	f.Fail("", nil)
	f.Resync()
}

// LoseImage makes Start miss an image; HaveImage brings it back.
func (f *Fake) LoseImage(image string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.missing == nil {
		f.missing = map[string]bool{}
	}
	f.missing[image] = true
}

// HaveImage takes LoseImage back.
func (f *Fake) HaveImage(image string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.missing, image)
}

// SetListeners replaces what a replica listens on. Like the other methods that
// take an id, it does nothing when the replica is gone.
func (f *Fake) SetListeners(id string, listeners ...platform.Listener) {
	f.with(id, func(r *replica) { r.listeners = slices.Clone(listeners) })
}

// SetAddress replaces where a replica can be reached.
func (f *Fake) SetAddress(id, address string) {
	f.with(id, func(r *replica) { r.Address = address })
}

// Say lets a replica write a line.
func (f *Fake) Say(id, stream, text string) {
	f.with(id, func(r *replica) { f.write(r, stream, text) })
}

// Exit lets a running replica end by itself.
func (f *Fake) Exit(id string, code int) {
	f.with(id, func(r *replica) {
		if r.State == platform.ReplicaRunning {
			f.end(r, code)
		}
	})
}

// RunOutOfMemory lets a running replica be killed for memory.
func (f *Fake) RunOutOfMemory(id string) {
	f.with(id, func(r *replica) {
		f.tell(r, "oom", 0)
		f.end(r, 137)
		r.OutOfMemory = r.State != platform.ReplicaRunning
	})
}

// Vanish removes a replica behind everybody's back, as a person with the engine's own tools does.
func (f *Fake) Vanish(id string) {
	f.with(id, func(r *replica) {
		f.remove(r, 0)
		f.stops = f.stops[:len(f.stops)-1]
	})
}

// Resync tells all watchers that they may have missed something.
func (f *Fake) Resync() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broadcast(platform.ReplicaChange{Action: "resync"})
}

// Stops gives all that Stop and RemoveApp did, in order.
func (f *Fake) Stops() []Stopped {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.stops)
}

// SpecOf gives what a replica was started with.
func (f *Fake) SpecOf(id string) (platform.ReplicaSpec, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.replicas[id]
	if !ok {
		return platform.ReplicaSpec{}, false
	}
	spec := r.spec
	spec.Env = maps.Clone(spec.Env)
	return spec, true
}

func (f *Fake) with(id string, change func(*replica)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.replicas[id]; ok {
		change(r)
		r.wake()
	}
}

func (f *Fake) write(r *replica, stream, text string) {
	r.lines = append(r.lines, platform.LogLine{
		At: time.Now().UTC(), Replica: nameOf(r.Replica), Release: r.Release, Stream: cmp.Or(stream, "stdout"), Text: text,
	})
	if r.run != nil {
		r.lines[len(r.lines)-1].Replica, r.lines[len(r.lines)-1].Release = r.run.Name, r.run.Release
	}
	if r.term != nil {
		r.term.chunks = append(r.term.chunks, chunk{cmp.Or(stream, "stdout"), []byte(text + "\n")})
	}
	r.wake()
}

// wake lets followers of the replica look again.
func (r *replica) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Use sets what Samples tells of a replica.
func (f *Fake) Use(id string, cpu time.Duration, memory int64) {
	f.with(id, func(r *replica) { r.cpu, r.memory = cpu, memory })
}
