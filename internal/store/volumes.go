package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateVolume records a volume after fits has seen the others of its app, in one transaction. A name that the
// app has already answers Conflict, code volume_exists.
func (s *Store) CreateVolume(ctx context.Context, v *platform.Volume, fits func(others []platform.Volume) error) error {
	s.fresh(&v.ID, &v.CreatedAt)
	err := s.write(ctx, "recording the volume", func(tx *gorm.DB) error {
		if _, err := appIn(tx, v.AppID); err != nil {
			return err
		}
		others, err := volumesIn(tx, v.AppID)
		if err != nil {
			return err
		}
		if err := fits(others); err != nil {
			return err
		}
		err = tx.Create(v).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return platform.Errorf(platform.Conflict, "volume_exists", "The app has a volume named %s already.", v.Name).
				WithHint("Choose another name. Those in the trash keep theirs.")
		}
		return err
	})
	s.changed(v.AppID, "")
	return err
}

// UpdateVolume lets change edit a volume of an app, with the others in sight, and writes it back, in one
// transaction; NotFound, code volume_not_found, when the app has none such.
func (s *Store) UpdateVolume(ctx context.Context, appID, name string, change func(v *platform.Volume, others []platform.Volume) error) (platform.Volume, error) {
	var v platform.Volume
	err := s.write(ctx, "changing the volume", func(tx *gorm.DB) error {
		err := missing(tx.Where("app_id = ? AND name = ?", appID, name).Take(&v).Error, "volume_not_found", "The app has no volume %q.", name)
		if err != nil {
			return err
		}
		all, err := volumesIn(tx, appID)
		if err != nil {
			return err
		}
		id := v.ID
		others := all[:0:0]
		for _, o := range all {
			if o.ID != id {
				others = append(others, o)
			}
		}
		if err := change(&v, others); err != nil {
			return err
		}
		v.ID, v.AppID = id, appID
		return replace(tx, &v)
	})
	s.changed(appID, "")
	return v, err
}

// DeleteVolume forgets a volume; one that is gone already is no error.
func (s *Store) DeleteVolume(ctx context.Context, v platform.Volume) error {
	err := s.write(ctx, "removing the volume", func(tx *gorm.DB) error {
		return tx.Where("id = ?", v.ID).Delete(&platform.Volume{}).Error
	})
	s.changed(v.AppID, "")
	return err
}

// VolumesOf lists the volumes of an app by name, or of all apps when appID is "", those in the trash too.
func (s *Store) VolumesOf(ctx context.Context, appID string) ([]platform.Volume, error) {
	volumes, err := volumesIn(s.read(ctx), appID)
	return volumes, s.explain(ctx, "listing the volumes", err)
}

func volumesIn(tx *gorm.DB, appID string) ([]platform.Volume, error) {
	if appID != "" {
		tx = tx.Where("app_id = ?", appID)
	}
	volumes := []platform.Volume{}
	err := tx.Order("app_id, name").Find(&volumes).Error
	return volumes, err
}
