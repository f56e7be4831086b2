package account

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"math/big"
	"strings"
)

// TokenPrefix begins every token, so that scanners of leaked secrets know one.
const TokenPrefix = "lgs_"

const (
	tokenIDLength     = 8
	tokenSecretLength = 43 // 32 bytes in base 62
	tokenSumLength    = 6  // a CRC-32 in base 62
	linkSecretLength  = 22 // 128 bits in base 62
)

// randomText gives random bytes in base 62: letters and digits only, always the same length.
func randomText(bytes, length int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	return base62(new(big.Int).SetBytes(b), length)
}

func base62(n *big.Int, length int) string {
	text := n.Text(62)
	return strings.Repeat("0", max(0, length-len(text))) + text
}

// newTokenSecret makes the text of a token and its public id.
func newTokenSecret() (secret, id string) {
	id = randomText(6, 9)[1:] // the first of nine digits is not even
	body := TokenPrefix + id + randomText(32, tokenSecretLength)
	return body + checksum(body), id
}

// wellFormed tells a mistyped or cut token from a wrong one, without asking the store.
func wellFormed(token string) bool {
	if len(token) != len(TokenPrefix)+tokenIDLength+tokenSecretLength+tokenSumLength || !strings.HasPrefix(token, TokenPrefix) {
		return false
	}
	body := token[:len(token)-tokenSumLength]
	return checksum(body) == token[len(body):]
}

func checksum(body string) string {
	return base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(body)))), tokenSumLength)
}

func newSessionSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	return base64.RawURLEncoding.EncodeToString(b)
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
