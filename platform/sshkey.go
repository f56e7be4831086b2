package platform

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math/big"
	"strings"
	"time"
	"unicode"
)

// SSHKey is a public key by which git and SFTP over SSH know an account.
type SSHKey struct {
	ID          string `gorm:"primaryKey"`
	AccountID   string `gorm:"index;not null"`
	Name        string `gorm:"not null"`             // for people
	Public      string `gorm:"not null"`             // "ssh-ed25519 AAAA…", without a comment
	Fingerprint string `gorm:"uniqueIndex;not null"` // "SHA256:…", as ssh-keygen -l shows it
	CreatedAt   time.Time
	LastUsedAt  *time.Time
}

// The kinds of keys that are taken.
const (
	keyEd25519 = "ssh-ed25519"
	keyRSA     = "ssh-rsa"
	keyECDSA   = "ecdsa-sha2-"
)

const (
	maxKeyText  = 16 << 10
	leastRSA    = 2048 // bits
	mostRSA     = 8192 // bits; more only takes time
	maxKeyName  = 100
	howToGetKey = "Make one with: ssh-keygen -t ed25519   Then give what is in ~/.ssh/id_ed25519.pub."
)

// ParseSSHKey reads a public key as it stands in a .pub file: kind, base64 and a comment, which
// becomes the key's Name. Every key has one form only, so that the fingerprint is one too.
// Invalid, codes key_private, key_options, key_kind, key_weak, key_many and key_invalid.
func ParseSSHKey(text string) (SSHKey, error) {
	if looksPrivate(text) {
		return SSHKey{}, Errorf(Invalid, "key_private", "That is a private key. It must never leave your computer; nothing of it was kept here.").
			WithHint("If anybody else may have seen it, make a new one. Give the public half, the file that ends in .pub.")
	}
	line, err := onlyLine(text)
	if err != nil {
		return SSHKey{}, err
	}
	kind, rest, _ := strings.Cut(line, " ")
	if err := checkKind(kind, line); err != nil {
		return SSHKey{}, err
	}
	body, comment, _ := strings.Cut(strings.TrimSpace(rest), " ")
	blob, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil || len(blob) == 0 {
		return SSHKey{}, broken("It is cut off, or not copied whole.")
	}
	if err := checkBlob(kind, blob); err != nil {
		return SSHKey{}, err
	}
	sum := sha256.Sum256(blob)
	return SSHKey{
		Name:        keyName(comment),
		Public:      kind + " " + base64.StdEncoding.EncodeToString(blob),
		Fingerprint: "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]),
	}, nil
}

// Kind says what sort of key it is, as ssh-keygen -l writes it.
func (k SSHKey) Kind() string {
	kind, _, _ := strings.Cut(k.Public, " ")
	switch kind {
	case keyEd25519:
		return "ED25519"
	case keyRSA:
		return "RSA"
	}
	return "ECDSA"
}

func looksPrivate(text string) bool {
	upper := strings.ToUpper(text)
	return strings.Contains(upper, "PRIVATE KEY") || strings.Contains(upper, "PUTTY-USER-KEY-FILE") || strings.Contains(upper, "PRIVATE-LINES")
}

// onlyLine takes comments and empty lines away, and refuses more than one key.
func onlyLine(text string) (string, error) {
	if len(text) > maxKeyText {
		return "", broken("It is longer than any public key.")
	}
	found := ""
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimSpace(strings.ReplaceAll(line, "\t", " "))
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "---- BEGIN SSH2 PUBLIC KEY"):
			return "", broken("It is in the format of RFC 4716; the one-line format of OpenSSH is wanted.").
				WithHint("Turn it into that one: ssh-keygen -i -f FILE")
		case found != "":
			return "", Errorf(Invalid, "key_many", "That is more than one line.").WithHint("Add one key at a time, each on a line of its own.")
		default:
			found = line
		}
	}
	if found == "" {
		return "", broken("There is nothing.")
	}
	return found, nil
}

// checkKind refuses other kinds, and options such as command="…", by which a key would mean more than itself.
func checkKind(kind, line string) error {
	switch {
	case kind == keyEd25519, kind == keyRSA, ecdsaCurve(kind) != nil:
		return nil
	case kind == "ssh-dss":
		return Errorf(Invalid, "key_weak", "That is a DSA key, which can be broken.").WithHint("%s", howToGetKey)
	case strings.HasPrefix(kind, "sk-"), strings.HasPrefix(kind, "webauthn-"):
		return Errorf(Invalid, "key_kind", "Keys of security tokens (%s) are not taken.", quoteShort(kind)).WithHint("%s", howToGetKey)
	case strings.Contains(kind, "-cert-v0"):
		return Errorf(Invalid, "key_kind", "That is a certificate, not a key.").WithHint("Give the public key itself, the file that ends in .pub.")
	case strings.Contains(line, " "+keyEd25519+" "), strings.Contains(line, " "+keyRSA+" "), strings.Contains(line, " "+keyECDSA):
		return Errorf(Invalid, "key_options", "There is something in front of the key: %s. Options are not taken.", quoteShort(kind)).
			WithHint("Give the key alone, beginning with its kind, for example ssh-ed25519.")
	}
	return broken("It does not begin with ssh-ed25519, ecdsa-sha2-… or ssh-rsa.")
}

func broken(why string) *Error {
	return Errorf(Invalid, "key_invalid", "That is not a public SSH key. %s", why).WithHint("%s", howToGetKey)
}

// keyName makes a name of a comment: text only, and not too long.
func keyName(comment string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(comment), ""))
	if runes := []rune(name); len(runes) > maxKeyName {
		name = string(runes[:maxKeyName])
	}
	return strings.TrimSpace(name)
}

// ValidateKeyName allows 1 to 100 characters of text.
func ValidateKeyName(name string) error {
	if name == "" || keyName(name) != name {
		return Errorf(Invalid, "key_name_invalid", "A key needs a name of 1 to %d characters.", maxKeyName).
			WithHint("Name it after the computer that it is on, for example laptop.")
	}
	return nil
}

// checkBlob reads the key inside (RFC 4253, RFC 5656, RFC 8709), to its last byte.
func checkBlob(kind string, blob []byte) error {
	parts, ok := wireStrings(blob)
	if !ok || len(parts) < 2 || string(parts[0]) != kind {
		return broken("Its parts do not fit together.")
	}
	switch parts := parts[1:]; kind {
	case keyEd25519:
		if len(parts) != 1 || len(parts[0]) != ed25519.PublicKeySize {
			return broken("It has the wrong length.")
		}
	case keyRSA:
		return checkRSA(parts)
	default:
		if len(parts) != 2 || keyECDSA+string(parts[0]) != kind {
			return broken("Its parts do not fit together.")
		}
		if _, err := ecdsaCurve(kind).NewPublicKey(parts[1]); err != nil {
			return broken("It is no point of its curve.")
		}
	}
	return nil
}

func ecdsaCurve(kind string) ecdh.Curve {
	switch kind {
	case keyECDSA + "nistp256":
		return ecdh.P256()
	case keyECDSA + "nistp384":
		return ecdh.P384()
	case keyECDSA + "nistp521":
		return ecdh.P521()
	}
	return nil
}

func checkRSA(parts [][]byte) error {
	if len(parts) != 2 {
		return broken("Its parts do not fit together.")
	}
	e, okE := wireNumber(parts[0])
	n, okN := wireNumber(parts[1])
	if !okE || !okN || e.BitLen() > 24 || e.Cmp(big.NewInt(3)) < 0 || e.Bit(0) == 0 || n.Bit(0) == 0 {
		return broken("Its numbers are not those of an RSA key.")
	}
	if bits := n.BitLen(); bits < leastRSA {
		return Errorf(Invalid, "key_weak", "That RSA key has %d bits; %d are the least.", bits, leastRSA).WithHint("%s", howToGetKey)
	} else if bits > mostRSA {
		return Errorf(Invalid, "key_kind", "That RSA key has %d bits; %d are the most.", bits, mostRSA).WithHint("%s", howToGetKey)
	}
	return nil
}

// wireStrings cuts a key into its parts, each behind its length.
func wireStrings(blob []byte) (parts [][]byte, ok bool) {
	for len(blob) > 0 {
		if len(blob) < 4 {
			return nil, false
		}
		n := uint64(binary.BigEndian.Uint32(blob))
		blob = blob[4:]
		if n > uint64(len(blob)) {
			return nil, false
		}
		parts, blob = append(parts, blob[:n]), blob[n:]
	}
	return parts, true
}

// wireNumber reads a positive number in its only form: without spare zeros in front.
func wireNumber(b []byte) (*big.Int, bool) {
	if len(b) == 0 || b[0]&0x80 != 0 {
		return nil, false
	}
	n := new(big.Int).SetBytes(b)
	least := n.Bytes()
	if len(least) > 0 && least[0]&0x80 != 0 {
		least = append([]byte{0}, least...)
	}
	return n, bytes.Equal(least, b)
}
