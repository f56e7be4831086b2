package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// How much history is kept: events of a year, the newest 100,000 of them, and the newest 500
// deployments of each app, and as many changes of its config vars. Releases stay, and what they came from.
const (
	keptEvents      = 100_000
	keptDeployments = 500
)

// Prune drops older history and says how many rows went.
func (s *Store) Prune(ctx context.Context) (int64, error) {
	return s.prune(ctx, keptEvents, keptDeployments)
}

func (s *Store) prune(ctx context.Context, events, deployments int) (dropped int64, err error) {
	apps, err := s.Apps(ctx)
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, "dropping old events", func(tx *gorm.DB) error {
		var newest int64
		if err := tx.Model(&platform.Event{}).Select("COALESCE(MAX(id), 0)").Scan(&newest).Error; err != nil {
			return err
		}
		done := tx.Where("id <= ? OR at < ?", newest-int64(events), s.stamp().AddDate(-1, 0, 0)).Delete(&platform.Event{})
		dropped = done.RowsAffected
		return done.Error
	})
	for _, app := range apps {
		if err != nil {
			return dropped, err
		}
		var n int64
		n, err = s.pruneApp(ctx, app.ID, deployments)
		dropped += n
	}
	return dropped, err
}

// pruneApp drops an app's old deployments that have ended, with their steps and builds, but for
// those that releases name.
func (s *Store) pruneApp(ctx context.Context, appID string, kept int) (dropped int64, err error) {
	err = s.write(ctx, "dropping old deployments", func(tx *gorm.DB) error {
		change, err := highest(tx.Model(&platform.ConfigChange{}), appID)
		if err != nil {
			return err
		}
		if err := tx.Where("app_id = ? AND number <= ?", appID, change-kept).Delete(&platform.ConfigChange{}).Error; err != nil {
			return err
		}
		number, err := highest(tx.Model(&platform.Deployment{}), appID)
		if err != nil {
			return err
		}
		named := tx.Model(&platform.Release{}).Select("deployment_id").Where("app_id = ?", appID)
		var old []string
		err = tx.Model(&platform.Deployment{}).Where("app_id = ? AND number <= ? AND ended_at IS NOT NULL", appID, number-kept).
			Where("id NOT IN (?)", named).Limit(500).Pluck("id", &old).Error
		if err != nil || len(old) == 0 {
			return err
		}
		for _, row := range []any{&platform.Step{}, &platform.Build{}} {
			if err := tx.Where("deployment_id IN ?", old).Delete(row).Error; err != nil {
				return err
			}
		}
		done := tx.Where("id IN ?", old).Delete(&platform.Deployment{})
		dropped = done.RowsAffected
		return done.Error
	})
	return dropped, err
}
