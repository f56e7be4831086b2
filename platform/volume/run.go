package volume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// dailyCause is the cause of the snapshots that the server makes by itself.
const dailyCause = "daily"

// Clean is for the start of the server, before anything else begins: what was being made when it ended is told as
// failed, what stands still goes on, and what was left lying is removed.
func (k *Keeper) Clean(ctx context.Context, unfinished []platform.Deployment) error {
	_, resumeErr := k.Engine.ResumeAll(ctx)
	all, err := k.Store.SnapshotsOf(ctx, "")
	errs := []error{resumeErr, err}
	for _, s := range all {
		if s.State != platform.SnapshotMaking {
			continue
		}
		now := k.Now().UTC()
		_, err := k.Store.UpdateSnapshot(ctx, s.ID, func(r *platform.Snapshot) {
			r.State, r.EndedAt = platform.SnapshotFailed, &now
			r.FailureText, r.FailureHint = "The server was restarted while the snapshot was being made.", "Make it again: lugsail snapshots create"
		})
		errs = append(errs, err)
	}
	return errors.Join(append(errs, k.Remove(filepath.Join(k.Dir, staging)), k.tidy(ctx, unfinished))...)
}

// Run makes the snapshots that are asked for, one after another, and those of each day; and removes what nobody
// needs any more. It ends with ctx.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		if err := k.round(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "snapshots", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-k.wakeUp():
		}
	}
}

func (k *Keeper) round(ctx context.Context) error {
	if k.Daily {
		if err := k.plan(ctx); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		all, err := k.Store.SnapshotsOf(ctx, "")
		if err != nil {
			return err
		}
		slices.Reverse(all) // the oldest first
		at := slices.IndexFunc(all, func(s platform.Snapshot) bool { return s.State == platform.SnapshotMaking && s.Before == "" })
		if at < 0 {
			return k.thin(ctx, all)
		}
		if _, err := k.take(ctx, all[at], ""); err != nil {
			row, readErr := k.Store.SnapshotByID(ctx, all[at].ID)
			if readErr != nil || row.State == platform.SnapshotMaking { // its end could not be written down: not in a hot loop
				return err
			}
		}
	}
	return nil
}

// plan records a snapshot of each app whose last daily one is a day ago.
func (k *Keeper) plan(ctx context.Context) error {
	return k.eachKept(ctx, func(app platform.App) error {
		due, err := k.due(ctx, app)
		if err == nil && due {
			_, err = k.ask(ctx, app, dailyCause)
		}
		return err
	})
}

func (k *Keeper) ask(ctx context.Context, app platform.App, cause string) (platform.Snapshot, error) {
	row := platform.Snapshot{AppID: app.ID, State: platform.SnapshotMaking, Cause: cause, Daily: true, CreatedAt: k.Now().UTC(), CreatedBy: platform.System().Name}
	return row, k.Store.CreateSnapshot(ctx, &row)
}

// eachKept goes through the apps that have something to keep. An add-on that such an app is bound to is in its snapshots.
func (k *Keeper) eachKept(ctx context.Context, do func(app platform.App) error) error {
	apps, err := k.Store.Apps(ctx)
	if err != nil {
		return err
	}
	ties, err := k.Store.Bindings(ctx)
	if err != nil {
		return err
	}
	serving := map[string]bool{}
	for _, app := range apps {
		serving[app.ID] = app.State == platform.AppActive && app.CurrentRelease > 0
	}
	for _, app := range apps {
		bound := slices.ContainsFunc(ties, func(t platform.Binding) bool { return t.AddonID == app.ID && serving[t.AppID] })
		if !serving[app.ID] || app.Addon && bound {
			continue
		}
		parts, err := k.PartsOf(ctx, app)
		if err == nil && !parts.Nothing() {
			err = do(app)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) due(ctx context.Context, app platform.App) (bool, error) {
	last := app.CreatedAt
	all, err := k.Store.SnapshotsOf(ctx, app.ID)
	for _, s := range all {
		if s.Daily && s.CreatedAt.After(last) {
			last = s.CreatedAt
		}
	}
	return k.Now().Sub(last) >= 24*time.Hour, err
}

// thin forgets the rows whose time is over, and sweeps out of the repository what no row names.
func (k *Keeper) thin(ctx context.Context, all []platform.Snapshot) error {
	byApp := map[string][]platform.Snapshot{}
	for _, s := range all {
		byApp[s.AppID] = append(byApp[s.AppID], s)
	}
	for _, of := range byApp {
		for _, s := range platform.OutdatedSnapshots(of, k.Now()) {
			if err := k.Store.DeleteSnapshot(ctx, s); platform.IsKind(err, platform.Conflict) {
				continue // it is being restored
			} else if err != nil {
				return err
			}
			k.removed.Store(true)
		}
	}
	if !k.removed.Load() && time.Since(k.swept) < 24*time.Hour {
		return nil
	}
	k.removed.Store(false)
	if err := k.sweep(ctx); err != nil {
		k.removed.Store(true)
		return err
	}
	k.swept = time.Now()
	return nil
}

func (k *Keeper) sweep(ctx context.Context) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	if empty, err := filepath.Glob(filepath.Join(k.Dir, "snapshots", "repository", "*")); err != nil || len(empty) == 0 {
		return err // nothing was ever stored
	}
	if err := k.Repository.Open(ctx); err != nil {
		return err
	}
	stored, err := k.Repository.Snapshots(ctx)
	if err != nil {
		return err
	}
	all, err := k.Store.SnapshotsOf(ctx, "")
	if err != nil {
		return err
	}
	orphans := slices.DeleteFunc(stored, func(id string) bool {
		return slices.ContainsFunc(all, func(s platform.Snapshot) bool { return s.Repository != "" && strings.HasPrefix(id, s.Repository) })
	})
	if err := k.Repository.Forget(ctx, orphans...); err != nil {
		return fmt.Errorf("removing %d snapshots: %w", len(orphans), err)
	}
	return nil
}
