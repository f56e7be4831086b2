package store

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/lugsail/lugsail/platform"
)

// SetPublicPort opens an add-on's public port, or changes it. A port that another add-on has answers Conflict, code
// public_port_taken.
func (s *Store) SetPublicPort(ctx context.Context, p platform.PublicPort) error {
	err := s.write(ctx, "opening a port", func(tx *gorm.DB) error {
		a, err := appIn(tx, p.AddonID)
		if err != nil {
			return err
		}
		if a.State != platform.AppActive {
			return a.Trashed()
		}
		err = tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "addon_id"}}, UpdateAll: true}).Create(&p).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return platform.Errorf(platform.Conflict, "public_port_taken", "Port %d is open for another add-on.", p.Port).
				WithHint("Choose another one with --port.")
		}
		return err
	})
	s.changed(p.AddonID, "")
	return err
}

// ClosePublicPort takes an add-on's public port away; NotFound, code public_port_closed, when it has none.
func (s *Store) ClosePublicPort(ctx context.Context, addonID string) error {
	err := s.write(ctx, "closing a port", func(tx *gorm.DB) error {
		done := tx.Where("addon_id = ?", addonID).Delete(&platform.PublicPort{})
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "public_port_closed", "The add-on has no public port.")
		}
		return done.Error
	})
	s.changed(addonID, "")
	return err
}

// PublicPorts lists those of all add-ons, by port.
func (s *Store) PublicPorts(ctx context.Context) ([]platform.PublicPort, error) {
	list := []platform.PublicPort{}
	err := s.read(ctx).Order("port").Find(&list).Error
	return list, s.explain(ctx, "listing the public ports", err)
}
