package secret

import (
	"crypto/rand"
	"encoding/base64"
)

// NewToken makes 32 random bytes as 43 characters that are safe in URLs and file names.
func NewToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b)
}
