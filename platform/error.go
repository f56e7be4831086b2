package platform

import (
	"errors"
	"fmt"
)

// Kind says what sort of trouble an Error is. Doors translate it (an HTTP status,
// an exit code); rules choose it.
type Kind string

// The kinds of trouble.
const (
	Invalid         Kind = "invalid"         // the request itself is wrong; repeating it does not help
	NotFound        Kind = "not_found"       // no such thing, or not yours to see
	Conflict        Kind = "conflict"        // it clashes with what is there
	Unauthenticated Kind = "unauthenticated" // nobody is signed in
	Forbidden       Kind = "forbidden"       // signed in, but not allowed
	TooMany         Kind = "too_many"        // slow down and repeat
	NoRoom          Kind = "no_room"         // memory or disk would not suffice
	Unavailable     Kind = "unavailable"     // a part that is needed does not answer just now
	Internal        Kind = "internal"        // our own fault
)

// Error is the only error that a person sees: what happened, then what to do.
type Error struct {
	Kind    Kind   `json:"-"`
	Code    string `json:"code"`           // stable, snake_case, for programs
	Message string `json:"message"`        // what happened, one sentence
	Hint    string `json:"hint,omitempty"` // what to do next; may be empty
	Err     error  `json:"-"`              // the cause for the log; never shown
}

// Error gives the sentence, and the cause when there is one.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a hint; message is a format.
func Errorf(kind Kind, code, message string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(message, args...)}
}

// WithHint returns a copy that says what to do next; hint is a format.
func (e *Error) WithHint(hint string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(hint, args...)
	return &c
}

// Because returns a copy that carries the cause for the log.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// AsError finds the *Error in err's chain. Any other error becomes an Internal one
// that keeps the cause and tells the person nothing of it.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{
		Kind: Internal, Code: "internal", Err: err,
		Message: "Something went wrong inside Lugsail.",
		Hint:    "Try again. If it happens again, the server's log has the details: lugsail service logs.",
	}
}

// IsKind reports whether err carries an Error of that kind.
func IsKind(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}
