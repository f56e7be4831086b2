package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// AddDomain records a host name. One that any app has answers Conflict, code domain_taken,
// without saying whose it is.
func (s *Store) AddDomain(ctx context.Context, domain *platform.Domain) error {
	s.fresh(nil, &domain.CreatedAt)
	err := s.write(ctx, "recording the domain", func(tx *gorm.DB) error {
		if _, err := appIn(tx, domain.AppID); err != nil {
			return err
		}
		own := int64(0)
		if err := tx.Model(&platform.Domain{}).Where("app_id = ? AND host = ?", domain.AppID, domain.Host).Count(&own).Error; err != nil {
			return err
		}
		if own > 0 {
			return platform.Errorf(platform.Conflict, "domain_taken", "The app has the domain %s already.", domain.Host).
				WithHint("See how far it is: lugsail domains")
		}
		err := tx.Create(domain).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return platform.Errorf(platform.Conflict, "domain_taken", "The domain %s is already in use on this server.", domain.Host).
				WithHint("Remove it where it is in use first, or choose another name.")
		}
		return err
	})
	s.changed(domain.AppID, "")
	return err
}

// RemoveDomain removes a host name of the app; NotFound, code domain_not_found, when it has none such.
func (s *Store) RemoveDomain(ctx context.Context, appID, host string) error {
	err := s.write(ctx, "removing the domain", func(tx *gorm.DB) error {
		done := tx.Where("app_id = ? AND host = ?", appID, host).Delete(&platform.Domain{})
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "domain_not_found", "The app has no domain %q.", host)
		}
		return done.Error
	})
	s.changed(appID, "")
	return err
}

// DomainsOf lists the domains of an app, oldest first.
func (s *Store) DomainsOf(ctx context.Context, appID string) ([]platform.Domain, error) {
	var domains []platform.Domain
	err := s.read(ctx).Where("app_id = ?", appID).Order("created_at, host").Find(&domains).Error
	return domains, s.explain(ctx, "listing the domains", err)
}

// Domains lists the domains of all apps by name.
func (s *Store) Domains(ctx context.Context) ([]platform.Domain, error) {
	var domains []platform.Domain
	err := s.read(ctx).Order("host").Find(&domains).Error
	return domains, s.explain(ctx, "listing the domains", err)
}
