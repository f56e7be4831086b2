package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// Before makes a snapshot as the way back from a deployment, unless it was made before a crash of the server.
func (k *Keeper) Before(ctx context.Context, d platform.Deployment, say func(string, ...any)) (detail string, err error) {
	app, err := k.Store.AppByID(ctx, d.AppID)
	if err != nil {
		return "", err
	}
	parts, err := k.PartsOf(ctx, app)
	if err != nil {
		return "", err
	}
	if parts.Nothing() {
		return "nothing to keep", nil
	}
	all, err := k.Store.SnapshotsOf(ctx, app.ID)
	if err != nil {
		return "", err
	}
	for _, s := range all {
		if s.Before == d.ID && s.State == platform.SnapshotReady {
			return platform.Bytes(s.Bytes), nil
		}
	}
	say("Make a snapshot first")
	row, err := k.wayBack(ctx, d, fmt.Sprintf("before deployment %d", d.Number), "")
	return platform.Bytes(row.Bytes), err
}

// wayBack makes a snapshot that stays a week. One that is cut off by the end of the deployment is told as failed: nobody
// else would take it up.
func (k *Keeper) wayBack(ctx context.Context, d platform.Deployment, cause, keep string) (platform.Snapshot, error) {
	row := platform.Snapshot{AppID: d.AppID, State: platform.SnapshotMaking, Cause: cause, Before: d.ID, CreatedAt: k.Now().UTC(), CreatedBy: d.Actor}
	if err := k.Store.CreateSnapshot(ctx, &row); err != nil {
		return row, err
	}
	made, err := k.take(ctx, row, keep)
	if err == nil || ctx.Err() == nil {
		return made, err
	}
	now := k.Now().UTC()
	_, updateErr := k.Store.UpdateSnapshot(context.WithoutCancel(ctx), row.ID, func(r *platform.Snapshot) {
		r.State, r.EndedAt, r.FailureText = platform.SnapshotFailed, &now, "The deployment was stopped while the snapshot was being made."
	})
	return row, errors.Join(err, updateErr)
}
