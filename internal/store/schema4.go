package store

// schema4App adds how long an app's replicas may take to end.
type schema4App struct {
	StopGrace int `gorm:"not null;default:0"`
}

func (schema4App) TableName() string { return "apps" }
