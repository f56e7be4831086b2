package volume

import (
	"context"
	"slices"

	"github.com/lugsail/lugsail/platform"
)

// plan is what a restore has laid out, written down when all of it is there.
type plan struct {
	Volumes []move
	Addons  []refill
}

// refill is an add-on that gets the rows of a snapshot.
type refill struct {
	platform.SnapshotAddon
	From string // id of the add-on in the snapshot; "" means its own
}

// move is one directory that changes places with what was laid out for it.
type move struct {
	From, To string // ids of the volume: in the snapshot, and of today
	Name     string
	Inode    uint64 // of the directory that was there before: so one move is told from two
}

// match finds what a snapshot holds among what the app has today.
func (k *Keeper) match(ctx context.Context, d platform.Deployment, app platform.App, row platform.Snapshot) (plan, error) {
	if row.State != platform.SnapshotReady || row.AppID != app.ID && d.Kind != platform.DeployCopy {
		return plan{}, platform.Errorf(platform.Conflict, "snapshot_not_ready", "The snapshot is not ready: it is %s.", row.State).
			WithHint("See those that are: lugsail snapshots --app %s", app.Name)
	}
	now, err := k.PartsOf(ctx, app)
	if err != nil {
		return plan{}, err
	}
	var p plan
	for _, v := range row.Parts.Volumes {
		at := slices.IndexFunc(now.Volumes, func(o platform.SnapshotVolume) bool { return o.ID == v.ID })
		if at < 0 {
			at = slices.IndexFunc(now.Volumes, func(o platform.SnapshotVolume) bool { return o.Name == v.Name })
		}
		if at < 0 {
			return plan{}, platform.Errorf(platform.Conflict, "snapshot_volume_gone", "The snapshot holds the volume %s, which %s does not have any more.", v.Name, app.Name).
				WithHint("Bring it back, or make it anew: lugsail volumes create %s %s --app %s", v.Name, v.Path, app.Name)
		}
		p.Volumes = append(p.Volumes, move{From: v.ID, To: now.Volumes[at].ID, Name: v.Name})
	}
	for _, a := range row.Parts.Addons {
		at := slices.IndexFunc(now.Addons, func(o platform.SnapshotAddon) bool { return o.ID == a.ID || o.ID == d.Addons[a.ID] })
		if at < 0 {
			return plan{}, platform.Errorf(platform.Conflict, "snapshot_addon_gone", "The snapshot holds the rows of %s, which %s is not bound to any more.", a.Name, app.Name).
				WithHint("Bind it again: lugsail addons bind %s --app %s", a.Name, app.Name)
		}
		p.Addons = append(p.Addons, refill{now.Addons[at], a.ID})
	}
	return p, nil
}

// Restorable refuses a snapshot that could not be brought back as things are.
func (k *Keeper) Restorable(ctx context.Context, app platform.App, row platform.Snapshot) error {
	_, err := k.match(ctx, platform.Deployment{}, app, row)
	return err
}
