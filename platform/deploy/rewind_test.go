package deploy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// data is an app's data, of which a test decides what goes wrong.
type data struct {
	rig *rig

	mu       sync.Mutex
	did      []string
	fails    map[string]error
	blocks   chan struct{} // Return waits for it, or for the end of the server; nil: not
	blocked  chan struct{} // closed when it does
	returned bool
}

func (f *data) do(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, what)
	return f.fails[what]
}

func (f *data) log() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.did, " ")
}

func (f *data) Of(ctx context.Context, d platform.Deployment) (platform.Snapshot, error) {
	return f.rig.store.SnapshotByID(ctx, d.Snapshot)
}

func (f *data) Before(context.Context, platform.Deployment, func(string, ...any)) (string, error) {
	return "1 MB", f.do("before")
}

func (f *data) Save(context.Context, platform.Deployment, func(string, ...any)) error {
	return f.do("save")
}

func (f *data) Return(ctx context.Context, d platform.Deployment, _ func(string, ...any)) error {
	replicas, err := f.rig.engine.Replicas(context.WithoutCancel(ctx), d.AppID)
	if err != nil || len(replicas) > 0 {
		f.rig.t.Errorf("data return while %v run, %v", replicas, err)
	}
	f.mu.Lock()
	f.returned = true
	blocks := f.blocks
	f.mu.Unlock()
	if blocks != nil {
		close(f.blocked)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-blocks:
		}
	}
	return f.do("return")
}

func (f *data) Undo(context.Context, platform.Deployment) error {
	f.mu.Lock()
	f.returned = false
	f.mu.Unlock()
	return f.do("undo")
}

func (f *data) Done(context.Context, platform.Deployment) error { return f.do("done") }

// newRewind is a rig with an app whose second release serves.
func newRewind(t *testing.T) (*rig, *data, platform.App) {
	r := newRig(t)
	f := &data{rig: r, fails: map[string]error{}}
	r.data = f
	r.restart()
	app := r.app("shop")
	r.ended(r.push(app, "one"), platform.DeploymentLive)
	r.ended(r.push(app, "two"), platform.DeploymentLive)
	r.converged(app, 2)
	return r, f, app
}

func (r *rig) rewind(app platform.App, release int) platform.Deployment {
	r.t.Helper()
	return r.begin(platform.Deployment{AppID: app.ID, Kind: platform.DeployRewind, FromRelease: release, Snapshot: "lsnapshot", Cause: "restore"})
}

func TestRewind_DataReturnWhileNothingRunsAndTheReleaseWithThem(t *testing.T) {
	r, f, app := newRewind(t)
	d := r.ended(r.rewind(app, 1), platform.DeploymentLive)
	r.converged(app, 3) // v1's contents
	r.eventually("the end of it", func() bool { return f.log() == "save return done" })
	if d.Release != 3 {
		t.Errorf("release %d", d.Release)
	}
	r.ended(r.rewind(app, 3), platform.DeploymentLive)
	r.converged(app, 3)
}

func TestRewind_WhatFailsIsUndoneAndTheAppServesAsBefore(t *testing.T) {
	broken := platform.Errorf(platform.Unavailable, "snapshot_damaged", "It is damaged.")
	for what, want := range map[string]string{"save": "save undo done", "return": "save return undo done"} {
		t.Run(what, func(t *testing.T) {
			r, f, app := newRewind(t)
			f.fails[what] = broken
			d := r.ended(r.rewind(app, 1), platform.DeploymentFailed)
			r.converged(app, 2)
			if d.FailureCode != "snapshot_damaged" || f.log() != want {
				t.Errorf("%s; did %q, want %q", d.FailureCode, f.log(), want)
			}
		})
	}
}

func TestRewind_WhatCannotBeUndoneIsSaid(t *testing.T) {
	r, f, app := newRewind(t)
	f.fails["return"], f.fails["undo"] = errors.New("first"), platform.Errorf(platform.NoRoom, "disk_full", "The disk is full.")
	d := r.ended(r.rewind(app, 1), platform.DeploymentFailed)
	if !strings.Contains(d.FailureText, "could not all be put back: The disk is full.") || !strings.Contains(d.FailureHint, "lugsail snapshots") {
		t.Errorf("%q %q", d.FailureText, d.FailureHint)
	}
}

func TestRewind_IsTakenUpAgainAfterARestartAndUndoneAfterTheSecond(t *testing.T) {
	r, f, app := newRewind(t)
	cut := func() {
		f.mu.Lock()
		f.blocks, f.blocked = make(chan struct{}), make(chan struct{})
		f.mu.Unlock()
	}
	cut()
	d := r.rewind(app, 2)
	<-f.blocked
	f.mu.Lock()
	f.blocks = nil
	f.mu.Unlock()
	r.restart()
	r.ended(d, platform.DeploymentLive)
	r.converged(app, 2)
	cut()
	d = r.rewind(app, 2)
	<-f.blocked
	d, err := r.store.DeploymentByID(t.Context(), d.ID)
	r.check(err)
	if _, err := r.c.Cancel(t.Context(), d); platform.AsError(err).Code != "deployment_ended" {
		t.Errorf("cancelled: %v", err)
	}
	cut()
	r.restart()
	<-f.blocked
	r.restart()
	d = r.ended(d, platform.DeploymentFailed)
	r.converged(app, 2)
	if d.FailureCode != "server_restarted" || f.returned || !slices.Contains(strings.Fields(f.log()), "undo") {
		t.Errorf("%s, returned %v; did %s", d.FailureCode, f.returned, f.log())
	}
}
