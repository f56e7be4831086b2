package registry

import (
	"context"
	"sync"
)

// gate lets either any number of pushes or one collection in. A collection that waits
// keeps no push out: pushes matter more.
type gate struct {
	mu         sync.Mutex
	inside     int
	collecting bool
	changed    chan struct{} // closed and replaced at each change
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

func (g *gate) enter(ctx context.Context) error {
	return g.wait(ctx, func() bool {
		if g.collecting {
			return false
		}
		g.inside++
		return true
	})
}

func (g *gate) leave() { g.change(func() { g.inside-- }) }

// alone runs work when no push is inside; pushes wait meanwhile.
func (g *gate) alone(ctx context.Context, work func() error) error {
	err := g.wait(ctx, func() bool {
		if g.collecting || g.inside > 0 {
			return false
		}
		g.collecting = true
		return true
	})
	if err != nil {
		return err
	}
	defer g.change(func() { g.collecting = false })
	return work()
}

// wait tries until it succeeds, once more after each change.
func (g *gate) wait(ctx context.Context, try func() bool) error {
	for {
		g.mu.Lock()
		done, changed := try(), g.changed
		g.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *gate) change(how func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	how()
	close(g.changed)
	g.changed = make(chan struct{})
}
