package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// AppendRelease records a release with its config vars and gives it the next number of its app.
func (s *Store) AppendRelease(ctx context.Context, release *platform.Release) error {
	s.fresh(nil, &release.CreatedAt)
	err := s.write(ctx, "recording the release", func(tx *gorm.DB) error {
		if _, err := appIn(tx, release.AppID); err != nil {
			return err
		}
		number, err := highest(tx.Model(&platform.Release{}), release.AppID)
		if err != nil {
			return err
		}
		release.Number = number + 1
		if err := tx.Create(release).Error; err != nil {
			return err
		}
		return s.sealVars(tx, release.AppID, release.Number, release.ConfigVars)
	})
	s.changed(release.AppID, release.DeploymentID)
	return err
}

// highest gives the largest number of an app in a table; 0 when there is none.
func highest(table *gorm.DB, appID string) (int, error) {
	var number int
	err := table.Where("app_id = ?", appID).Select("COALESCE(MAX(number), 0)").Scan(&number).Error
	return number, err
}

// ReleaseByNumber finds a release with its config vars; NotFound, code release_not_found, when there is none.
func (s *Store) ReleaseByNumber(ctx context.Context, appID string, number int) (platform.Release, error) {
	var release platform.Release
	err := s.snapshot(ctx, "finding the release", func(tx *gorm.DB) (err error) {
		if release, err = releaseIn(tx, appID, number); err != nil {
			return err
		}
		release.ConfigVars, err = s.openVars(tx, appID, number)
		return err
	})
	return release, err
}

// ReleaseWithoutVars does so without its config vars, for those who do not need them: they may be damaged.
func (s *Store) ReleaseWithoutVars(ctx context.Context, appID string, number int) (platform.Release, error) {
	release, err := releaseIn(s.read(ctx), appID, number)
	return release, s.explain(ctx, "finding the release", err)
}

// ServingReleases gives the release that serves of each app that has one, without config vars.
func (s *Store) ServingReleases(ctx context.Context) ([]platform.Release, error) {
	var list []platform.Release
	// CROSS JOIN keeps SQLite from reading all releases to find the few.
	err := s.read(ctx).Table("apps").Select("releases.*").
		Joins("CROSS JOIN releases").Where("releases.app_id = apps.id AND releases.number = apps.current_release").Find(&list).Error
	return list, s.explain(ctx, "listing the releases that serve", err)
}

func releaseIn(tx *gorm.DB, appID string, number int) (platform.Release, error) {
	var release platform.Release
	err := tx.Where("app_id = ? AND number = ?", appID, number).Take(&release).Error
	return release, missing(err, "release_not_found", "The app has no release v%d.", number)
}

// ReleasesOf lists the releases of an app, newest first, without config vars; a limit of 0 means all.
func (s *Store) ReleasesOf(ctx context.Context, appID string, limit int) ([]platform.Release, error) {
	return s.ReleasesBefore(ctx, appID, 0, limit)
}

// ReleasesBefore does so for those with a lower number; before 0 means all numbers.
func (s *Store) ReleasesBefore(ctx context.Context, appID string, before, limit int) ([]platform.Release, error) {
	var releases []platform.Release
	err := numbered(s.read(ctx), appID, before, limit).Find(&releases).Error
	return releases, s.explain(ctx, "listing the releases", err)
}
