package store

import (
	"time"

	"gorm.io/gorm"
)

// schema14Backup is the table of backups; frozen.
type schema14Backup struct {
	ID          string `gorm:"primaryKey"`
	State       string `gorm:"not null"`
	Automatic   bool   `gorm:"not null"`
	Repository  string
	Images      string
	Apps        string
	Bytes       int64
	Gaps        string
	FailureText string
	FailureHint string
	CreatedAt   time.Time
	CreatedBy   string
	EndedAt     *time.Time
	Wanted      bool `gorm:"not null"`
	RehearsedAt *time.Time
	Proof       string
	Fault       string
}

func (schema14Backup) TableName() string { return "backups" }

func migrate14(tx *gorm.DB) error { return tx.Migrator().CreateTable(&schema14Backup{}) }
