package volume

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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

// rows keeps in memory what there is.
type rows struct {
	Store
	snapshots map[string]platform.Snapshot
	volumes   []platform.Volume
	ties      []platform.Binding
	events    []string
}

func (r *rows) CreateSnapshot(_ context.Context, row *platform.Snapshot) error {
	if row.ID == "" {
		row.ID = platform.NewID()
	}
	r.snapshots[row.ID] = *row
	return nil
}

func (r *rows) UpdateSnapshot(_ context.Context, id string, change func(*platform.Snapshot)) (platform.Snapshot, error) {
	row := r.snapshots[id]
	change(&row)
	r.snapshots[id] = row
	return row, nil
}

func (r *rows) DeleteSnapshot(_ context.Context, row platform.Snapshot) error {
	delete(r.snapshots, row.ID)
	return nil
}

func (r *rows) SnapshotByID(_ context.Context, id string) (platform.Snapshot, error) {
	return r.snapshots[id], nil
}

func (r *rows) SnapshotsOf(context.Context, string) ([]platform.Snapshot, error) {
	var all []platform.Snapshot
	for _, s := range r.snapshots {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b platform.Snapshot) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return all, nil
}

func (r *rows) Apps(context.Context) ([]platform.App, error) { return []platform.App{shop}, nil }

func (r *rows) AppByID(_ context.Context, id string) (platform.App, error) {
	if strings.HasPrefix(id, "ldb") {
		return platform.App{ID: id, Name: "shop-db", Addon: true, Blueprint: "postgresql", CurrentRelease: 1}, nil
	}
	app := shop
	app.ID = id
	return app, nil
}
func (r *rows) VolumesOf(context.Context, string) ([]platform.Volume, error) { return r.volumes, nil }
func (r *rows) Bindings(context.Context) ([]platform.Binding, error)         { return r.ties, nil }

func (r *rows) AppendEvent(_ context.Context, e *platform.Event) error {
	r.events = append(r.events, e.Action)
	return nil
}

var shop = platform.App{ID: "lshop", Name: "shop", State: platform.AppActive, CurrentRelease: 3}

func (r *rows) Blueprint(name string) (platform.Blueprint, error) {
	return platform.Blueprint{Name: name, Cache: name == "valkey"}, nil
}

// repository keeps copies of directories.
type repository struct {
	dir     string
	fails   error
	slow    time.Duration // of the second pass
	parents []string
	taken   int
}

func (r *repository) Open(context.Context) error { return r.fails }

func (r *repository) Backup(_ context.Context, dir string, paths []string, parent string, _ func(float64)) (platform.Stored, error) {
	r.taken++
	r.parents = append(r.parents, parent)
	if slices.Contains(paths, staging) {
		time.Sleep(r.slow)
	}
	id := string(rune('a' + r.taken))
	for _, path := range paths {
		if err := os.CopyFS(filepath.Join(r.dir, id, path), os.DirFS(filepath.Join(dir, path))); err != nil {
			return platform.Stored{}, err
		}
	}
	return platform.Stored{ID: id, Bytes: 1}, nil
}

func (r *repository) Restore(_ context.Context, id, dir string) error {
	return errors.Join(r.fails, os.CopyFS(dir, os.DirFS(filepath.Join(r.dir, id))))
}

func (r *repository) Forget(_ context.Context, ids ...string) (err error) {
	for _, id := range ids {
		err = errors.Join(err, os.RemoveAll(filepath.Join(r.dir, id)))
	}
	return err
}

func (r *repository) Snapshots(context.Context) (ids []string, err error) {
	entries, err := os.ReadDir(r.dir)
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids, err
}

// engine has one replica of each app, and a database that is a text.
type engine struct {
	paused, resumed []string
	database        string
	loads           []string // replicas that took a dump in
	holds           []string // what add-ons were told of writes
	refuses         bool     // the next load
	pauseFails      error
}

func (e *engine) Replicas(_ context.Context, appID string) ([]platform.Replica, error) {
	release := 3
	if strings.HasPrefix(appID, "ldb") {
		release = 1
	}
	return []platform.Replica{{ID: appID + "-1", State: platform.ReplicaRunning, Release: release}}, nil
}

func (e *engine) Pause(_ context.Context, id string) error {
	e.paused = append(e.paused, id)
	return e.pauseFails
}

func (e *engine) Resume(_ context.Context, id string) error {
	e.resumed = append(e.resumed, id)
	return nil
}
func (e *engine) ResumeAll(context.Context) (int, error) { return 0, nil }
func (e *engine) EndExecs(context.Context) (int, error)  { return 0, nil }

func (e *engine) Exec(_ context.Context, id string, spec platform.ExecSpec) (platform.Terminal, error) {
	if spec.Command[0] == loadProgram {
		e.loads = append(e.loads, id)
	}
	if spec.Command[0] == holdProgram && !e.refuses {
		e.holds = append(e.holds, spec.Command[1])
	}
	return &term{engine: e, command: spec.Command, closed: make(chan struct{})}, nil
}

type term struct {
	platform.Terminal
	engine  *engine
	command []string
	in      strings.Builder
	closed  chan struct{}
	code    int
}

func (t *term) Write(p []byte) (int, error) { return t.in.Write(p) }
func (t *term) CloseInput() error           { close(t.closed); return nil }

func (t *term) Output(take func(string, []byte) error) error {
	<-t.closed
	switch {
	case t.command[0] == dumpProgram:
		for part := range slices.Chunk([]byte(t.engine.database), 1<<20) {
			if err := take("stdout", part); err != nil {
				return err
			}
		}
		return nil
	case t.command[0] == rowsProgram:
		return take("stdout", []byte("lines 10\n"))
	case t.engine.refuses:
		t.engine.refuses, t.code = false, 3
		return take("stderr", []byte("no such role"))
	case t.command[0] == holdProgram:
		return nil
	}
	t.engine.database = t.in.String()
	return nil
}

func (t *term) End(context.Context) (platform.RunEnd, error) {
	return platform.RunEnd{ExitCode: t.code}, nil
}
func (t *term) Close(context.Context, time.Duration) (bool, error) { return false, nil }

type world struct {
	*Keeper
	rows   *rows
	repo   *repository
	engine *engine
	now    time.Time
	held   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{rows: &rows{snapshots: map[string]platform.Snapshot{}}, engine: &engine{database: "ten rows"}, repo: &repository{dir: filepath.Join(dir, "snapshots", "repository")}, now: time.Now()}
	w.rows.volumes = []platform.Volume{{ID: "lfiles", AppID: "lshop", Name: "files", Path: "/data", State: platform.VolumeActive}, {ID: "lgone", Name: "gone", State: platform.VolumeTrashed}}
	w.rows.ties = []platform.Binding{{AppID: "lshop", AddonID: "ldb"}}
	w.Keeper = &Keeper{
		Store: w.rows, Repository: w.repo, Engine: w.engine, Blueprints: w.rows, Dir: dir,
		Hold:       func(string) func() { w.held++; return func() { w.held-- } },
		HoldVolume: func(string) func() { return func() {} }, Remove: os.RemoveAll,
		Exchange: func(a, b string) error {
			return errors.Join(os.Rename(a, a+".x"), os.Rename(b, a), os.Rename(a+".x", b))
		},
		Room: func(string, int64, string) error { return nil }, Size: func(string) (int64, bool) { return 1, true },
		Write: func(path string, content []byte) error { return os.WriteFile(path, content, 0o600) },
		Now:   func() time.Time { w.now = w.now.Add(time.Second); return w.now },
	}
	w.save(t, "one")
	return w
}

func (w *world) save(t *testing.T, text string) {
	t.Helper()
	must(t, os.MkdirAll(w.volumes("lfiles"), 0o700))
	must(t, os.WriteFile(w.volumes("lfiles", "f"), []byte(text), 0o600))
}

func (w *world) made(t *testing.T) platform.Snapshot {
	t.Helper()
	row := platform.Snapshot{AppID: "lshop", State: platform.SnapshotMaking, Cause: "a test", CreatedAt: w.Now()}
	must(t, w.rows.CreateSnapshot(t.Context(), &row))
	row, err := w.take(t.Context(), row, "")
	must(t, err)
	return row
}

// wants looks at what the app keeps, and that nothing stands still or lies about.
func (w *world) wants(t *testing.T, file, database string) {
	t.Helper()
	text, err := os.ReadFile(w.volumes("lfiles", "f"))
	if err != nil || string(text) != file || w.engine.database != database {
		t.Errorf("the file is %q and the database %q, %v; want %q and %q", text, w.engine.database, err, file, database)
	}
	if w.held != 0 || len(w.engine.paused) != len(w.engine.resumed) {
		t.Errorf("%d held, %v paused, %v resumed", w.held, w.engine.paused, w.engine.resumed)
	}
}

func quiet(string, ...any) {}

func TestTake_TheAppStandsStillForTheRestOnly(t *testing.T) {
	w := newWorld(t)
	row := w.made(t)
	if row.State != platform.SnapshotReady || !row.Frozen || row.Release != 3 || len(row.Parts.Volumes) != 1 || len(row.Parts.Addons) != 1 {
		t.Errorf("%+v", row)
	}
	if stored, _ := w.repo.Snapshots(t.Context()); len(stored) != 1 || stored[0] != row.Repository {
		t.Errorf("stored: %v; the first pass is not forgotten", stored)
	}
	w.made(t)
	if want := []string{"", "b", "c", "d"}; !slices.Equal(w.repo.parents, want) {
		t.Errorf("parents %q, want %q: files are read anew", w.repo.parents, want)
	}
	w.wants(t, "one", "ten rows")
}

func TestTake_AnAppStandsStillAMinuteAtMost(t *testing.T) {
	w := newWorld(t)
	w.FreezeTime, w.repo.slow = 10*time.Millisecond, 200*time.Millisecond
	if row := w.made(t); row.Frozen || row.State != platform.SnapshotReady {
		t.Errorf("%+v", row)
	}
	w.wants(t, "one", "ten rows")
}

func TestTake_WhatFailsLetsTheAppGoOn(t *testing.T) {
	for name, breaks := range map[string]func(*world){
		"repository": func(w *world) { w.repo.fails = errors.New("broken") },
		"empty dump": func(w *world) { w.engine.database = "" },
		"no room": func(w *world) {
			w.Room = func(_ string, _ int64, what string) error { return platform.Room{Total: 1}.Refuse(what) }
		},
		"disk filled": func(w *world) {
			w.Room = func(_ string, n int64, what string) error {
				if n == 0 {
					return platform.Room{}.Refuse(what)
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			breaks(w)
			database := w.engine.database
			row := platform.Snapshot{AppID: "lshop", State: platform.SnapshotMaking, CreatedAt: w.Now()}
			must(t, w.rows.CreateSnapshot(t.Context(), &row))
			if _, err := w.take(t.Context(), row, ""); err == nil {
				t.Error("it succeeded")
			}
			if got := w.rows.snapshots[row.ID]; got.State != platform.SnapshotFailed || got.FailureText == "" || !slices.Contains(w.rows.events, "snapshot.failed") {
				t.Errorf("%+v, events %v", got, w.rows.events)
			}
			w.wants(t, "one", database)
		})
	}
}

func TestRestore_EveryStepMayBeCutOffAndBegunAnew(t *testing.T) {
	w := newWorld(t)
	row := w.made(t)
	w.save(t, "two")
	w.engine.database = "no rows"
	d := platform.Deployment{ID: "ld", AppID: "lshop", Snapshot: row.ID, Number: 4}
	for range 2 {
		must(t, w.Save(t.Context(), d, quiet))
		w.wants(t, "two", "no rows")
	}
	for range 2 {
		must(t, w.Return(t.Context(), d, quiet))
		w.wants(t, "one", "ten rows")
	}
	for range 2 {
		must(t, w.Undo(t.Context(), d))
		w.wants(t, "two", "no rows")
	}
	must(t, w.Return(t.Context(), d, quiet))
	must(t, w.Done(t.Context(), d))
	w.wants(t, "one", "ten rows")
	must(t, w.Undo(t.Context(), d)) // there is nothing to undo by any more
	w.wants(t, "one", "ten rows")
	before := 0
	for _, s := range w.rows.snapshots {
		if s.Before == d.ID && s.State == platform.SnapshotReady {
			before++
		}
	}
	if before != 1 {
		t.Errorf("%d ways back", before)
	}
	must(t, w.Clean(t.Context(), nil))
	entries, err := os.ReadDir(w.volumes())
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestRestore_ADumpThatIsRefusedPutsAllBack(t *testing.T) {
	w := newWorld(t)
	row := w.made(t)
	w.save(t, "two")
	w.engine.database = "no rows"
	d := platform.Deployment{ID: "ld", AppID: "lshop", Snapshot: row.ID}
	must(t, w.Save(t.Context(), d, quiet))
	w.engine.refuses = true
	err := w.Return(t.Context(), d, quiet)
	if e := platform.AsError(err); e.Code != "addon_refused" || !strings.Contains(e.Message, "no such role") {
		t.Errorf("%v", err)
	}
	must(t, w.Undo(t.Context(), d))
	w.wants(t, "two", "no rows")
}

func TestRestore_DamageIsFoundBeforeAnythingIsTouched(t *testing.T) {
	w := newWorld(t)
	row := w.made(t)
	w.save(t, "two")
	w.repo.fails = syscall.EIO
	d := platform.Deployment{ID: "ld", AppID: "lshop", Snapshot: row.ID}
	if err := w.Save(t.Context(), d, quiet); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v", err)
	}
	must(t, w.Undo(t.Context(), d))
	w.wants(t, "two", "ten rows")
}

func TestRestorable_WhatTheAppDoesNotHaveAnyMore(t *testing.T) {
	w := newWorld(t)
	row := w.made(t)
	w.rows.volumes[0].ID = "lother" // made anew, by the same name
	must(t, w.Restorable(t.Context(), shop, row))
	w.rows.volumes[0].Name = "others"
	if err := w.Restorable(t.Context(), shop, row); platform.AsError(err).Code != "snapshot_volume_gone" {
		t.Errorf("%v", err)
	}
	w.rows.volumes[0].Name, w.rows.ties = "files", nil
	if err := w.Restorable(t.Context(), shop, row); platform.AsError(err).Code != "snapshot_addon_gone" {
		t.Errorf("%v", err)
	}
}

func TestClean_WhatWasCutOffIsToldAndTheRestSwept(t *testing.T) {
	w := newWorld(t)
	row := w.made(t)
	cut := platform.Snapshot{ID: "lcut", AppID: "lshop", State: platform.SnapshotMaking}
	must(t, w.rows.CreateSnapshot(t.Context(), &cut))
	must(t, os.MkdirAll(filepath.Join(w.Dir, staging), 0o700))
	must(t, os.MkdirAll(w.volumes(laidOut+"lgone"), 0o700))
	must(t, os.MkdirAll(w.volumes(laidOut+"lgoes"), 0o700))
	must(t, os.MkdirAll(filepath.Join(w.repo.dir, "orphan"), 0o700))
	must(t, w.Clean(t.Context(), []platform.Deployment{{ID: "lgoes"}}))
	if got := w.rows.snapshots["lcut"]; got.State != platform.SnapshotFailed || !strings.Contains(got.FailureText, "restarted") {
		t.Errorf("%+v", got)
	}
	for path, there := range map[string]bool{filepath.Join(w.Dir, staging): false, w.volumes(laidOut + "lgone"): false, w.volumes(laidOut + "lgoes"): true} {
		if _, err := os.Stat(path); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
	must(t, w.round(t.Context()))
	if stored, _ := w.repo.Snapshots(t.Context()); !slices.Equal(stored, []string{row.Repository}) {
		t.Errorf("stored: %v", stored)
	}
}

func TestRun_OneADayOfWhatKeepsSomething(t *testing.T) {
	w := newWorld(t)
	w.Daily = true
	for _, step := range []struct {
		later time.Duration
		made  int
	}{{0, 1}, {time.Hour, 1}, {24 * time.Hour, 2}} {
		w.now = w.now.Add(step.later)
		must(t, w.round(t.Context()))
		if len(w.rows.snapshots) != step.made {
			t.Errorf("after %s there are %d", step.later, len(w.rows.snapshots))
		}
	}
	w.rows.volumes, w.rows.ties = nil, nil
	w.now = w.now.Add(48 * time.Hour)
	must(t, w.round(t.Context()))
	if len(w.rows.snapshots) != 2 {
		t.Errorf("one of an app that keeps nothing: %d", len(w.rows.snapshots))
	}
}

func TestPartsOf_GoesWithoutCachesAndTrash(t *testing.T) {
	w := newWorld(t)
	parts, err := w.PartsOf(t.Context(), platform.App{ID: "lc", Addon: true, Blueprint: "valkey"})
	if err != nil || !parts.Nothing() {
		t.Errorf("%+v, %v", parts, err)
	}
	parts, err = w.PartsOf(t.Context(), shop)
	if err != nil || len(parts.Volumes) != 1 || parts.Volumes[0].Name != "files" {
		t.Errorf("%+v, %v", parts, err)
	}
}
