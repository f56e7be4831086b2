package volume

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// ours is the directory of a restore's notes and of the dumps for the way back.
func (k *Keeper) ours(d platform.Deployment, parts ...string) string {
	return filepath.Join(append([]string{k.Dir, "snapshots", "restores", d.ID}, parts...)...)
}

// laid is where the contents of a snapshot are laid out: beside the volumes, so that they can change places.
func (k *Keeper) laid(d platform.Deployment, parts ...string) string {
	return k.volumes(append([]string{laidOut + d.ID}, parts...)...)
}

const laidOut = ".restore-"

// Of gives the snapshot that a deployment brings back.
func (k *Keeper) Of(ctx context.Context, d platform.Deployment) (platform.Snapshot, error) {
	return k.Store.SnapshotByID(ctx, d.Snapshot)
}

// Save makes a snapshot as the way back, and lays out what returns.
func (k *Keeper) Save(ctx context.Context, d platform.Deployment, say func(string, ...any)) error {
	if _, done, err := k.planOf(d); done || err != nil {
		return err
	}
	app, err := k.Store.AppByID(ctx, d.AppID)
	if err != nil {
		return err
	}
	row, err := k.Store.SnapshotByID(ctx, d.Snapshot)
	if err != nil {
		return err
	}
	p, err := k.match(ctx, d, app, row)
	if err != nil {
		return err
	}
	if err := errors.Join(k.Remove(k.ours(d)), k.Remove(k.laid(d))); err != nil {
		return fmt.Errorf("making way for a restore: %w", err)
	}
	if err := os.MkdirAll(k.ours(d), 0o700); err != nil {
		return fmt.Errorf("making the directory of a restore: %w", err)
	}
	if err := k.layOut(ctx, d, row, say); err != nil {
		return err
	}
	if d.Kind != platform.DeployCopy && d.Via != platform.ViaBackup { // where nothing was there before, there is nothing to save
		if err := k.saveFirst(ctx, d, say); err != nil {
			return err
		}
	}
	return k.writePlan(d, p)
}

// layOut reads all of the snapshot: what is damaged of it is found here, before anything else is done.
func (k *Keeper) layOut(ctx context.Context, d platform.Deployment, row platform.Snapshot, say func(string, ...any)) error {
	say("Read the snapshot of %s: %s", row.CreatedAt.Format("2 January 2006 15:04"), platform.Bytes(row.Bytes))
	k.turn.Lock()
	defer k.turn.Unlock()
	if err := k.Room(k.volumes(), row.Bytes, "this restore"); err != nil {
		return err
	}
	if err := k.Repository.Open(ctx); err != nil {
		return err
	}
	if err := os.Mkdir(k.laid(d), 0o700); err != nil {
		return fmt.Errorf("making the directory of a restore: %w", err)
	}
	return k.Repository.Restore(ctx, row.Repository, k.laid(d))
}

func (k *Keeper) saveFirst(ctx context.Context, d platform.Deployment, say func(string, ...any)) error {
	say("Make a snapshot of what there is now, as the way back")
	_, err := k.wayBack(ctx, d, fmt.Sprintf("before the restore of deployment %d", d.Number), k.ours(d, "back"))
	return err
}

func (k *Keeper) planOf(d platform.Deployment) (p plan, there bool, err error) {
	text, err := os.ReadFile(k.ours(d, "plan.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, false, fmt.Errorf("reading what a restore has laid out: %w", err)
	}
	return p, true, nil
}

// writePlan makes the laid out contents count. A volume that no replica has had yet gets its directory here, and one
// that the snapshot has no directory of gets an empty one.
func (k *Keeper) writePlan(d platform.Deployment, p plan) error {
	for i, m := range p.Volumes {
		for _, dir := range []string{k.laid(d, "volumes", m.From), k.volumes(m.To)} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("making the directory of the volume %s: %w", m.Name, err)
			}
		}
		var err error
		if p.Volumes[i].Inode, err = inode(k.volumes(m.To)); err != nil {
			return err
		}
	}
	text, err := json.Marshal(p)
	if err == nil {
		err = k.Write(k.ours(d, "plan.json"), text)
	}
	if err != nil {
		return fmt.Errorf("writing down what a restore has laid out: %w", err)
	}
	return nil
}

func inode(path string) (uint64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("looking at a volume: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("looking at a volume: no inode of %s is known", path)
	}
	return stat.Ino, nil
}

// loading is the file that says: from here on, the rows of add-ons may be others.
const loading = "loading"

// Return puts what was laid out into its place.
func (k *Keeper) Return(ctx context.Context, d platform.Deployment, say func(string, ...any)) error {
	p, there, err := k.planOf(d)
	if err == nil && !there {
		err = errors.New("nothing is laid out")
	}
	if err != nil {
		return err
	}
	if _, err := k.Engine.EndExecs(ctx); err != nil { // a load of before a crash must not go on beside ours
		return err
	}
	for _, m := range p.Volumes {
		if err := k.exchange(d, m, true); err != nil {
			return err
		}
		say("The files of the volume %s are those of the snapshot", m.Name)
	}
	if len(p.Addons) > 0 && d.Kind != platform.DeployCopy { // there is nothing that could be put back
		if err := k.Write(k.ours(d, loading), nil); err != nil {
			return err
		}
	}
	for _, a := range p.Addons {
		if err := k.awaitAddon(ctx, d, a.SnapshotAddon); err != nil {
			return err
		}
		if err := k.load(ctx, a.SnapshotAddon, k.laid(d, staging, cmp.Or(a.From, a.ID))); err != nil {
			return err
		}
		say("The rows of %s are those of the snapshot", a.Name)
	}
	return nil
}

// exchange lets a volume and what was laid out for it change places, unless it is as wanted already.
func (k *Keeper) exchange(d platform.Deployment, m move, fresh bool) error {
	defer k.HoldVolume(m.To)()
	now, err := inode(k.volumes(m.To))
	if err != nil || (now != m.Inode) == fresh {
		return err
	}
	if err := k.Exchange(k.laid(d, "volumes", m.From), k.volumes(m.To)); err != nil {
		return fmt.Errorf("putting the volume %s into its place: %w", m.Name, err)
	}
	return nil
}

// awaitAddon waits for an add-on on a server that came from a backup: it starts there for the first time.
func (k *Keeper) awaitAddon(ctx context.Context, d platform.Deployment, a platform.SnapshotAddon) error {
	if d.Via != platform.ViaBackup {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		err := k.inAddon(ctx, a, []string{checkProgram}, nil, io.Discard)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}

// Undo puts back what Return has taken away. On a server that came from a backup that was nothing, and what has come
// stays: an app that does not become healthy there has its data all the same.
func (k *Keeper) Undo(ctx context.Context, d platform.Deployment) error {
	p, there, err := k.planOf(d)
	if err != nil || !there || d.Via == platform.ViaBackup {
		return err
	}
	var errs []error
	for _, m := range p.Volumes {
		errs = append(errs, k.exchange(d, m, false))
	}
	if _, err := os.Stat(k.ours(d, loading)); err == nil {
		for _, a := range p.Addons {
			errs = append(errs, k.load(ctx, a.SnapshotAddon, k.ours(d, "back", a.ID)))
		}
	}
	return errors.Join(errs...)
}

// Done lets go of what was laid out and of what was taken away. The notes go last: with them, what is left is found.
func (k *Keeper) Done(_ context.Context, d platform.Deployment) error {
	if err := k.Remove(k.laid(d)); err != nil {
		return err
	}
	return k.Remove(k.ours(d))
}

// tidy lets go of what restores have left that ended, or never were.
func (k *Keeper) tidy(ctx context.Context, unfinished []platform.Deployment) error {
	ids := map[string]bool{}
	notes, err := filepath.Glob(filepath.Join(k.Dir, "snapshots", "restores", "*"))
	if err != nil {
		return err
	}
	laid, err := filepath.Glob(k.volumes(laidOut + "*"))
	if err != nil {
		return err
	}
	for _, path := range append(notes, laid...) {
		ids[strings.TrimPrefix(filepath.Base(path), laidOut)] = true
	}
	var errs []error
	for id := range ids {
		if !slices.ContainsFunc(unfinished, func(d platform.Deployment) bool { return d.ID == id }) {
			errs = append(errs, k.Done(ctx, platform.Deployment{ID: id}))
		}
	}
	return errors.Join(errs...)
}
