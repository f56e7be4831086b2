package store

import "time"

// schema9 makes the tables of second factors, recovery codes and passkeys, frozen.
func schema9() []any { return []any{&schema9SecondFactor{}, &schema9RecoveryCode{}, &schema9Passkey{}} }

type schema9SecondFactor struct {
	AccountID   string `gorm:"primaryKey"`
	Sealed      string `gorm:"not null"`
	LastStep    int64  `gorm:"not null"`
	CreatedAt   time.Time
	ConfirmedAt *time.Time
}

func (schema9SecondFactor) TableName() string { return "second_factors" }

type schema9RecoveryCode struct {
	Hash      string `gorm:"primaryKey"`
	AccountID string `gorm:"index;not null"`
	CreatedAt time.Time
	UsedAt    *time.Time
}

func (schema9RecoveryCode) TableName() string { return "recovery_codes" }

type schema9Passkey struct {
	ID         string `gorm:"primaryKey"`
	Credential string `gorm:"uniqueIndex;not null"`
	AccountID  string `gorm:"index;not null"`
	Name       string `gorm:"not null"`
	Host       string `gorm:"not null"`
	Data       string `gorm:"not null"`
	CreatedAt  time.Time
	LastUsedAt *time.Time
}

func (schema9Passkey) TableName() string { return "passkeys" }
