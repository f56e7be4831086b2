package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CommitSwitch makes the release the one that serves, in one transaction: the app's current
// release, the switch step and the deployment's end change together or not at all. Doing it
// again is no error. Conflict, code deployment_not_running, when the deployment does not run.
func (s *Store) CommitSwitch(ctx context.Context, appID string, release int, deploymentID string) error {
	err := s.write(ctx, "switching the release", func(tx *gorm.DB) error {
		d, err := deploymentIn(tx, "id = ? AND app_id = ?", deploymentID, appID)
		if err != nil {
			return err
		}
		if d.State == platform.DeploymentLive && d.Release == release {
			return nil
		}
		if d.State != platform.DeploymentRunning {
			return platform.Errorf(platform.Conflict, "deployment_not_running", "Deployment %d is %s; it cannot go live.", d.Number, d.State)
		}
		if _, err := releaseIn(tx, appID, release); err != nil {
			return err
		}
		return s.commitSwitch(tx, appID, release, deploymentID)
	})
	s.changed(appID, deploymentID)
	return err
}

func (s *Store) commitSwitch(tx *gorm.DB, appID string, release int, deploymentID string) error {
	now := s.stamp()
	return errors.Join(
		tx.Model(&platform.App{}).Where("id = ?", appID).Update("current_release", release).Error,
		tx.Model(&platform.Step{}).Where("deployment_id = ? AND name = ?", deploymentID, platform.StepSwitch).
			Updates(map[string]any{"state": platform.StepDone, "ended_at": now}).Error,
		tx.Model(&platform.Deployment{}).Where("id = ?", deploymentID).
			Updates(map[string]any{"state": platform.DeploymentLive, "release": release, "ended_at": now}).Error,
	)
}
