package backup

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a server, and the place where its backups go.
type world struct {
	*Service
	now     time.Time
	rows    []platform.Backup
	target  platform.BackupTarget
	events  []string
	stored  map[string]string // in the repository: what, by id
	gone    error             // the place does not answer
	gaps    []string
	wrong   error // what a trial finds
	saved   int   // images
	trials  int
	still   bool
	release string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), stored: map[string]string{}, target: platform.BackupTarget{Address: "/mnt/a", Password: "p"}, release: "127.0.0.1:5005/dockerfile/a:1"}
	w.Service = &Service{
		Store: w, Shelf: w, Images: images{w}, Files: files{w}, Dir: t.TempDir(), Now: func() time.Time { return w.now },
		Repository: func(platform.BackupTarget) (Repository, error) { return repository{w}, nil },
	}
	return w
}

func (w *world) CreateBackup(_ context.Context, row *platform.Backup) error {
	row.ID = platform.NewID()
	w.rows = append([]platform.Backup{*row}, w.rows...)
	return nil
}

func (w *world) UpdateBackup(_ context.Context, id string, change func(*platform.Backup)) (platform.Backup, error) {
	at := slices.IndexFunc(w.rows, func(b platform.Backup) bool { return b.ID == id })
	change(&w.rows[at])
	return w.rows[at], nil
}

func (w *world) DeleteBackup(_ context.Context, row platform.Backup) error {
	w.rows = slices.DeleteFunc(w.rows, func(b platform.Backup) bool { return b.ID == row.ID })
	return nil
}
func (w *world) Backups(context.Context) ([]platform.Backup, error) { return slices.Clone(w.rows), nil }
func (w *world) BackupTarget(context.Context) (platform.BackupTarget, error) {
	return w.target, nil
}

func (w *world) SetBackupTarget(_ context.Context, target platform.BackupTarget) error {
	w.target = target
	return nil
}

func (w *world) Apps(context.Context) ([]platform.App, error) {
	return []platform.App{{ID: "a", Name: "shop", State: platform.AppActive}, {ID: "d", Name: "shop-db", State: platform.AppActive, Addon: true}, {ID: "t", State: platform.AppTrashed}}, nil
}

func (w *world) Bindings(context.Context) ([]platform.Binding, error) {
	return []platform.Binding{{AppID: "a", AddonID: "d"}}, nil
}

func (w *world) SnapshotsOf(_ context.Context, appID string) ([]platform.Snapshot, error) {
	return []platform.Snapshot{
		{ID: "making-" + appID, State: platform.SnapshotMaking},
		{ID: "ready-" + appID, State: platform.SnapshotReady, Parts: platform.SnapshotParts{Addons: []platform.SnapshotAddon{{ID: "d"}}}},
	}, nil
}

func (w *world) ServingReleases(context.Context) ([]platform.Release, error) {
	return []platform.Release{{Image: w.release}, {Image: "127.0.0.1:5005/apps/b@sha256:1"}}, nil
}

func (w *world) AppendEvent(_ context.Context, e *platform.Event) error {
	w.events = append(w.events, e.Action)
	return nil
}
func (w *world) Fresh(context.Context, time.Duration) ([]string, error) { return w.gaps, nil }

func (w *world) Still(do func() error) error {
	w.still = true
	defer func() { w.still = false }()
	return do()
}

type images struct{ w *world }

func (images) Alone(image string) bool { return !strings.Contains(image, "@") }
func (i images) Save(_ context.Context, image string, to io.Writer) error {
	i.w.saved++
	_, err := to.Write([]byte(image))
	return err
}

type files struct{ w *world }

func (f files) Lay(context.Context, string, Manifest) error {
	if !f.w.still {
		return errors.New("snapshots may change meanwhile")
	}
	return nil
}

func (f files) Try(context.Context, string, Manifest, func(string)) (string, error) {
	f.w.trials++
	return "all of it", f.w.wrong
}
func (files) Remove(string) error      { return nil }
func (files) Room(int64, string) error { return nil }

type repository struct{ w *world }

func (r repository) Init(context.Context) error { return r.w.gone }
func (r repository) Open(context.Context) error { return r.w.gone }
func (r repository) Keep(_ context.Context, _ string, _, _ []string, _ func(float64)) (platform.Stored, error) {
	id := platform.NewID()
	r.w.stored[id] = "files"
	return platform.Stored{ID: id, Bytes: 100}, r.w.gone
}

func (r repository) KeepStream(_ context.Context, _ string, _ []string, produce func(io.Writer) error) (platform.Stored, error) {
	var text strings.Builder
	if err := produce(&text); err != nil {
		return platform.Stored{}, err
	}
	id := platform.NewID()
	r.w.stored[id] = text.String()
	return platform.Stored{ID: id}, nil
}
func (repository) Read(context.Context, string, string, io.Writer) error { return nil }
func (repository) RestoreVerified(context.Context, string, string) error { return nil }
func (repository) Check(context.Context, string) error                   { return nil }
func (r repository) Forget(_ context.Context, ids ...string) error {
	for _, id := range ids {
		delete(r.w.stored, id)
	}
	return r.w.gone
}

func TestRound_OneADayIsMadeAndOneAWeekIsTried(t *testing.T) {
	w := newWorld(t)
	for day := range 15 {
		for range 3 { // looked at more often than once a day
			must(t, w.round(t.Context()))
			w.now = w.now.Add(8 * time.Hour)
		}
		if want := day + 1; len(w.rows) > want || w.rows[0].State != platform.BackupReady {
			t.Fatalf("after %d days: %d rows, the newest %s", want, len(w.rows), w.rows[0].State)
		}
	}
	if w.trials != 3 {
		t.Errorf("%d trials in 15 days, want 3", w.trials)
	}
	if w.saved != 1 {
		t.Errorf("an image that does not change was sent %d times", w.saved)
	}
	if len(w.rows) > 10 || len(w.stored) != len(w.rows)+1 {
		t.Errorf("%d rows and %d stored, want one each and the image", len(w.rows), len(w.stored))
	}
	want := []platform.BackupApp{{ID: "a", Name: "shop", Snapshot: "ready-a"}, {ID: "d", Name: "shop-db"}}
	if !slices.Equal(w.rows[0].Apps, want) {
		t.Errorf("the apps are %+v; a bound add-on returns with its app", w.rows[0].Apps)
	}
}

func TestRound_WhatFailsIsToldAndTriedAgainAfterAnHour(t *testing.T) {
	w := newWorld(t)
	w.gone = platform.Errorf(platform.Unavailable, "backup_unreachable", "It does not answer.")
	must(t, w.round(t.Context()))
	if len(w.rows) != 1 || w.rows[0].State != platform.BackupFailed || w.rows[0].FailureText == "" || !slices.Contains(w.events, "backup.failed") {
		t.Fatalf("rows %+v, events %v", w.rows, w.events)
	}
	w.gone = nil
	must(t, w.round(t.Context()))
	if len(w.rows) != 1 {
		t.Errorf("tried again at once")
	}
	w.now = w.now.Add(time.Hour)
	must(t, w.round(t.Context()))
	if len(w.rows) != 2 || w.rows[0].State != platform.BackupReady {
		t.Errorf("an hour later: %+v", w.rows)
	}
}

func TestRehearse_AFaultIsARedFact(t *testing.T) {
	w := newWorld(t)
	w.wrong = platform.Errorf(platform.Unavailable, "backup_damaged", "One byte is another.")
	must(t, w.round(t.Context()))
	if b := w.rows[0]; b.Proven() || b.RehearsedAt == nil || b.Fault != "One byte is another." || !slices.Contains(w.events, "backup.faulty") {
		t.Fatalf("%+v, events %v", b, w.events)
	}
	w.wrong = nil
	w.rows[0].Wanted = true
	must(t, w.round(t.Context()))
	if b := w.rows[0]; !b.Proven() || b.Wanted || b.Proof != "all of it" {
		t.Errorf("asked for again: %+v", b)
	}
}

func TestClean_OneThatWasCutOffIsToldAsFailed(t *testing.T) {
	w := newWorld(t)
	w.rows = []platform.Backup{{ID: "b", State: platform.BackupMaking}}
	must(t, w.Clean(t.Context()))
	if w.rows[0].State != platform.BackupFailed || w.rows[0].FailureHint == "" {
		t.Errorf("%+v", w.rows[0])
	}
}

func TestSet_AnotherPlaceForgetsRowsAndRemovesNothing(t *testing.T) {
	w := newWorld(t)
	must(t, w.round(t.Context()))
	stored := len(w.stored)
	must(t, w.Set(t.Context(), platform.BackupTarget{Address: "/mnt/a", Password: "p"}))
	if len(w.rows) != 1 {
		t.Error("the same place: rows are forgotten")
	}
	must(t, w.Set(t.Context(), platform.BackupTarget{Address: "/mnt/b", Password: "p"}))
	if len(w.rows) != 0 || len(w.stored) != stored {
		t.Errorf("another place: %d rows, %d of %d stored", len(w.rows), len(w.stored), stored)
	}
}

func TestRemove_WhatOthersNeedStays(t *testing.T) {
	w := newWorld(t)
	must(t, w.round(t.Context()))
	w.now = w.now.Add(25 * time.Hour)
	must(t, w.round(t.Context()))
	must(t, w.Remove(t.Context(), w.rows[1]))
	if len(w.rows) != 1 || len(w.stored) != 2 {
		t.Errorf("%d rows, %v stored; want the image and the files of the newer one", len(w.rows), w.stored)
	}
	must(t, w.Remove(t.Context(), w.rows[0]))
	if len(w.rows) != 0 || len(w.stored) != 0 {
		t.Errorf("%d rows, %v stored", len(w.rows), w.stored)
	}
}

func TestRound_OneThatWasAskedForDoesNotWaitForEverWhenBackupsAreOff(t *testing.T) {
	w := newWorld(t)
	must(t, w.CreateBackup(t.Context(), &platform.Backup{State: platform.BackupMaking}))
	w.target = platform.BackupTarget{}
	must(t, w.round(t.Context()))
	if len(w.rows) != 1 || w.rows[0].State != platform.BackupFailed || w.trials != 0 {
		t.Errorf("%+v, %d trials", w.rows, w.trials)
	}
}
