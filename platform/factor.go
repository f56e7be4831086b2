package platform

import "time"

// SecondFactor is the app on a person's phone that gives a code of six digits, beside the password.
type SecondFactor struct {
	AccountID   string
	Secret      string // in base 32; the phone has the same
	LastStep    int64  // the last half minute, counted from 1970, whose code was used: none is taken twice
	CreatedAt   time.Time
	ConfirmedAt *time.Time // nil until a first code was right; nobody is asked for codes before
}

// On reports whether signing in needs a code.
func (f SecondFactor) On() bool { return f.ConfirmedAt != nil }

// RecoveryCode lets somebody in once, in the place of a code from the phone.
type RecoveryCode struct {
	Hash      string `gorm:"primaryKey"` // SHA-256 of the account and the code, hex
	AccountID string `gorm:"index;not null"`
	CreatedAt time.Time
	UsedAt    *time.Time
}

// Passkey is a key of a phone, a computer or a stick by which a person signs in without a password (WebAuthn).
type Passkey struct {
	ID         string `gorm:"primaryKey"`           // public, for lists
	Credential string `gorm:"uniqueIndex;not null"` // the id that the device gave it, base64url
	AccountID  string `gorm:"index;not null"`
	Name       string `gorm:"not null"` // for people
	Host       string `gorm:"not null"` // of the console where it was made: it works nowhere else
	Data       string `gorm:"not null"` // the public key and its counter, JSON
	CreatedAt  time.Time
	LastUsedAt *time.Time
}

// Site is the console as the browser knows it. A passkey works at the one where it was made.
type Site struct {
	Host   string // without port
	Origin string // https://, with port
}

// Guard is what an owner is asked for who has a password alone. The zero value asks for nothing.
type Guard struct {
	Due  time.Time // until when there is time to set it up
	Over bool      // that has passed: nothing else goes before
}

// Asked reports whether something is missing.
func (g Guard) Asked() bool { return !g.Due.IsZero() }
