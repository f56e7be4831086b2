package store

import (
	"time"

	"gorm.io/gorm"
)

// schema6App is what apps got: which builder a person chose, and since when they are in the trash.
type schema6App struct {
	Builder    string `gorm:"not null;default:''"`
	Dockerfile string `gorm:"not null;default:''"`
	TrashedAt  *time.Time
}

func (schema6App) TableName() string { return "apps" }

func migrate6(tx *gorm.DB) error {
	for _, column := range []string{"Builder", "Dockerfile", "TrashedAt"} {
		if err := tx.Migrator().AddColumn(&schema6App{}, column); err != nil {
			return err
		}
	}
	return nil
}
