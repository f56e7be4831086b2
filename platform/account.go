package platform

import "time"

// Account is a person who can sign in.
type Account struct {
	ID           string `gorm:"primaryKey"`
	Email        string `gorm:"uniqueIndex;not null"` // lower case
	PasswordHash string `gorm:"not null"`             // argon2id, PHC string
	Role         Role   `gorm:"not null"`
	CreatedAt    time.Time
}

// Session is a signed-in browser.
type Session struct {
	ID         string `gorm:"primaryKey"`           // public, for lists
	Hash       string `gorm:"uniqueIndex;not null"` // SHA-256 of the cookie's value, hex
	AccountID  string `gorm:"index;not null"`
	Source     string // IP address at sign-in
	UserAgent  string
	CreatedAt  time.Time // ends 30 days later
	LastSeenAt time.Time // ends 24 hours later
}

// Token lets a program speak for an account.
type Token struct {
	ID         string  `gorm:"primaryKey"` // public; the 8 characters after "lgs_"
	Hash       string  `gorm:"uniqueIndex;not null"`
	AccountID  string  `gorm:"index;not null"`
	Name       string  `gorm:"not null"` // for people
	Scopes     []Scope `gorm:"serializer:json"`
	AppID      string  // "" means every app
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil means never
	LastUsedAt *time.Time
}

// SetupLink is the one-time right to make the first account.
type SetupLink struct {
	ID        string `gorm:"primaryKey"`
	Hash      string `gorm:"uniqueIndex;not null"`
	Purpose   string `gorm:"not null"` // "setup" or "recover"
	AccountID string // for "recover": whose password may be set
	Tries     int
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    *time.Time
}

// Event is something that happened: who did what to which thing, when and from where.
type Event struct {
	ID     int64     `gorm:"primaryKey" json:"id"`
	At     time.Time `gorm:"index;not null" json:"at"`
	Actor  string    `json:"actor"`  // e-mail address, or "lugsail"
	Via    string    `json:"via"`    // console, api, git, cli, system
	Source string    `json:"source"` // IP address; "" inside
	Action string    `json:"action"` // "app.create", "deployment.live" …
	AppID  string    `gorm:"index" json:"app_id"`
	App    string    `json:"app"`  // its name then
	Text   string    `json:"text"` // one sentence, without secret values
}
