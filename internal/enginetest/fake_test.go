package enginetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/platform"
)

func TestFake_KeepsTheContract(t *testing.T) {
	enginetest.Run(t, "image", func(*testing.T) enginetest.Engine {
		return &enginetest.Fake{Program: enginetest.Steps}
	})
}

func TestFake_DoesAsTheTestSays(t *testing.T) {
	ctx := context.Background()
	f := &enginetest.Fake{}
	spec := platform.ReplicaSpec{AppID: "lapp", App: "shop", Release: 1, Process: "web", Index: 1, Port: 8080}
	r, err := f.Start(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := f.Listeners(ctx, r.ID); err != nil || len(found) != 1 || found[0].Port != 8080 {
		t.Errorf("listeners %v, %v; want its port", found, err)
	}
	f.SetListeners(r.ID, platform.Listener{IP: "127.0.0.1", Port: 3000, Loopback: true})
	if found, _ := f.Listeners(ctx, r.ID); len(found) != 1 || !found[0].Loopback {
		t.Errorf("listeners %v, want those that were set", found)
	}
	f.RunOutOfMemory(r.ID)
	if r, _ := f.Replica(ctx, r.ID); !r.OutOfMemory || r.State != platform.ReplicaExited || r.ExitCode != 137 {
		t.Errorf("%+v, want out of memory", r)
	}
	f.Down()
	if err := f.Ping(ctx); !platform.IsKind(err, platform.Unavailable) {
		t.Errorf("ping while down: %v", err)
	}
	f.Up()
	f.Fail("Start", errors.New("no"))
	if _, err := f.Start(ctx, spec); err == nil {
		t.Error("started although told to fail")
	}
	f.Fail("Start", nil)
	f.Vanish(r.ID)
	if list, err := f.Replicas(ctx, ""); err != nil || len(list) != 0 {
		t.Errorf("replicas %v, %v; want none", list, err)
	}
}

func TestFake_AKeptReplicaThatExitsStartsAgain(t *testing.T) {
	ctx := context.Background()
	f := &enginetest.Fake{}
	r, err := f.Start(ctx, platform.ReplicaSpec{AppID: "lapp", Process: "web", Index: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Keep(ctx, r.ID); err != nil {
		t.Fatal(err)
	}
	f.Exit(r.ID, 1)
	if r, _ := f.Replica(ctx, r.ID); r.State != platform.ReplicaRunning || r.Restarts != 1 {
		t.Errorf("%+v, want running again", r)
	}
}
