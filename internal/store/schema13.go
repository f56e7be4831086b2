package store

import (
	"time"

	"gorm.io/gorm"
)

// schema13Snapshot is the table of snapshots, and schema13Deployment what says which of them a deployment brings
// back; frozen.
type schema13Snapshot struct {
	ID          string `gorm:"primaryKey"`
	AppID       string `gorm:"index;not null"`
	State       string `gorm:"not null"`
	Cause       string
	Daily       bool `gorm:"not null"`
	Before      string
	Release     int
	Repository  string
	Bytes       int64
	Parts       string
	Frozen      bool `gorm:"not null"`
	FailureText string
	FailureHint string
	CreatedAt   time.Time
	CreatedBy   string
	EndedAt     *time.Time
}

func (schema13Snapshot) TableName() string { return "snapshots" }

type schema13Deployment struct {
	Snapshot string
}

func (schema13Deployment) TableName() string { return "deployments" }

func migrate13(tx *gorm.DB) error {
	if err := tx.Migrator().AddColumn(&schema13Deployment{}, "Snapshot"); err != nil {
		return err
	}
	return tx.Migrator().CreateTable(&schema13Snapshot{})
}
