package store

import (
	"time"

	"gorm.io/gorm"
)

// schema12App is what says that an app came from a blueprint, and schema12Binding the table of ties between apps
// and add-ons; frozen.
type schema12App struct {
	Blueprint string `gorm:"not null;default:''"`
	Addon     bool   `gorm:"not null;default:false"`
}

func (schema12App) TableName() string { return "apps" }

type schema12Binding struct {
	ID        string `gorm:"primaryKey"`
	AppID     string `gorm:"uniqueIndex:binding_prefix;uniqueIndex:binding_addon;not null"`
	AddonID   string `gorm:"uniqueIndex:binding_addon;index;not null"`
	Prefix    string `gorm:"uniqueIndex:binding_prefix;not null"`
	Told      string
	CreatedAt time.Time
	CreatedBy string
}

func (schema12Binding) TableName() string { return "bindings" }

func migrate12(tx *gorm.DB) error {
	for _, column := range []string{"Blueprint", "Addon"} {
		if err := tx.Migrator().AddColumn(&schema12App{}, column); err != nil {
			return err
		}
	}
	return tx.Migrator().CreateTable(&schema12Binding{})
}
