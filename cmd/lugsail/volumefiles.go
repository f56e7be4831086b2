package main

import (
	"context"
	"maps"
	"path/filepath"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/internal/files"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// files are those in the volumes.
func (v *volumes) files() files.Files {
	return files.Files{Directory: v.VolumeDirectory, Hold: v.HoldVolume, Room: v.room, Came: v.note}
}

// note counts what people send until it is measured.
func (v *volumes) note(volumeID string, bytes int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.came == nil {
		v.came = map[string]int64{}
	}
	v.came[volumeID] += bytes
}

func (v *volumes) sent() map[string]int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.came)
}

// room refuses bytes from people that the disk or the app's plan has no room for. The headroom of the disk is for what
// runs, not for what people send.
func (v *volumes) room(volumeID string, bytes int64) error {
	bytes = min(max(bytes, 0), 1<<60)
	room, err := disk.RoomOf(filepath.Dir(v.VolumeDirectory(volumeID))) // its own may not be there yet
	if err == nil {
		err = room.RefuseBelow(room.LeastFree()+uint64(bytes), "this file")
	}
	if err != nil {
		return err
	}
	return v.roomOfPlan(volumeID, bytes)
}

// roomOfPlan goes by what all volumes of the app held when they were measured, and what was sent since.
func (v *volumes) roomOfPlan(volumeID string, bytes int64) error {
	ctx := context.Background() // a look into the database
	all, err := v.store.VolumesOf(ctx, "")
	if err != nil {
		return err
	}
	sums, appID := map[string]int64{}, ""
	sent := v.sent()
	for _, of := range all {
		size, _ := v.VolumeSize(of.ID)
		sums[of.AppID] += size + sent[of.ID]
		if of.ID == volumeID {
			appID = of.AppID
		}
	}
	app, err := v.store.AppByID(ctx, appID)
	if err != nil {
		return err
	}
	p, err := plan.ByName(app.Plan)
	if err != nil || p.Disk <= 0 || sums[appID]+bytes <= p.Disk {
		return nil //nolint:nilerr // a plan of a newer Lugsail has no limit here
	}
	return platform.Errorf(platform.NoRoom, "volumes_full", "The volumes of %s hold %s of the %s that the plan %s gives, and %s more do not fit.",
		app.Name, platform.Bytes(sums[appID]), platform.Bytes(p.Disk), p.Name, platform.Bytes(bytes)).
		WithHint("Delete files that are not needed, or choose a larger plan: lugsail scale --plan NAME --app %s. What was deleted counts no more a minute later.", app.Name)
}
