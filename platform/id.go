package platform

import (
	"crypto/rand"
	"encoding/base32"
	"strings"
)

// NewID makes a random id of 16 lower-case letters and digits (80 bits), a letter first.
// It is safe in image, container and network names.
func NewID() string {
	b := make([]byte, 10)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	id := strings.ToLower(base32.StdEncoding.EncodeToString(b))
	return "l" + id[1:]
}
