package main

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/internal/restic"
	"github.com/lugsail/lugsail/platform/volume"
)

// snapshotKey is the file with the password of the snapshots. It lies beside the master key, outside of the data.
func snapshotKey(cfg config.Config) string {
	return filepath.Join(filepath.Dir(cfg.KeyFile), "snapshots.key")
}

// newKeeper makes what makes snapshots.
func (c *control) newKeeper() *volume.Keeper {
	dir := filepath.Join(c.cfg.DataDir, "snapshots")
	return &volume.Keeper{
		Store: c.store, Engine: c.engine, Blueprints: c.blueprints, Dir: c.cfg.DataDir,
		Repository: restic.Repository{Address: filepath.Join(dir, "repository"), KeyFile: snapshotKey(c.cfg)},
		Hold:       c.conductor.Hold, HoldVolume: c.engine.HoldVolume, Size: c.volumes.VolumeSize,
		Exchange: atomicfile.Exchange, Remove: disk.Remove, Room: snapshotRoom,
		Write: func(path string, content []byte) error { return atomicfile.Write(path, content, 0o600) },
		Daily: c.cfg.DailySnapshots, Now: c.conductor.Now,
	}
}

// releasesInSnapshots gives the releases that an app's snapshots bring back.
func (c *control) releasesInSnapshots(ctx context.Context, appID string) (releases []int, err error) {
	all, err := c.store.SnapshotsOf(ctx, appID)
	for _, s := range all {
		if s.Release > 0 && !slices.Contains(releases, s.Release) {
			releases = append(releases, s.Release)
		}
	}
	return releases, err
}

func snapshotRoom(dir string, bytes int64, what string) error {
	room, err := disk.RoomOf(dir)
	if err != nil {
		return err
	}
	return room.RefuseBelow(room.LeastFree()+uint64(min(max(bytes, 0), 1<<60)), what)
}

// cleanSnapshots ends what a crash has cut off.
func (c *control) cleanSnapshots(ctx context.Context) error {
	unfinished, err := c.store.UnfinishedDeployments(ctx)
	if err != nil {
		return err
	}
	return c.keeper.Clean(ctx, unfinished)
}
