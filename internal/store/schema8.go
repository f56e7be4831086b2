package store

import "time"

// schema8Once is the table of requests that are done once, frozen.
type schema8Once struct {
	Holder    string    `gorm:"primaryKey"`
	Key       string    `gorm:"primaryKey"`
	Request   string    `gorm:"not null"`
	Worker    string    `gorm:"not null"`
	Status    int       `gorm:"not null"`
	Type      string    `gorm:"not null"`
	Sealed    string    `gorm:"not null"`
	CreatedAt time.Time `gorm:"index;not null"`
}

func (schema8Once) TableName() string { return "onces" }
