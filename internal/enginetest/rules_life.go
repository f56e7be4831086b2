package enginetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func anExitedReplicaTellsItsCode(c *contract) {
	r := c.until(c.start(c.spec("lappa", "exit=7")).ID, exited)
	if r.ExitCode != 7 || r.Address != "" || r.OutOfMemory || r.EndedAt.IsZero() || r.Restarts != 0 {
		c.Errorf("%+v, want exit code 7, an end and no address", r)
	}
}

func outOfMemoryIsTold(c *contract) {
	spec := c.spec("lappa", "allocate=256", "serve")
	spec.Plan.Memory = 32 << 20
	r := c.until(c.start(spec).ID, exited)
	if !r.OutOfMemory || r.ExitCode == 0 {
		c.Errorf("%+v, want out of memory and an exit code", r)
	}
}

func stopEndsAndRemoves(c *contract) {
	r := c.start(c.spec("lappa", "serve"))
	began := time.Now()
	if err := c.Stop(c.ctx(), r.ID, 20*time.Second); err != nil {
		c.Fatal(err)
	}
	if took := time.Since(began); took > 15*time.Second {
		c.Errorf("took %v: it was killed instead of asked", took)
	}
	_, err := c.Replica(c.ctx(), r.ID)
	c.wantKind(err, platform.NotFound, "replica_not_found")
	if err := c.Stop(c.ctx(), r.ID, time.Second); err != nil {
		c.Errorf("second stop: %v", err)
	}
	ended := c.start(c.spec("lappa", "exit=1"))
	c.until(ended.ID, exited)
	if err := c.Stop(c.ctx(), ended.ID, time.Second); err != nil {
		c.Errorf("stop of an exited one: %v", err)
	}
	c.wantReplicas("lappa", 0)
}

func stopKillsWhatIgnoresTerm(c *contract) {
	events := c.watch()
	r := c.start(c.spec("lappa", "ignore-term", "say=ready", "serve"))
	c.untilSaid(r.ID, "ready")
	if err := c.Stop(c.ctx(), r.ID, time.Second); err != nil {
		c.Fatal(err)
	}
	c.wantReplicas("lappa", 0)
	events.wait(c, platform.ReplicaChange{ReplicaID: r.ID, AppID: "lappa", Action: "die", ExitCode: 137})
}

// untilSaid waits until a replica has written a line.
func (c *contract) untilSaid(id, text string) {
	c.Helper()
	c.eventually(func() (bool, any) {
		lines, err := c.logs(id, -1)
		return slices.Contains(lines, "stdout "+text), err
	})
}

func onlyKeptReplicasStartAgain(c *contract) {
	spec := c.spec("lappa", "wait=500ms", "exit=3")
	kept := c.start(spec)
	if err := c.Keep(c.ctx(), kept.ID); err != nil {
		c.Fatal(err)
	}
	r := c.until(kept.ID, func(r platform.Replica) bool { return r.Restarts > 0 })
	if !r.Kept {
		c.Errorf("%+v is not said to be kept", r)
	}
	if err := c.Unkeep(c.ctx(), kept.ID); err != nil {
		c.Fatal(err)
	}
	if r := c.until(kept.ID, exited); r.Kept {
		c.Errorf("%+v is still said to be kept", r)
	}
	if err := c.Keep(c.ctx(), kept.ID); err != nil {
		c.Fatal(err)
	}
	if err := c.Stop(c.ctx(), kept.ID, time.Second); err != nil {
		c.Errorf("stop of a kept one: %v", err)
	}
	once := c.until(c.start(spec).ID, exited)
	if once.Kept || once.Restarts != 0 {
		c.Errorf("%+v was started again", once)
	}
}

// observed are the changes that a Watch has told.
type observed struct {
	mu   sync.Mutex
	seen []platform.ReplicaChange
}

func (o *observed) add(change platform.ReplicaChange) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, change)
}

func (o *observed) all() []platform.ReplicaChange {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.seen)
}

func (o *observed) wait(c *contract, want platform.ReplicaChange) {
	c.Helper()
	c.eventually(func() (bool, any) { seen := o.all(); return slices.Contains(seen, want), seen })
}

// watch watches until the test ends, and returns when it is connected.
func (c *contract) watch() *observed {
	o := &observed{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Watch(ctx, o.add) }()
	c.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && ctx.Err() == nil {
			c.Errorf("watch: %v", err)
		}
	})
	o.wait(c, platform.ReplicaChange{Action: "resync"})
	return o
}

func watchTellsTheLifeOfAReplica(c *contract) {
	events := c.watch()
	r := c.until(c.start(c.spec("lappa", "exit=5")).ID, exited)
	if err := c.RemoveApp(c.ctx(), "lappa"); err != nil {
		c.Fatal(err)
	}
	want := []platform.ReplicaChange{
		{Action: "resync"},
		{ReplicaID: r.ID, AppID: "lappa", Action: "start"},
		{ReplicaID: r.ID, AppID: "lappa", Action: "die", ExitCode: 5},
		{ReplicaID: r.ID, AppID: "lappa", Action: "destroy"},
	}
	events.wait(c, want[3])
	if seen := events.all(); !slices.Equal(seen, want) {
		c.Errorf("changes\n got %+v\nwant %+v", seen, want)
	}
}

func removeAppRemovesThatAppOnly(c *contract) {
	for _, steps := range [][]string{{"serve"}, {"exit=0"}, {"ignore-term", "serve"}} {
		c.start(c.spec("lappa", steps...))
	}
	stays := c.start(c.spec("lappb", "serve"))
	for range 2 {
		if err := c.RemoveApp(c.ctx(), "lappa"); err != nil {
			c.Fatal(err)
		}
	}
	c.wantReplicas("lappa", 0)
	if list := c.wantReplicas("", 1); list[0].ID != stays.ID {
		c.Errorf("%+v stayed", list)
	}
	if err := c.RemoveApp(c.ctx(), ""); err == nil {
		if list := c.wantReplicas("", 1); list[0].ID != stays.ID {
			c.Errorf("%+v stayed", list)
		}
	}
	c.start(c.spec("lappa", "serve"))
}

func limitsChangeWhileItRuns(c *contract) {
	spec := c.spec("lappa", "serve")
	r := c.start(spec)
	larger := spec.Plan
	larger.Memory *= 2
	if err := c.Resize(c.ctx(), r.ID, larger); err != nil {
		c.Fatal(err)
	}
	now, err := c.Replica(c.ctx(), r.ID)
	if err != nil {
		c.Fatal(err)
	}
	c.same(now, r)
	c.wantKind(c.Resize(c.ctx(), r.ID, platform.Plan{}), platform.Invalid, "plan_invalid")
}

func whatIsGoneIsNotFound(c *contract) {
	ctx, r := c.ctx(), c.start(c.spec("lappa", "serve"))
	if err := c.Stop(ctx, r.ID, 0); err != nil {
		c.Fatal(err)
	}
	_, err := c.Replica(ctx, r.ID)
	_, listenErr := c.Listeners(ctx, r.ID)
	_, _, statsErr := c.Stats(ctx, r.ID)
	logErr := c.Logs(ctx, r.ID, -1, true, func(platform.LogLine) error { return nil })
	resizeErr := c.Resize(ctx, r.ID, platform.Plan{Memory: 64 << 20})
	for _, err := range []error{err, listenErr, statsErr, logErr, resizeErr, c.Keep(ctx, r.ID), c.Unkeep(ctx, r.ID)} {
		c.wantKind(err, platform.NotFound, "replica_not_found")
	}
}
