package store

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateBackup records a backup that is to be made.
func (s *Store) CreateBackup(ctx context.Context, row *platform.Backup) error {
	s.fresh(&row.ID, &row.CreatedAt)
	err := s.write(ctx, "recording the backup", func(tx *gorm.DB) error { return tx.Create(row).Error })
	s.changed("", "")
	return err
}

// UpdateBackup lets change edit a backup and writes it back, in one transaction; NotFound, code backup_not_found,
// when it is not there any more.
func (s *Store) UpdateBackup(ctx context.Context, id string, change func(*platform.Backup)) (platform.Backup, error) {
	var row platform.Backup
	err := s.write(ctx, "changing the backup", func(tx *gorm.DB) error {
		if err := missing(tx.Where("id = ?", id).Take(&row).Error, "backup_not_found", "There is no backup %.40q.", id); err != nil {
			return err
		}
		change(&row)
		row.ID = id
		return replace(tx, &row)
	})
	s.changed("", "")
	return row, err
}

// DeleteBackup forgets a backup; one that is gone already is no error.
func (s *Store) DeleteBackup(ctx context.Context, row platform.Backup) error {
	return s.write(ctx, "removing the backup", func(tx *gorm.DB) error {
		return tx.Where("id = ?", row.ID).Delete(&platform.Backup{}).Error
	})
}

// Backups lists all backups, the newest first.
func (s *Store) Backups(ctx context.Context) ([]platform.Backup, error) {
	list := []platform.Backup{}
	err := s.read(ctx).Order("created_at DESC, id").Find(&list).Error
	return list, s.explain(ctx, "listing the backups", err)
}

const (
	backupTargetKey     = "backup_target"
	backupTargetPurpose = "backup-target"
)

// BackupTarget tells where backups go; the zero value when nobody has said so.
func (s *Store) BackupTarget(ctx context.Context) (platform.BackupTarget, error) {
	target, err := s.backupTargetIn(s.read(ctx))
	return target, s.explain(ctx, "reading where backups go", err)
}

func (s *Store) backupTargetIn(tx *gorm.DB) (target platform.BackupTarget, err error) {
	sealed, err := metaIn(tx, backupTargetKey)
	if err != nil || sealed == "" {
		return target, err
	}
	plain, err := s.key.Open(backupTargetPurpose, backupTargetKey, sealed)
	if err == nil {
		err = json.Unmarshal(plain, &target)
	}
	if err != nil {
		return target, platform.Errorf(platform.Unavailable, "backup_target_unreadable", "Where backups go cannot be read: the value is damaged.").
			WithHint("Say it again: lugsail backups set ADDRESS").Because(err)
	}
	return target, nil
}

// SetBackupTarget keeps where backups go; the zero value takes it away.
func (s *Store) SetBackupTarget(ctx context.Context, target platform.BackupTarget) error {
	sealed := ""
	if target != (platform.BackupTarget{}) {
		plain, err := json.Marshal(target)
		if err == nil {
			sealed, err = s.key.Seal(backupTargetPurpose, backupTargetKey, plain)
		}
		if err != nil {
			return fmt.Errorf("sealing where backups go: %w", err)
		}
	}
	return s.write(ctx, "keeping where backups go", func(tx *gorm.DB) error { return setMetaIn(tx, backupTargetKey, sealed) })
}

func (s *Store) openBackupTarget(db *gorm.DB) (int, error) {
	target, err := s.backupTargetIn(db)
	if err != nil || target == (platform.BackupTarget{}) {
		return 0, err
	}
	return 1, nil
}

// CopyTo writes a consistent copy of the database, as one SQLite file, while it is in use.
func (s *Store) CopyTo(ctx context.Context, path string) error {
	if err := removeDatabase(path); err != nil {
		return err
	}
	return s.explain(ctx, "copying the database", s.writeCopy(ctx, path))
}

// MoveRegistry lets releases and builds name their images by another address of the built-in registry: this server
// came from a backup, and its registry listens elsewhere than the one of before.
func (s *Store) MoveRegistry(ctx context.Context, from, to string) error {
	return s.write(ctx, "renaming images", func(tx *gorm.DB) error {
		for _, table := range []string{"releases", "builds"} {
			if err := tx.Exec("UPDATE "+table+" SET image = ? || substr(image, ?) WHERE image LIKE ?", to, len(from)+1, from+"%").Error; err != nil {
				return err
			}
		}
		return nil
	})
}
