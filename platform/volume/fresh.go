package volume

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Fresh makes a snapshot of each app whose newest is older than age, waits for them, and tells for people whose could
// not be made. They count as the daily ones. Run must be running.
func (k *Keeper) Fresh(ctx context.Context, age time.Duration) (gaps []string, err error) {
	asked := map[string]platform.App{} // by snapshot
	err = k.eachKept(ctx, func(app platform.App) error {
		all, err := k.Store.SnapshotsOf(ctx, app.ID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(s platform.Snapshot) bool {
			return s.State == platform.SnapshotReady && k.Now().Sub(s.CreatedAt) < age
		}) {
			return nil
		}
		row, err := k.ask(ctx, app, "for a backup")
		asked[row.ID] = app
		return err
	})
	k.Wake()
	for id, app := range asked {
		row, waitErr := k.await(ctx, id)
		if waitErr != nil {
			return gaps, waitErr
		}
		if row.State == platform.SnapshotFailed {
			gaps = append(gaps, fmt.Sprintf("No new snapshot of %s could be made: %s", app.Name, row.FailureText))
		}
	}
	slices.Sort(gaps)
	return gaps, err
}

func (k *Keeper) await(ctx context.Context, id string) (platform.Snapshot, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		row, err := k.Store.SnapshotByID(ctx, id)
		if platform.IsKind(err, platform.NotFound) {
			return platform.Snapshot{State: platform.SnapshotFailed, FailureText: "its app is gone."}, nil
		}
		if err != nil || row.State != platform.SnapshotMaking {
			return row, err
		}
		select {
		case <-ctx.Done():
			return row, ctx.Err()
		case <-tick.C:
		}
	}
}

// Still lets nothing change in the repository while do runs.
func (k *Keeper) Still(do func() error) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	return do()
}
