package store

import "time"

// The tables of repositories that apps are fetched from, and of webhooks; frozen.

type schema5Remote struct {
	AppID     string `gorm:"primaryKey"`
	URL       string `gorm:"not null"`
	Branch    string `gorm:"not null;default:''"`
	CreatedAt time.Time
	CreatedBy string
}

func (schema5Remote) TableName() string { return "remotes" }

type schema5Webhook struct {
	AppID     string `gorm:"primaryKey"`
	ID        string `gorm:"uniqueIndex;not null"`
	Sealed    string `gorm:"not null"`
	CreatedAt time.Time
	RotatedAt time.Time
	CreatedBy string
}

func (schema5Webhook) TableName() string { return "webhooks" }

type schema5Delivery struct {
	ID           int64     `gorm:"primaryKey"`
	AppID        string    `gorm:"index;not null"`
	At           time.Time `gorm:"not null"`
	Provider     string
	Event        string
	Key          string
	Digest       string
	Repositories string
	Branch       string
	Commit       string
	Title        string
	Outcome      string
	Text         string
	Deployment   int
	Redelivers   int64
}

func (schema5Delivery) TableName() string { return "deliveries" }

func schema5() []any { return []any{&schema5Remote{}, &schema5Webhook{}, &schema5Delivery{}} }
