package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// take makes what a snapshot's row promises, and writes down how that ended. Its dumps stay in the directory keep,
// unless that is "".
func (k *Keeper) take(ctx context.Context, row platform.Snapshot, keep string) (platform.Snapshot, error) {
	k.say(row.ID, "waits for others")
	defer k.say(row.ID, "")
	k.turn.Lock()
	defer k.turn.Unlock()
	app, err := k.Store.AppByID(ctx, row.AppID)
	if err != nil {
		return row, err
	}
	made, err := k.fill(ctx, app, row, keep)
	ended := k.Now().UTC()
	if err != nil && ctx.Err() != nil {
		return row, err // the server stops: the next start says so
	}
	if err != nil {
		e := platform.AsError(err)
		if e.Kind == platform.Internal {
			slog.ErrorContext(ctx, "snapshot failed", "snapshot", row.ID, "error", err)
		}
		k.event(ctx, app, row.CreatedBy, "snapshot.failed", "The snapshot ("+row.Cause+") could not be made: "+e.Message)
		_, updateErr := k.Store.UpdateSnapshot(context.WithoutCancel(ctx), row.ID, func(r *platform.Snapshot) {
			r.State, r.FailureText, r.FailureHint, r.EndedAt = platform.SnapshotFailed, e.Message, e.Hint, &ended
		})
		return row, errors.Join(err, updateErr)
	}
	row, err = k.Store.UpdateSnapshot(context.WithoutCancel(ctx), row.ID, func(r *platform.Snapshot) {
		r.State, r.EndedAt = platform.SnapshotReady, &ended
		r.Release, r.Repository, r.Bytes, r.Parts, r.Frozen = made.Release, made.Repository, made.Bytes, made.Parts, made.Frozen
	})
	if err == nil {
		k.event(ctx, app, row.CreatedBy, "snapshot.made", "A snapshot was made: "+row.Cause)
	}
	return row, err
}

func (k *Keeper) fill(ctx context.Context, app platform.App, row platform.Snapshot, keep string) (platform.Snapshot, error) {
	parts, err := k.PartsOf(ctx, app)
	if err != nil {
		return row, err
	}
	if parts.Nothing() {
		return row, NothingToKeep(app)
	}
	parent, err := k.parent(ctx, app)
	if err != nil {
		return row, err
	}
	if err := k.room(parts, parent); err != nil {
		return row, err
	}
	if err := k.emptyStaging(); err != nil {
		return row, err
	}
	defer func() { _ = k.Remove(filepath.Join(k.Dir, staging)) }() // the next one and each start empty it, too
	if err := k.Repository.Open(ctx); err != nil {
		return row, err
	}
	row.Parts, row.Release = parts, app.CurrentRelease
	first, err := k.firstPass(ctx, row, parent)
	if err != nil {
		return row, err
	}
	stored, frozen, err := k.secondPass(ctx, app, row, first)
	if first != "" {
		if forgetErr := k.Repository.Forget(context.WithoutCancel(ctx), first); forgetErr != nil {
			slog.WarnContext(ctx, "the first half of a snapshot not removed", "error", forgetErr) // the sweep does it
		}
	}
	row.Repository, row.Bytes, row.Frozen = stored.ID, stored.Bytes, frozen
	if err == nil && keep != "" {
		err = os.Rename(filepath.Join(k.Dir, staging), keep)
	}
	return row, err
}

// NothingToKeep is what a snapshot of an app without volumes and add-ons is refused by.
func NothingToKeep(app platform.App) error {
	return platform.Errorf(platform.Conflict, "nothing_to_keep", "%s has no volume and no database, so there is nothing to make a snapshot of.", app.Name).
		WithHint("Its releases are kept anyway: lugsail releases --app %s", app.Name)
}

// parent is the newest snapshot of the app in the repository; files that have not changed since are not read again.
func (k *Keeper) parent(ctx context.Context, app platform.App) (string, error) {
	all, err := k.Store.SnapshotsOf(ctx, app.ID)
	for _, s := range all {
		if s.State == platform.SnapshotReady {
			return s.Repository, nil
		}
	}
	return "", err
}

// room refuses a snapshot for which the disk is too full. The first of an app needs what its volumes hold; what the
// later ones need nobody knows before, and is little.
func (k *Keeper) room(parts platform.SnapshotParts, parent string) error {
	var need int64
	for _, v := range parts.Volumes {
		if bytes, _ := k.Size(v.ID); parent == "" {
			need += bytes
		}
	}
	return k.Room(k.Dir, need, "a snapshot")
}

func (k *Keeper) emptyStaging() error {
	dir := filepath.Join(k.Dir, staging)
	if err := k.Remove(dir); err != nil {
		return fmt.Errorf("emptying the directory of dumps: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of dumps: %w", err)
	}
	return nil
}

// paths are the volumes that have a directory: one that no replica has had yet has none.
func (k *Keeper) paths(parts platform.SnapshotParts) []string {
	var paths []string
	for _, v := range parts.Volumes {
		if _, err := os.Stat(k.volumes(v.ID)); err == nil {
			paths = append(paths, filepath.Join("volumes", v.ID))
		}
	}
	return paths
}

// firstPass stores the files while the app runs, so that little is left to do when it stands still. What changes or
// goes meanwhile does not matter.
func (k *Keeper) firstPass(ctx context.Context, row platform.Snapshot, parent string) (string, error) {
	paths := k.paths(row.Parts)
	if len(paths) == 0 {
		return "", nil
	}
	stored, err := k.Repository.Backup(ctx, k.Dir, paths, parent, func(done float64) {
		k.say(row.ID, fmt.Sprintf("reads files, %d %%", int(done*100)))
	})
	return stored.ID, err
}

func (k *Keeper) secondPass(ctx context.Context, app platform.App, row platform.Snapshot, first string) (stored platform.Stored, frozen bool, err error) {
	stands, thaw := k.freeze(ctx, app)
	defer thaw()
	for _, db := range row.Parts.Addons {
		k.say(row.ID, "reads the rows of "+db.Name)
		if err := k.dumpCounted(ctx, db, filepath.Join(k.Dir, staging, db.ID)); err != nil {
			return stored, false, err
		}
	}
	manifest, err := json.MarshalIndent(row, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(k.Dir, staging, "manifest.json"), manifest, 0o600)
	}
	if err != nil {
		return stored, false, fmt.Errorf("writing what the snapshot holds: %w", err)
	}
	k.say(row.ID, "stores it")
	stored, err = k.Repository.Backup(ctx, k.Dir, append(k.paths(row.Parts), staging), first, nil)
	frozen = stands()
	if err == nil && stored.Incomplete && frozen {
		err = platform.Errorf(platform.Unavailable, "snapshot_incomplete", "Some files of %s could not be read, so the snapshot is not whole.", app.Name).
			WithHint("The disk may be damaged: dmesg shows its errors.")
	}
	return stored, frozen, err
}

// freeze lets what runs of an app stand still, for a bounded time: visitors wait. stands tells whether it has stood
// still all the time since. An add-on goes on: its dump is of one moment anyway.
func (k *Keeper) freeze(ctx context.Context, app platform.App) (stands func() bool, thaw func()) {
	if app.Addon {
		return func() bool { return true }, func() {}
	}
	release := k.Hold(app.ID)
	paused, err := k.pause(ctx, app.ID)
	var late atomic.Bool
	goOn := sync.OnceFunc(func() {
		k.resume(context.WithoutCancel(ctx), paused)
		release()
	})
	if err != nil {
		slog.WarnContext(ctx, "a snapshot is made while the app runs", "app", app.ID, "error", err)
		late.Store(true)
		goOn()
	}
	limit := k.FreezeTime
	if limit == 0 {
		limit = 60 * time.Second
	}
	timer := time.AfterFunc(limit, func() { late.Store(true); goOn() })
	return func() bool { return !late.Load() }, func() { timer.Stop(); goOn() }
}

func (k *Keeper) pause(ctx context.Context, appID string) (paused []string, err error) {
	all, err := k.Engine.Replicas(ctx, appID)
	for _, r := range all {
		if r.State != platform.ReplicaRunning {
			continue
		}
		paused = append(paused, r.ID) // also when it fails half-way
		if err = k.Engine.Pause(ctx, r.ID); err != nil {
			return paused, err
		}
	}
	return paused, err
}

func (k *Keeper) resume(ctx context.Context, ids []string) {
	for _, id := range ids {
		for try := range 5 {
			err := k.Engine.Resume(ctx, id)
			if err == nil {
				break
			}
			slog.ErrorContext(ctx, "a replica still stands still", "replica", id, "error", err)
			time.Sleep(time.Duration(try) * time.Second)
		}
	}
}

// Programs in the image of each add-on.
const (
	dumpProgram = "/lugsail/dump"
	loadProgram = "/lugsail/load"
	rowsProgram = "/lugsail/rows"

	checkProgram = "/lugsail/check"
)

// dump writes all that an add-on holds into a file.
func (k *Keeper) dump(ctx context.Context, db platform.SnapshotAddon, file string) (err error) {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing a dump: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	guarded := &guard{to: out, room: func() error { return k.Room(filepath.Dir(file), 0, "the rest of a snapshot") }}
	if err := k.inAddon(ctx, db, []string{dumpProgram}, nil, guarded); err != nil {
		return err
	}
	if guarded.bytes == 0 {
		return platform.Errorf(platform.Unavailable, "dump_failed", "%s gave nothing to keep.", db.Name).WithHint("See what it says: lugsail logs --app %s", db.Name)
	}
	return nil
}

// load lets an add-on take a dump in, in the place of all that it holds.
func (k *Keeper) load(ctx context.Context, db platform.SnapshotAddon, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("reading a dump: %w", err)
	}
	defer func() { _ = in.Close() }() // nothing was written
	return k.inAddon(ctx, db, []string{loadProgram, "--replace"}, in, io.Discard)
}

// guard asks for room on the way, so that a dump ends before the disk is full.
type guard struct {
	to    io.Writer
	room  func() error
	bytes int64
	next  int64
}

const guardEvery = 64 << 20

func (g *guard) Write(p []byte) (int, error) {
	if g.bytes >= g.next {
		if err := g.room(); err != nil {
			return 0, err
		}
		g.next = g.bytes + guardEvery
	}
	n, err := g.to.Write(p)
	g.bytes += int64(n)
	return n, err
}

// inAddon runs a program in the add-on, which must run.
func (k *Keeper) inAddon(ctx context.Context, db platform.SnapshotAddon, command []string, in io.Reader, out io.Writer) error {
	id, err := k.replicaOf(ctx, db)
	if err != nil {
		return err
	}
	term, err := k.Engine.Exec(ctx, id, platform.ExecSpec{Command: command})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _, _ = term.Close(context.WithoutCancel(ctx), 0) }) // Output ends by it
	defer stop()
	defer func() { _, _ = term.Close(context.WithoutCancel(ctx), time.Second) }() // it has ended, but for a failure that counts more
	sent := make(chan error, 1)
	go func() {
		var err error
		if in != nil {
			_, err = io.Copy(term, in)
		}
		sent <- errors.Join(err, term.CloseInput())
	}()
	var said []byte
	err = term.Output(func(stream string, data []byte) error {
		if stream == "stderr" {
			said = append(said, data...)
			said = said[max(0, len(said)-600):]
			return nil
		}
		_, err := out.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	end, err := term.End(ctx)
	if err != nil {
		return err
	}
	if end.ExitCode != 0 {
		return platform.Errorf(platform.Unavailable, "addon_refused", "%s in %s ended with exit code %d: %s", command[0], db.Name, end.ExitCode, strings.TrimSpace(string(said))).
			WithHint("See what it says: lugsail logs --app %s", db.Name)
	}
	return <-sent
}

func (k *Keeper) replicaOf(ctx context.Context, db platform.SnapshotAddon) (string, error) {
	app, err := k.Store.AppByID(ctx, db.ID)
	if err != nil {
		return "", err
	}
	all, err := k.Engine.Replicas(ctx, db.ID)
	if err != nil {
		return "", err
	}
	for _, r := range all {
		if r.State == platform.ReplicaRunning && r.Release == app.CurrentRelease {
			return r.ID, nil
		}
	}
	return "", platform.Errorf(platform.Conflict, "addon_not_running", "The add-on %s does not run just now.", db.Name).
		WithHint("See why: lugsail info --app %s", db.Name)
}
