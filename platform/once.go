package platform

import "time"

// Once is a request that is done once, however often it is sent: its sender gave it a key, and what it
// was answered is kept under it.
type Once struct {
	Holder    string    `gorm:"primaryKey"` // id of the token or session that sent it
	Key       string    `gorm:"primaryKey"` // that the sender chose
	Request   string    `gorm:"not null"`   // hash of method, path and body; "" until a body that is streamed has come
	Worker    string    `gorm:"not null"`   // the run of the control plane that took it
	Status    int       `gorm:"not null"`   // of the answer; 0: it is worked on, or was when the worker ended
	Type      string    `gorm:"not null"`   // media type of the answer
	Body      []byte    `gorm:"-"`          // of the answer; it may hold a secret, so it is kept sealed
	CreatedAt time.Time `gorm:"index;not null"`
}
