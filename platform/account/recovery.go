package account

import (
	"crypto/rand"
	"strings"
)

// RecoveryCodeCount is how many recovery codes there are at a time.
const RecoveryCodeCount = 10

// recoveryAlphabet has no two characters that look alike on paper.
const recoveryAlphabet = "23456789abcdefghjkmnpqrstuvwxyz"

// newRecoveryCodes makes codes of 16 characters, about 79 bits, and the hashes that the store keeps.
func newRecoveryCodes(accountID string) (codes, hashes []string) {
	for range RecoveryCodeCount {
		code := randomFrom(recoveryAlphabet, 16)
		codes = append(codes, strings.Join([]string{code[:4], code[4:8], code[8:12], code[12:]}, "-"))
		hashes = append(hashes, recoveryHash(accountID, code))
	}
	return codes, hashes
}

// recoveryHash binds the code to its account: another one's is worth nothing.
func recoveryHash(accountID, code string) string {
	return hashOf("recovery code of " + accountID + ": " + code)
}

// randomFrom draws characters evenly: a byte that would favour some is drawn again.
func randomFrom(alphabet string, n int) string {
	fair := byte(256 / len(alphabet) * len(alphabet))
	var text strings.Builder
	one := make([]byte, 1)
	for text.Len() < n {
		_, _ = rand.Read(one) // never fails (Go 1.24)
		if one[0] < fair {
			_ = text.WriteByte(alphabet[int(one[0])%len(alphabet)]) // never fails
		}
	}
	return text.String()
}
