package store

import "gorm.io/gorm"

// schema15Deployment is what says which add-ons a new app has of its own, and schema15App whether its deployments make
// a snapshot first; frozen.
type schema15Deployment struct {
	Addons string
}

func (schema15Deployment) TableName() string { return "deployments" }

type schema15App struct {
	SnapshotFirst bool `gorm:"not null;default:false"`
}

func (schema15App) TableName() string { return "apps" }

func migrate15(tx *gorm.DB) error {
	if err := tx.Migrator().AddColumn(&schema15Deployment{}, "Addons"); err != nil {
		return err
	}
	return tx.Migrator().AddColumn(&schema15App{}, "SnapshotFirst")
}
