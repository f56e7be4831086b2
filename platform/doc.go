// Package platform says what Lugsail is: its nouns, their states and their rules.
//
// It imports the standard library only and does no I/O. Everything else in the
// repository speaks in these types. Times are UTC; sizes are bytes; a zero value
// is documented where it means something.
package platform
