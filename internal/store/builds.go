package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateBuild records a build.
func (s *Store) CreateBuild(ctx context.Context, build *platform.Build) error {
	s.fresh(&build.ID, &build.StartedAt)
	err := s.write(ctx, "recording the build", func(tx *gorm.DB) error { return tx.Create(build).Error })
	s.changed(build.AppID, build.DeploymentID)
	return err
}

// UpdateBuild writes all of a build that exists.
func (s *Store) UpdateBuild(ctx context.Context, build platform.Build) error {
	err := s.write(ctx, "recording the build", func(tx *gorm.DB) error {
		if _, err := buildIn(tx, build.ID); err != nil {
			return err
		}
		return replace(tx, &build)
	})
	s.changed(build.AppID, build.DeploymentID)
	return err
}

func buildIn(tx *gorm.DB, id string) (platform.Build, error) {
	var build platform.Build
	err := tx.Where("id = ?", id).Take(&build).Error
	return build, missing(err, "build_not_found", "There is no build %q.", id)
}

// BuildsOf lists the builds of an app, newest first; a limit of 0 means all.
func (s *Store) BuildsOf(ctx context.Context, appID string, limit int) ([]platform.Build, error) {
	var builds []platform.Build
	err := newest(s.read(ctx), limit).Where("app_id = ?", appID).Order("started_at DESC, id DESC").Find(&builds).Error
	return builds, s.explain(ctx, "listing the builds", err)
}

// newest bounds a list; 0 or less means no bound.
func newest(tx *gorm.DB, limit int) *gorm.DB {
	if limit <= 0 {
		return tx
	}
	return tx.Limit(limit)
}
