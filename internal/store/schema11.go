package store

import "time"

// schema11Volume is the table of volumes, frozen.
type schema11Volume struct {
	ID        string `gorm:"primaryKey"`
	AppID     string `gorm:"uniqueIndex:volume_name;not null"`
	Name      string `gorm:"uniqueIndex:volume_name;not null"`
	Path      string `gorm:"not null"`
	Shared    bool   `gorm:"not null"`
	State     string `gorm:"not null"`
	TrashedAt *time.Time
	CreatedAt time.Time
	CreatedBy string
}

func (schema11Volume) TableName() string { return "volumes" }
