package enginetest

import (
	"context"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func startGivesARunningReplica(c *contract) {
	before := time.Now().Add(-time.Minute)
	r := c.start(c.spec("lappa", "serve"))
	if r.ID == "" || r.Address == "" || r.State != platform.ReplicaRunning {
		c.Errorf("not running with an id and an address: %+v", r)
	}
	if r.CreatedAt.Before(before) || r.StartedAt.Before(r.CreatedAt) || !r.EndedAt.IsZero() {
		c.Errorf("times: created %v, started %v, ended %v", r.CreatedAt, r.StartedAt, r.EndedAt)
	}
	want := platform.Replica{
		ID: r.ID, AppID: "lappa", App: "shop", Release: 3, Deployment: "ldeployment", Process: "web", Index: 1, Wanted: 8080,
		State: platform.ReplicaRunning, Address: r.Address, CreatedAt: r.CreatedAt, StartedAt: r.StartedAt,
	}
	c.same(r, want)
	again, err := c.Replica(c.ctx(), r.ID)
	if err != nil {
		c.Fatal(err)
	}
	c.same(again, want)
}

func startWithoutImage(c *contract) {
	spec := c.spec("lappa", "serve")
	spec.Image = "localhost/lugsail-test-never-built:1"
	if loser, ok := c.Engine.(interface{ LoseImage(string) }); ok {
		loser.LoseImage(spec.Image)
	}
	_, err := c.Start(c.ctx(), spec)
	c.wantKind(err, platform.Conflict, "image_missing")
	c.wantReplicas("lappa", 0)
}

func startGivesUpWithItsContext(c *contract) {
	ctx, cancel := context.WithCancel(c.ctx())
	cancel()
	if _, err := c.Start(ctx, c.spec("lappa", "serve")); err == nil {
		c.Error("started although nobody waits for it")
	}
	c.wantReplicas("lappa", 0)
}

func manyStartAtOnce(c *contract) {
	apps := []string{"lappa", "lappb", "lappc"}
	const each = 3
	var wg sync.WaitGroup
	for _, app := range apps {
		for i := range each {
			spec := c.spec(app, "serve")
			spec.Index = i + 1
			wg.Go(func() {
				if _, err := c.Start(c.ctx(), spec); err != nil {
					c.Errorf("start of %s %d: %v", app, i+1, err)
				}
			})
		}
	}
	wg.Wait()
	for _, app := range apps {
		for _, r := range c.wantReplicas(app, each) {
			if r.State != platform.ReplicaRunning {
				c.Errorf("%+v is not running", r)
			}
		}
	}
}

func replicasOfOneAppOrAll(c *contract) {
	for _, index := range []int{2, 1} {
		spec := c.spec("lappa", "serve")
		spec.Index = index
		c.start(spec)
	}
	worker := c.spec("lappa", "serve")
	worker.Process = "worker"
	c.start(worker)
	ended := c.start(c.spec("lappb", "exit=0"))
	c.until(ended.ID, exited)

	var order []string
	for _, r := range c.wantReplicas("", 4) {
		order = append(order, r.AppID+" "+nameOf(r))
	}
	want := []string{"lappa web.1", "lappa web.2", "lappa worker.1", "lappb web.1"}
	for i := range want {
		if order[i] != want[i] {
			c.Fatalf("order %v, want %v", order, want)
		}
	}
	c.wantReplicas("lappa", 3)
	c.wantReplicas("lnone", 0)
}

func (c *contract) wantReplicas(appID string, count int) []platform.Replica {
	c.Helper()
	list, err := c.Replicas(c.ctx(), appID)
	if err != nil {
		c.Fatal(err)
	}
	if len(list) != count {
		c.Fatalf("%d replicas of %q, want %d: %+v", len(list), appID, count, list)
	}
	return list
}

func otherInstancesAreNotSeen(c *contract) {
	r := c.start(c.spec("lappa", "serve"))
	other := &contract{T: c.T, Engine: c.open(c.T), image: c.image, open: c.open, within: c.within}
	other.wantReplicas("", 0)
	_, err := other.Replica(c.ctx(), r.ID)
	other.wantKind(err, platform.NotFound, "replica_not_found")
	if err := other.Stop(c.ctx(), r.ID, 0); err != nil {
		c.Errorf("stop of what is not there: %v", err)
	}
	if err := other.RemoveApp(c.ctx(), "lappa"); err != nil {
		c.Errorf("remove of what is not there: %v", err)
	}
	c.until(r.ID, func(r platform.Replica) bool { return r.State == platform.ReplicaRunning })
}

// aVolumeIsForOneReplicaAtATime holds for starts at once, too.
func aVolumeIsForOneReplicaAtATime(c *contract) {
	spec := c.spec("lappa", "serve")
	spec.Mounts = []platform.Mount{{VolumeID: "lvolume", Name: "data", Path: "/data"}}
	const tries = 4
	errs := make(chan error, tries)
	for i := range tries {
		one := spec
		one.Index = i + 1
		go func() {
			_, err := c.Start(c.ctx(), one)
			errs <- err
		}()
	}
	for refused := range tries {
		err := <-errs
		if err == nil {
			for range tries - refused - 1 {
				c.wantKind(<-errs, platform.Conflict, "volume_in_use")
			}
			break
		}
		c.wantKind(err, platform.Conflict, "volume_in_use")
	}
	first := c.wantReplicas("lappa", 1)[0]
	if err := c.Stop(c.ctx(), first.ID, 0); err != nil {
		c.Fatal(err)
	}
	c.start(spec)
}

func aSharedVolumeIsForAll(c *contract) {
	spec := c.spec("lappa", "serve")
	spec.Mounts = []platform.Mount{{VolumeID: "lshared", Name: "uploads", Path: "/data", Shared: true}}
	c.start(spec)
	spec.Index = 2
	c.start(spec)
}
