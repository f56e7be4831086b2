package store

import "time"

// schema2SSHKey is the table of SSH keys, frozen.
type schema2SSHKey struct {
	ID          string `gorm:"primaryKey"`
	AccountID   string `gorm:"index;not null"`
	Name        string `gorm:"not null"`
	Public      string `gorm:"not null"`
	Fingerprint string `gorm:"uniqueIndex;not null"`
	CreatedAt   time.Time
	LastUsedAt  *time.Time
}

func (schema2SSHKey) TableName() string { return "ssh_keys" }
