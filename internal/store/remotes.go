package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// SetRemote binds an app to a repository, in the place of the one before.
func (s *Store) SetRemote(ctx context.Context, remote *platform.Remote) error {
	s.fresh(nil, &remote.CreatedAt)
	err := s.write(ctx, "recording the repository", func(tx *gorm.DB) error {
		if _, err := appIn(tx, remote.AppID); err != nil {
			return err
		}
		if err := tx.Where("app_id = ?", remote.AppID).Delete(&platform.Remote{}).Error; err != nil {
			return err
		}
		return tx.Create(remote).Error
	})
	s.changed(remote.AppID, "")
	return err
}

// Remotes lists what all apps are bound to.
func (s *Store) Remotes(ctx context.Context) ([]platform.Remote, error) {
	var list []platform.Remote
	err := s.read(ctx).Find(&list).Error
	return list, s.explain(ctx, "listing the repositories", err)
}

// RemoteOf finds what an app is bound to; NotFound, code remote_not_found, when it is not.
func (s *Store) RemoteOf(ctx context.Context, appID string) (platform.Remote, error) {
	var remote platform.Remote
	err := s.read(ctx).Where("app_id = ?", appID).Take(&remote).Error
	return remote, s.explain(ctx, "finding the repository", missing(err, "remote_not_found", "The app is not bound to a repository."))
}

// RemoveRemote unbinds an app; NotFound, code remote_not_found, when it is not bound.
func (s *Store) RemoveRemote(ctx context.Context, appID string) error {
	err := s.write(ctx, "unbinding the repository", func(tx *gorm.DB) error {
		done := tx.Where("app_id = ?", appID).Delete(&platform.Remote{})
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "remote_not_found", "The app is not bound to a repository.")
		}
		return done.Error
	})
	s.changed(appID, "")
	return err
}
