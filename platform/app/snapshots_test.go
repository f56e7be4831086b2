package app_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// keeper finds what a test says that apps keep, and makes nothing.
type keeper struct {
	parts   platform.SnapshotParts
	refuses error
	woken   int
	removed int
	doing   atomic.Value
}

func (f *keeper) PartsOf(context.Context, platform.App) (platform.SnapshotParts, error) {
	return f.parts, nil
}
func (f *keeper) Restorable(context.Context, platform.App, platform.Snapshot) error { return f.refuses }
func (f *keeper) Progress(id string) string                                         { return "reads " + id }
func (f *keeper) Doing() string                                                     { text, _ := f.doing.Load().(string); return text }
func (f *keeper) MakesDaily() bool                                                  { return true }
func (f *keeper) Wake()                                                             { f.woken++ }
func (f *keeper) Removed()                                                          { f.removed++ }

// newShelf is an application with an app shop that keeps files and whose second release serves.
func newShelf(t *testing.T) (*app.Service, *store.Store, *keeper, platform.App) {
	t.Helper()
	s, db := newService(t)
	f := &keeper{parts: platform.SnapshotParts{Volumes: []platform.SnapshotVolume{{ID: "lfiles", Name: "files", Path: "/data"}}}}
	s.Snapshots, s.Shelf, s.Volumes, s.Ties = db, f, db, db
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "pico"})
	check(t, err)
	return s, db, f, live(t, db, "shop", 2)
}

// kept records a snapshot of an app that is ready.
func kept(t *testing.T, db *store.Store, a platform.App, row platform.Snapshot) platform.Snapshot {
	t.Helper()
	row.AppID, row.State, row.CreatedAt = a.ID, platform.SnapshotReady, time.Now()
	check(t, db.CreateSnapshot(t.Context(), &row))
	return row
}

func TestCreateSnapshot_IsARowFirstAndOneAtATime(t *testing.T) {
	s, db, f, shop := newShelf(t)
	made, err := s.CreateSnapshot(t.Context(), owner, "shop", "before the upgrade")
	check(t, err)
	row, err := db.SnapshotByID(t.Context(), made.ID)
	check(t, err)
	if row.State != platform.SnapshotMaking || row.Cause != "before the upgrade" || row.Release != 2 || row.CreatedBy != owner.Name || len(row.Parts.Volumes) != 1 || f.woken != 1 {
		t.Errorf("recorded %+v, woken %d times", row, f.woken)
	}
	_, err = s.CreateSnapshot(t.Context(), owner, "shop", "")
	want(t, err, platform.Conflict, "snapshot_making")
	_, err = db.UpdateSnapshot(t.Context(), row.ID, func(r *platform.Snapshot) { r.Daily = true }) // nobody waits for that one
	check(t, err)
	second, err := s.CreateSnapshot(t.Context(), owner, "shop", "")
	check(t, err)
	if second.Cause != "made by hand" {
		t.Errorf("cause %q", second.Cause)
	}
	all, err := s.SnapshotsOf(t.Context(), viewer, "shop")
	check(t, err)
	if len(all) != 2 || all[0].ID != second.ID || all[0].Progress != "reads "+second.ID {
		t.Errorf("listed %+v", all)
	}
	events, err := db.EventsLike(t.Context(), shop.ID, "snapshot", 0, 10)
	check(t, err)
	if len(events) != 2 {
		t.Errorf("%d events", len(events))
	}
}

func TestCreateSnapshot_RefusesWhatCannotBe(t *testing.T) {
	s, db, f, shop := newShelf(t)
	for cause, code := range map[string]string{strings.Repeat("x", 201): "snapshot_cause_invalid", "two\nlines": "snapshot_cause_invalid"} {
		_, err := s.CreateSnapshot(t.Context(), owner, "shop", cause)
		want(t, err, platform.Invalid, code)
	}
	_, err := s.CreateSnapshot(t.Context(), viewer, "shop", "")
	want(t, err, platform.Forbidden, "forbidden")
	_, err = s.Create(t.Context(), owner, app.CreateRequest{Name: "fresh", Plan: "pico"})
	check(t, err)
	_, err = s.CreateSnapshot(t.Context(), owner, "fresh", "")
	want(t, err, platform.Conflict, "nothing_serves")
	parts := f.parts
	f.parts = platform.SnapshotParts{}
	_, err = s.CreateSnapshot(t.Context(), owner, "shop", "")
	want(t, err, platform.Conflict, "nothing_to_keep")
	f.parts = parts
	for range 100 {
		kept(t, db, shop, platform.Snapshot{})
	}
	_, err = s.CreateSnapshot(t.Context(), owner, "shop", "")
	want(t, err, platform.Conflict, "snapshots_too_many")
	if f.woken != 0 {
		t.Errorf("woken %d times for nothing", f.woken)
	}
}

func TestKeepingOf_TellsWhatOneWouldHold(t *testing.T) {
	s, db, _, shop := newShelf(t)
	k, err := s.KeepingOf(t.Context(), viewer, "shop")
	if err != nil || !k.Daily || len(k.Volumes) != 1 {
		t.Errorf("%+v, %v", k, err)
	}
	check(t, db.CreateStack(t.Context(), []platform.NewApp{{App: platform.App{Name: "shop-db", State: platform.AppActive, Addon: true, Plan: "pico"}}}))
	if k, err = s.KeepingOf(t.Context(), viewer, "shop-db"); err != nil || !k.Daily {
		t.Errorf("of a free add-on: %+v, %v", k, err)
	}
	addon, err := db.AppByName(t.Context(), "shop-db")
	check(t, err)
	check(t, db.CreateBinding(t.Context(), &platform.Binding{AppID: shop.ID, AddonID: addon.ID, Prefix: "DATABASE"}))
	if k, err = s.KeepingOf(t.Context(), viewer, "shop-db"); err != nil || k.Daily {
		t.Errorf("a bound add-on is in the app's: %+v, %v", k, err)
	}
}

func TestRemoveSnapshot_NotOneThatSomebodyNeeds(t *testing.T) {
	s, db, f, shop := newShelf(t)
	row := kept(t, db, shop, platform.Snapshot{ID: "labc1"})
	other := kept(t, db, shop, platform.Snapshot{ID: "labc2"})
	want(t, s.RemoveSnapshot(t.Context(), owner, "shop", "labc"), platform.NotFound, "snapshot_not_found") // of which one?
	want(t, s.RemoveSnapshot(t.Context(), owner, "shop", ""), platform.NotFound, "snapshot_not_found")
	want(t, s.RemoveSnapshot(t.Context(), viewer, "shop", row.ID), platform.Forbidden, "forbidden")
	d, err := s.RestoreSnapshot(t.Context(), owner, "shop", row.ID, "shop")
	check(t, err)
	way := kept(t, db, shop, platform.Snapshot{Before: d.ID})
	for _, needed := range []platform.Snapshot{row, way} {
		want(t, s.RemoveSnapshot(t.Context(), owner, "shop", needed.ID), platform.Conflict, "snapshot_in_use")
	}
	making := kept(t, db, shop, platform.Snapshot{})
	_, err = db.UpdateSnapshot(t.Context(), making.ID, func(r *platform.Snapshot) { r.State = platform.SnapshotMaking })
	check(t, err)
	want(t, s.RemoveSnapshot(t.Context(), owner, "shop", making.ID), platform.Conflict, "snapshot_in_use")
	check(t, s.RemoveSnapshot(t.Context(), owner, "shop", "labc2"))
	_, err = db.SnapshotByID(t.Context(), other.ID)
	want(t, err, platform.NotFound, "snapshot_not_found")
	_, err = s.Cancel(t.Context(), owner, "shop", d.Number)
	check(t, err)
	check(t, s.RemoveSnapshot(t.Context(), owner, "shop", "labc1"))
	if f.removed != 2 {
		t.Errorf("the shelf heard of %d", f.removed)
	}
}

func TestRestoreSnapshot_IsADeploymentWithTheReleaseOfThen(t *testing.T) {
	s, db, f, shop := newShelf(t)
	row := kept(t, db, shop, platform.Snapshot{Release: 1})
	_, err := s.RestoreSnapshot(t.Context(), owner, "shop", row.ID, "blog")
	want(t, err, platform.Invalid, "not_confirmed")
	_, err = s.RestoreSnapshot(t.Context(), viewer, "shop", row.ID, "shop")
	want(t, err, platform.Forbidden, "forbidden")
	f.refuses = platform.Errorf(platform.Conflict, "snapshot_volume_gone", "It has no such volume.")
	_, err = s.RestoreSnapshot(t.Context(), owner, "shop", row.ID, "shop")
	want(t, err, platform.Conflict, "snapshot_volume_gone")
	f.refuses = nil
	d, err := s.RestoreSnapshot(t.Context(), owner, "shop", row.ID, "shop")
	check(t, err)
	if d.Kind != platform.DeployRewind || d.Snapshot != row.ID || d.FromRelease != 1 || d.Steps[0].Name != platform.StepSave {
		t.Errorf("recorded %+v", d)
	}
	gone := kept(t, db, shop, platform.Snapshot{Release: 9})
	_, err = s.RestoreSnapshot(t.Context(), owner, "shop", gone.ID, "shop")
	want(t, err, platform.NotFound, "release_not_found")
}

func TestWatch_TellsHowFarSnapshotsAre(t *testing.T) {
	s, _, f, _ := newShelf(t)
	told := errors.New("told")
	ended := make(chan error, 1)
	go func() {
		ended <- s.Watch(t.Context(), owner, "shop", s.Changes.Version(), func() error { return told })
	}()
	for i := 0; ; i++ {
		f.doing.Store(strings.Repeat("x", i)) // whenever it began to look
		select {
		case err := <-ended:
			if !errors.Is(err, told) {
				t.Errorf("ended by %v", err)
			}
			return
		case <-time.After(200 * time.Millisecond):
		}
		if i > 75 {
			t.Fatal("nobody was told")
		}
	}
}

func TestConfigure_ASnapshotBeforeEachDeployment(t *testing.T) {
	s, db, _, shop := newShelf(t)
	for _, on := range []bool{true, true, false} {
		d, err := s.Configure(t.Context(), owner, "shop", app.Settings{SnapshotFirst: &on})
		check(t, err)
		got, err := db.AppByID(t.Context(), shop.ID)
		check(t, err)
		if got.SnapshotFirst != on || d.Number != 0 {
			t.Errorf("it is %v and not %v, by deployment %d", got.SnapshotFirst, on, d.Number)
		}
	}
	events, err := db.EventsLike(t.Context(), shop.ID, "app", 0, 10)
	check(t, err)
	if len(events) != 3 || events[1].Text != "a snapshot before each deployment" || events[0].Text != "no snapshots before deployments" {
		t.Errorf("told %+v", events)
	}
}
