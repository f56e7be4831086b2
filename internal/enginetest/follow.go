package enginetest

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// Logs gives a replica's lines, and with follow those to come until it has ended.
func (f *Fake) Logs(ctx context.Context, id string, tail int, follow bool, fn func(platform.LogLine) error) error {
	f.mu.Lock()
	r, err := f.find(ctx, "Logs", id)
	if err != nil {
		f.mu.Unlock()
		return err
	}
	next := 0
	if tail >= 0 {
		next = max(0, len(r.lines)-tail)
	}
	f.mu.Unlock()
	for {
		f.mu.Lock()
		lines, changed := r.lines[next:], r.changed
		ended := r.State == platform.ReplicaExited || f.replicas[id] == nil
		f.mu.Unlock()
		for _, line := range lines {
			if err := fn(line); err != nil {
				return err
			}
		}
		next += len(lines)
		if !follow || ended {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("reading a replica's log: %w", ctx.Err())
		case <-changed:
		}
	}
}

// watcher is one Watch: changes wait in a queue, so that nobody waits for it.
type watcher struct {
	queue []platform.ReplicaChange
	more  chan struct{} // one slot
}

// Watch tells fn of every change until ctx ends, beginning with a resync.
func (f *Fake) Watch(ctx context.Context, fn func(platform.ReplicaChange)) error {
	w := &watcher{more: make(chan struct{}, 1)}
	f.mu.Lock()
	if f.watchers == nil {
		f.watchers = map[*watcher]bool{}
	}
	f.watchers[w] = true
	w.add(platform.ReplicaChange{Action: "resync"})
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.watchers, w)
		f.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.more:
		}
		f.mu.Lock()
		queue := w.queue
		w.queue = nil
		f.mu.Unlock()
		for _, change := range queue {
			fn(change)
		}
	}
}

func (w *watcher) add(change platform.ReplicaChange) {
	w.queue = append(w.queue, change)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// tell broadcasts a change of a replica and wakes who follows its log.
func (f *Fake) tell(r *replica, action string, code int) {
	r.wake()
	if r.run != nil {
		return // watchers see replicas
	}
	f.broadcast(platform.ReplicaChange{ReplicaID: r.ID, AppID: r.AppID, Action: action, ExitCode: code})
}

func (f *Fake) broadcast(change platform.ReplicaChange) {
	for w := range f.watchers {
		w.add(change)
	}
}
