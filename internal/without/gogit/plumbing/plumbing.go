// Package plumbing has the names that pack compiles against.
package plumbing

import "errors"

// ErrObjectNotFound is what the real library answers for an object that is not there.
var ErrObjectNotFound = errors.New("object not found")

// Hash is that of an object; none has one.
type Hash struct{}

// String is empty.
func (Hash) String() string { return "" }

// ReferenceName is that of a branch or tag.
type ReferenceName string

// String is the name itself.
func (n ReferenceName) String() string { return string(n) }

// Reference is a branch or tag; there is none.
type Reference struct{}

// Hash is that of no object.
func (*Reference) Hash() Hash { return Hash{} }

// Name is empty.
func (*Reference) Name() ReferenceName { return "" }

// String is empty.
func (*Reference) String() string { return "" }
