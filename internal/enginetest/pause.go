package enginetest

import (
	"context"

	"github.com/lugsail/lugsail/platform"
)

// Pause lets a replica stand still.
func (f *Fake) Pause(ctx context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "Pause"); err != nil {
		return err
	}
	r, ok := f.replicas[id]
	switch {
	case !ok || r.run != nil:
		return platform.Errorf(platform.NotFound, "replica_not_found", "There is no replica %s.", id)
	case r.State == platform.ReplicaRunning:
		r.State = platform.ReplicaPaused
	case r.State != platform.ReplicaPaused:
		return platform.Errorf(platform.Conflict, "replica_not_running", "The replica is not running just now.")
	}
	return nil
}

// Resume takes Pause back.
func (f *Fake) Resume(ctx context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "Resume"); err != nil {
		return err
	}
	if r, ok := f.replicas[id]; ok && r.State == platform.ReplicaPaused {
		r.State = platform.ReplicaRunning
	}
	return nil
}

// ResumeAll takes every Pause back.
func (f *Fake) ResumeAll(ctx context.Context) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refusal(ctx, "ResumeAll"); err != nil {
		return 0, err
	}
	n := 0
	for _, r := range f.replicas {
		if r.run == nil && r.State == platform.ReplicaPaused {
			n++
			r.State = platform.ReplicaRunning
		}
	}
	return n, nil
}

func whatIsPausedStandsStill(c *contract) {
	r := c.start(c.spec("lappa", "serve"))
	wantState := func(want platform.ReplicaState) {
		now, err := c.Replica(c.ctx(), r.ID)
		if err != nil || now.State != want {
			c.Errorf("it is %s, %v; want %s", now.State, err, want)
		}
	}
	for range 2 {
		if err := c.Pause(c.ctx(), r.ID); err != nil {
			c.Fatal(err)
		}
		wantState(platform.ReplicaPaused)
	}
	if n, err := c.ResumeAll(c.ctx()); err != nil || n != 1 {
		c.Errorf("resumed %d, %v", n, err)
	}
	for _, id := range []string{r.ID, "gone"} {
		if err := c.Resume(c.ctx(), id); err != nil {
			c.Errorf("resuming what does not stand still: %v", err)
		}
	}
	wantState(platform.ReplicaRunning)
	c.wantKind(c.Pause(c.ctx(), "gone"), platform.NotFound, "replica_not_found")
}
