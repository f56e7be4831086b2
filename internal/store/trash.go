package store

import (
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// mark is the moment in which an app goes into the trash, comes back, or begins to be removed: the row
// says so in the transaction that records the deployment, before anything is stopped or started.
func mark(tx *gorm.DB, app platform.App, d platform.Deployment, now time.Time) error {
	kind, row := d.Kind, tx.Model(&platform.App{}).Where("id = ?", app.ID)
	switch {
	case kind == platform.DeployDestroy && d.Via == platform.System().Via && (app.State == platform.AppActive || d.CreatedAt.Before(app.TrashEnds())):
		// Its time in the trash was over, and in the same moment somebody had it back, and perhaps threw it away anew.
		return platform.Errorf(platform.Conflict, "app_not_trashed", "%s is not to be removed any more.", app.Name)
	case kind == platform.DeployDestroy:
		return row.Update("state", platform.AppDestroying).Error
	case app.State == platform.AppDestroying:
		return platform.Errorf(platform.Conflict, "app_destroying", "%s is being removed.", app.Name)
	case kind == platform.DeployRestore && app.State != platform.AppTrashed:
		return platform.Errorf(platform.Conflict, "app_not_trashed", "%s is not in the trash.", app.Name).
			WithHint("See what is: lugsail trash")
	case kind == platform.DeployRestore:
		return row.Updates(map[string]any{"state": platform.AppActive, "trashed_at": nil}).Error
	case app.State == platform.AppTrashed:
		return app.Trashed()
	case kind == platform.DeployTrash:
		return row.Updates(map[string]any{"state": platform.AppTrashed, "trashed_at": now}).Error
	}
	return nil
}
