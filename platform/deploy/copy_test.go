package deploy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// newCopy is a rig with an app whose release is in a snapshot.
func newCopy(t *testing.T) (*rig, *data, platform.Snapshot) {
	r, f, app := newRewind(t)
	row := platform.Snapshot{AppID: app.ID, State: platform.SnapshotReady, Release: 1, CreatedAt: time.Now()}
	r.check(r.store.CreateSnapshot(t.Context(), &row))
	return r, f, row
}

// copies makes a new app and the deployment that fills it, in one step.
func (r *rig) copies(row platform.Snapshot, addons map[string]string) (platform.App, platform.Deployment) {
	r.t.Helper()
	n := platform.NewApp{
		App:  platform.App{ID: platform.NewID(), Name: "copy", State: platform.AppActive, Plan: "micro", Scale: platform.Scale{}, CreatedAt: time.Now(), CreatedBy: "ada"},
		Vars: map[string]string{"A": "of then"},
	}
	d, steps := r.c.Prepare(platform.Deployment{Kind: platform.DeployCopy, Snapshot: row.ID, Addons: addons, Cause: "snapshot of shop", Actor: "ada", Via: "api"})
	n.First, n.Steps = &d, steps
	r.check(r.store.CreateStack(r.t.Context(), []platform.NewApp{n}))
	r.c.Begin(n.App.ID)
	return n.App, d
}

func TestCopy_TheNewAppHasTheReleaseOfThenAndItsOwnEverything(t *testing.T) {
	r, f, row := newCopy(t)
	looks := 0
	r.equip = func(_ context.Context, _ platform.Deployment, id string) (bool, error) {
		looks++
		return looks > 1, nil
	}
	r.restart()
	app, d := r.copies(row, map[string]string{"ldb": "ldbnew"})
	d = r.ended(d, platform.DeploymentLive)
	r.converged(app, 1)
	r.eventually("the end of it", func() bool { return f.log() == "save return done" })
	made, err := r.store.ReleaseByNumber(t.Context(), app.ID, 1)
	r.check(err)
	if made.Image != app.ID+"/one" || made.Plan != "micro" || made.ConfigVars["A"] != "of then" || d.Number != 1 || looks != 2 {
		t.Errorf("made %+v by deployment %d after %d looks", made, d.Number, looks)
	}
	shop, err := r.store.AppByName(t.Context(), "shop")
	r.check(err)
	r.converged(shop, 2)
}

func TestCopy_WhatFailsLeavesNothingThatRuns(t *testing.T) {
	broken := platform.Errorf(platform.Unavailable, "snapshot_damaged", "It is damaged.").WithHint("Take another one.")
	for what, want := range map[string]string{"save": "save undo done", "equip": "save undo done", "return": "save return undo done"} {
		t.Run(what, func(t *testing.T) {
			r, f, row := newCopy(t)
			f.fails[what] = broken
			r.equip = func(context.Context, platform.Deployment, string) (bool, error) { return true, f.fails["equip"] }
			r.restart()
			app, d := r.copies(row, map[string]string{"ldb": "ldbnew"})
			d = r.ended(d, platform.DeploymentFailed)
			r.converged(app)
			if d.FailureCode != "snapshot_damaged" || f.log() != want {
				t.Errorf("%s; did %q, want %q", d.FailureCode, f.log(), want)
			}
			if d.FailureText != "It is damaged." || !strings.HasPrefix(d.FailureHint, "Take another one. Nothing of copy runs. Try again: lugsail retry --app copy.") {
				t.Errorf("said %q %q", d.FailureText, d.FailureHint)
			}
		})
	}
}

func TestCopy_IsTakenUpAgainAfterARestartAndGivenUpAfterTheSecond(t *testing.T) {
	for _, restarts := range []int{1, 2} {
		r, f, row := newCopy(t)
		var begun atomic.Int64
		r.equip = func(ctx context.Context, _ platform.Deployment, _ string) (bool, error) {
			if begun.Add(1) <= int64(restarts) {
				<-ctx.Done()
			}
			return true, ctx.Err()
		}
		r.restart()
		app, d := r.copies(row, map[string]string{"ldb": "ldbnew"})
		for i := range restarts {
			r.eventually("the add-ons' turn", func() bool { return begun.Load() == int64(i+1) })
			r.restart()
		}
		if restarts == 1 {
			r.ended(d, platform.DeploymentLive)
			r.converged(app, 1)
			continue
		}
		if d = r.ended(d, platform.DeploymentFailed); d.FailureCode != "server_restarted" || !strings.HasSuffix(f.log(), "undo done") {
			t.Errorf("%s; did %s", d.FailureCode, f.log())
		}
		r.converged(app)
	}
}

func TestCopy_MayBeCancelledWhileItIsUnderWay(t *testing.T) {
	r, f, row := newCopy(t)
	begun := make(chan struct{})
	r.equip = func(ctx context.Context, _ platform.Deployment, _ string) (bool, error) {
		close(begun)
		<-ctx.Done()
		return false, ctx.Err()
	}
	r.restart()
	app, d := r.copies(row, map[string]string{"ldb": "ldbnew"})
	<-begun
	_, err := r.c.Cancel(t.Context(), d)
	r.check(err)
	r.ended(d, platform.DeploymentCancelled)
	r.converged(app)
	if f.log() != "save undo done" {
		t.Errorf("did %q", f.log())
	}
}

func TestRetain_TheReleaseOfASnapshotCanReturnHoweverManyServedSince(t *testing.T) {
	r, _, row := newCopy(t) // of release 1
	app, err := r.store.AppByID(t.Context(), row.AppID)
	r.check(err)
	for n := range 10 {
		r.ended(r.push(app, fmt.Sprint("later", n)), platform.DeploymentLive)
	}
	r.eventually("the images in reach", func() bool {
		kept := r.builder.keeps()
		return len(kept) == 11 && kept[0] == "later9" && kept[10] == "one" && !slices.Contains(kept, "two")
	})
}
