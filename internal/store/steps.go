package store

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/lugsail/lugsail/platform"
)

// SetStep records where a step is. The position of a step that is there stays.
func (s *Store) SetStep(ctx context.Context, step platform.Step) error {
	var d platform.Deployment
	err := s.write(ctx, "recording the step", func(tx *gorm.DB) error {
		err := tx.Select("id", "app_id").Where("id = ?", step.DeploymentID).Take(&d).Error
		if err != nil {
			return missing(err, "deployment_not_found", "There is no such deployment.")
		}
		return tx.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "deployment_id"}, {Name: "name"}},
			DoUpdates: clause.AssignmentColumns([]string{"state", "detail", "started_at", "ended_at"}),
		}).Create(&step).Error
	})
	s.changed(d.AppID, step.DeploymentID)
	return err
}
