package store

import (
	"time"

	"gorm.io/gorm"
)

// schema16PublicPort is the table of public ports of add-ons; frozen.
type schema16PublicPort struct {
	AddonID   string    `gorm:"primaryKey"`
	Port      int       `gorm:"uniqueIndex:idx_public_ports_port;not null"`
	Inside    int       `gorm:"not null"`
	Sources   string    `gorm:"not null"`
	Until     time.Time `gorm:"not null"`
	CreatedAt time.Time
	CreatedBy string
}

func (schema16PublicPort) TableName() string { return "public_ports" }

func migrate16(tx *gorm.DB) error { return tx.Migrator().CreateTable(&schema16PublicPort{}) }
