package proxy

import (
	"errors"
	"io"
	"log"
	"syscall"
)

// discard swallows what ReverseProxy logs; what matters is told to ErrorHandler.
var discard = log.New(io.Discard, "", 0)

// isOurs reports whether a connection could not be tried for a want of ports, files or
// memory here: no fault of the target.
func isOurs(err error) bool {
	for _, e := range []error{syscall.EADDRNOTAVAIL, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
