package store

import (
	"time"

	"gorm.io/gorm"
)

// schema10ConfigChange is the table of what was done to config vars, and schema10Release what tells
// which of these sets a release has; frozen.
type schema10ConfigChange struct {
	AppID       string    `gorm:"primaryKey"`
	Number      int       `gorm:"primaryKey;autoIncrement:false"`
	At          time.Time `gorm:"not null"`
	Actor       string
	Via         string
	Added       string
	Changed     string
	Removed     string
	FromRelease int
	Later       bool
}

func (schema10ConfigChange) TableName() string { return "config_changes" }

type schema10Release struct {
	ConfigNumber int `gorm:"not null;default:0"`
}

func (schema10Release) TableName() string { return "releases" }

func migrate10(tx *gorm.DB) error {
	if err := tx.Migrator().CreateTable(&schema10ConfigChange{}); err != nil {
		return err
	}
	return tx.Migrator().AddColumn(&schema10Release{}, "ConfigNumber")
}
