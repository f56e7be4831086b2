package store

import "time"

// schema7DeliveryMark is the table of what forgotten deliveries are known by, frozen.
type schema7DeliveryMark struct {
	AppID string    `gorm:"primaryKey"`
	Mark  string    `gorm:"primaryKey"`
	At    time.Time `gorm:"not null"`
}

func (schema7DeliveryMark) TableName() string { return "delivery_marks" }
