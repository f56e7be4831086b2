package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateSnapshot records a snapshot that is to be made.
func (s *Store) CreateSnapshot(ctx context.Context, row *platform.Snapshot) error {
	s.fresh(&row.ID, &row.CreatedAt)
	err := s.write(ctx, "recording the snapshot", func(tx *gorm.DB) error {
		a, err := appIn(tx, row.AppID)
		if err != nil {
			return err
		}
		if a.State != platform.AppActive {
			return a.Trashed()
		}
		return tx.Create(row).Error
	})
	s.changed(row.AppID, "")
	return err
}

// UpdateSnapshot lets change edit a snapshot and writes it back, in one transaction; NotFound, code
// snapshot_not_found, when it is not there any more.
func (s *Store) UpdateSnapshot(ctx context.Context, id string, change func(*platform.Snapshot)) (platform.Snapshot, error) {
	var row platform.Snapshot
	err := s.write(ctx, "changing the snapshot", func(tx *gorm.DB) error {
		if err := missingSnapshot(tx.Where("id = ?", id).Take(&row).Error, id); err != nil {
			return err
		}
		change(&row)
		row.ID = id
		return replace(tx, &row)
	})
	s.changed(row.AppID, "")
	return row, err
}

// DeleteSnapshot forgets a snapshot; one that is gone already is no error. One that a deployment under way brings back,
// or made as its way back, answers Conflict, code snapshot_in_use.
func (s *Store) DeleteSnapshot(ctx context.Context, row platform.Snapshot) error {
	err := s.write(ctx, "removing the snapshot", func(tx *gorm.DB) error {
		var using int64
		under := tx.Model(&platform.Deployment{}).Where("state IN ?", []platform.DeploymentState{platform.DeploymentWaiting, platform.DeploymentRunning})
		if err := under.Where("snapshot = ? OR id = ?", row.ID, row.Before).Count(&using).Error; err != nil {
			return err
		}
		if using > 0 {
			return row.InUse()
		}
		return tx.Where("id = ?", row.ID).Delete(&platform.Snapshot{}).Error
	})
	s.changed(row.AppID, "")
	return err
}

// SnapshotByID finds a snapshot; NotFound, code snapshot_not_found.
func (s *Store) SnapshotByID(ctx context.Context, id string) (platform.Snapshot, error) {
	var row platform.Snapshot
	err := missingSnapshot(s.read(ctx).Where("id = ?", id).Take(&row).Error, id)
	return row, s.explain(ctx, "reading the snapshot", err)
}

func missingSnapshot(err error, id string) error {
	return missing(err, "snapshot_not_found", "There is no snapshot %.40q.", id)
}

// SnapshotsOf lists the snapshots of an app, or of all apps when appID is "", the newest first.
func (s *Store) SnapshotsOf(ctx context.Context, appID string) ([]platform.Snapshot, error) {
	tx := s.read(ctx)
	if appID != "" {
		tx = tx.Where("app_id = ?", appID)
	}
	list := []platform.Snapshot{}
	err := tx.Order("created_at DESC, id").Find(&list).Error
	return list, s.explain(ctx, "listing the snapshots", err)
}
