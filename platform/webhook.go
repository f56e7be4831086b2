package platform

import "time"

// Webhook is the address at which a Git host tells of pushes to the repository that an app is
// bound to. Who knows its secret may make the app fetch; nothing else.
type Webhook struct {
	AppID     string `gorm:"primaryKey"`
	ID        string `gorm:"uniqueIndex;not null"` // in its address; random, and kept when the secret changes
	Secret    string `gorm:"-"`                    // sealed by the store
	CreatedAt time.Time
	RotatedAt time.Time // when the secret was made
	CreatedBy string    // the account's e-mail address
}

// Delivery is one message that came to a webhook.
type Delivery struct {
	ID           int64     `gorm:"primaryKey"`
	AppID        string    `gorm:"index;not null"`
	At           time.Time `gorm:"not null"`
	Provider     string    // github, gitlab, gitea, bitbucket
	Event        string    // in the provider's words: "push"
	Key          string    // the provider's id of the delivery; "" where it has none
	Digest       string    // of what was signed, in hex: the same again is a replay under any key
	Repositories []string  `gorm:"serializer:json"` // the addresses that the provider gives of the repository
	Branch       string    // that was pushed; "" where none was
	Commit       string
	Title        string // first line of the commit's message
	Outcome      DeliveryOutcome
	Text         string // the outcome as a sentence
	Deployment   int    // its number; 0 where there is none
	Redelivers   int64  // the delivery that somebody had repeated; 0 where the provider sent it
}

// DeliveryOutcome says what a delivery led to.
type DeliveryOutcome string

// The outcomes of deliveries.
const (
	DeliveryReceived DeliveryOutcome = "received" // being looked at
	DeliveryDeployed DeliveryOutcome = "deployed" // a deployment was begun
	DeliveryIgnored  DeliveryOutcome = "ignored"  // nothing to do: another branch, a tag, another event
	DeliveryPing     DeliveryOutcome = "ping"     // the provider tried whether somebody is there
	DeliveryRefused  DeliveryOutcome = "refused"  // the signature is wrong, or the repository is another one
	DeliveryFailed   DeliveryOutcome = "failed"   // a deployment could not be begun
	DeliveryRepeated DeliveryOutcome = "repeated" // it came before; never recorded a second time
)

// lookingTime is how long a delivery may be looked at; one that is older was cut off by a crash.
const lookingTime = time.Minute

// MayBeTakenUp reports whether the same delivery, when it comes again, is to be done and not a repeat:
// it failed, or nobody has come to its end.
func (d Delivery) MayBeTakenUp(now time.Time) bool {
	return d.Outcome == DeliveryFailed || d.Outcome == DeliveryReceived && now.Sub(d.At) >= lookingTime
}
