// Package web is the server behind the console's host names: pages for people, /api/v1
// for programs, git for pushes. It listens on a unix socket that only the proxy can reach.
//
// What surprises: there is one list of routes, in list.go, and every right is checked
// from it before a handler runs. X-Forwarded-For is trusted, since only the proxy can
// connect and it replaces what clients send; the last address in it is the client's.
// Until somebody claimed the server with the one-time link, nothing but that link answers.
package web
