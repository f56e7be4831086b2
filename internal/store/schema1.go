package store

import "time"

// The tables of the first schema, frozen: later migrations change tables, never these structs.
// Lists and maps are JSON in text columns.

type schema1App struct {
	ID             string `gorm:"primaryKey"`
	Name           string `gorm:"uniqueIndex;not null"`
	State          string `gorm:"not null"`
	Plan           string `gorm:"not null"`
	Scale          string
	DeployBranch   string `gorm:"not null;default:''"`
	Health         string
	CurrentRelease int `gorm:"not null;default:0"`
	CreatedAt      time.Time
	CreatedBy      string
}

func (schema1App) TableName() string { return "apps" }

// schema1ConfigVar holds the config vars of apps (release 0) and of releases.
type schema1ConfigVar struct {
	AppID   string `gorm:"primaryKey"`
	Release int    `gorm:"primaryKey;autoIncrement:false"`
	Name    string `gorm:"primaryKey"`
	Sealed  string `gorm:"not null"`
}

func (schema1ConfigVar) TableName() string { return "config_vars" }

type schema1Build struct {
	ID           string `gorm:"primaryKey"`
	AppID        string `gorm:"index;not null"`
	DeploymentID string `gorm:"index;not null"`
	State        string `gorm:"not null"`
	Builder      string
	Detected     string
	SourceDigest string
	Image        string
	ImageBytes   int64
	Processes    string
	StartedAt    time.Time
	EndedAt      *time.Time
}

func (schema1Build) TableName() string { return "builds" }

type schema1Release struct {
	AppID        string `gorm:"primaryKey"`
	Number       int    `gorm:"primaryKey;autoIncrement:false"`
	DeploymentID string `gorm:"index;not null"`
	Cause        string
	Image        string `gorm:"not null"`
	Processes    string
	Plan         string `gorm:"not null"`
	Health       string
	Commit       string
	CommitTitle  string
	CreatedAt    time.Time
	CreatedBy    string
}

func (schema1Release) TableName() string { return "releases" }

type schema1Deployment struct {
	ID          string `gorm:"primaryKey"`
	AppID       string `gorm:"uniqueIndex:deployment_number;not null"`
	Number      int    `gorm:"uniqueIndex:deployment_number;not null"`
	Kind        string `gorm:"not null"`
	State       string `gorm:"index;not null"`
	Cause       string
	Source      string
	FromRelease int
	Release     int
	FailureCode string
	FailureText string
	FailureHint string
	Actor       string
	Via         string
	CancelAsked bool
	Attempts    int
	CreatedAt   time.Time
	StartedAt   *time.Time
	EndedAt     *time.Time
}

func (schema1Deployment) TableName() string { return "deployments" }

type schema1Step struct {
	DeploymentID string `gorm:"primaryKey"`
	Name         string `gorm:"primaryKey"`
	Position     int    `gorm:"not null"`
	State        string `gorm:"not null"`
	Detail       string
	StartedAt    *time.Time
	EndedAt      *time.Time
}

func (schema1Step) TableName() string { return "steps" }

type schema1Domain struct {
	Host      string `gorm:"primaryKey"`
	AppID     string `gorm:"index;not null"`
	CreatedAt time.Time
	CreatedBy string
}

func (schema1Domain) TableName() string { return "domains" }

type schema1Account struct {
	ID           string `gorm:"primaryKey"`
	Email        string `gorm:"uniqueIndex;not null"`
	PasswordHash string `gorm:"not null"`
	Role         string `gorm:"not null"`
	CreatedAt    time.Time
}

func (schema1Account) TableName() string { return "accounts" }

type schema1Session struct {
	ID         string `gorm:"primaryKey"`
	Hash       string `gorm:"uniqueIndex;not null"`
	AccountID  string `gorm:"index;not null"`
	Source     string
	UserAgent  string
	CreatedAt  time.Time
	LastSeenAt time.Time
}

func (schema1Session) TableName() string { return "sessions" }

type schema1Token struct {
	ID         string `gorm:"primaryKey"`
	Hash       string `gorm:"uniqueIndex;not null"`
	AccountID  string `gorm:"index;not null"`
	Name       string `gorm:"not null"`
	Scopes     string
	AppID      string
	CreatedAt  time.Time
	ExpiresAt  *time.Time
	LastUsedAt *time.Time
}

func (schema1Token) TableName() string { return "tokens" }

type schema1SetupLink struct {
	ID        string `gorm:"primaryKey"`
	Hash      string `gorm:"uniqueIndex;not null"`
	Purpose   string `gorm:"not null"`
	AccountID string
	Tries     int
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    *time.Time
}

func (schema1SetupLink) TableName() string { return "setup_links" }

type schema1Event struct {
	ID     int64     `gorm:"primaryKey"`
	At     time.Time `gorm:"index;not null"`
	Actor  string
	Via    string
	Source string
	Action string
	AppID  string `gorm:"index"`
	App    string
	Text   string
}

func (schema1Event) TableName() string { return "events" }

type schema1Meta struct {
	Key   string `gorm:"primaryKey"`
	Value string `gorm:"not null"`
}

func (schema1Meta) TableName() string { return "meta" }

// schema1 lists the tables in the order of their making.
func schema1() []any {
	return []any{
		&schema1App{}, &schema1ConfigVar{}, &schema1Build{}, &schema1Release{}, &schema1Deployment{}, &schema1Step{},
		&schema1Domain{}, &schema1Account{}, &schema1Session{}, &schema1Token{}, &schema1SetupLink{},
		&schema1Event{}, &schema1Meta{},
	}
}
