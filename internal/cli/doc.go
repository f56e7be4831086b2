// Package cli is the command line for people: create, deploy, logs and the rest. It
// speaks the public API of a server and nothing else, so that what it can do any
// program can.
//
// What surprises: names ending in .localhost are dialled on this machine, whatever the
// resolver says. A token is sent only to the server that it was saved for, over TLS
// that was checked; a redirect is never followed. Every list knows --json, which prints
// what the API answered. An error is a sentence and, after an arrow, what to do; the
// exit code tells programs its kind.
package cli
