// Package object has the names that pack compiles against.
package object

import (
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Signature is who made something, and when.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Commit is one of a history.
type Commit struct{ Hash plumbing.Hash }

// Tag is one with a message.
type Tag struct {
	Name, Message string
	Target        plumbing.Hash
	Tagger        Signature
}
