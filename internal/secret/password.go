package secret

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/lugsail/lugsail/platform"
)

// cost is what a hash costs to make: OWASP's minimum for argon2id, about 40 ms.
type cost struct {
	memory uint32 // KiB
	time   uint32
	lanes  uint8
}

var today = cost{memory: 19 << 10, time: 2, lanes: 1}

const (
	saltSize = 16
	hashSize = 32

	hashersAtOnce = 2  // 38 MiB at most
	hashersQueued = 50 // about a second of waiting; a flood gets told so
)

// Passwords hashes and checks passwords. Make it with NewPasswords.
type Passwords struct {
	work  chan struct{}
	queue chan struct{}
	dummy string // a hash that no password has
}

// NewPasswords makes the one hasher of the process.
func NewPasswords() *Passwords {
	p := &Passwords{work: make(chan struct{}, hashersAtOnce), queue: make(chan struct{}, hashersQueued)}
	blank := make([]byte, hashSize)
	_, _ = rand.Read(blank) // never fails (Go 1.24)
	p.dummy = format(today, blank[:saltSize], blank)
	return p
}

// Hash makes an argon2id hash as a PHC string.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails (Go 1.24)
	sum, err := p.sum(ctx, today, salt, password, hashSize)
	if err != nil {
		return "", err
	}
	return format(today, salt, sum), nil
}

// Verify compares a password with a hash; stale says that the hash is cheaper than today's.
// An empty hash is never right, but takes as long.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (ok, stale bool, err error) {
	unknown := hash == ""
	if unknown {
		hash = p.dummy
	}
	c, salt, want, err := parse(hash)
	if err != nil {
		return false, false, err
	}
	got, err := p.sum(ctx, c, salt, password, len(want))
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(got, want) == 1 && !unknown
	return ok, ok && c != today, nil
}

// sum waits for its turn and computes.
func (p *Passwords) sum(ctx context.Context, c cost, salt []byte, password string, size int) ([]byte, error) {
	select {
	case p.queue <- struct{}{}:
		defer func() { <-p.queue }()
	default:
		return nil, platform.Errorf(platform.TooMany, "busy_sign_in", "Too many people are signing in just now.").
			WithHint("Try again in a few seconds.")
	}
	select {
	case p.work <- struct{}{}:
		defer func() { <-p.work }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to hash: %w", ctx.Err())
	}
	return argon2.IDKey([]byte(password), salt, c.time, c.memory, c.lanes, uint32(size)), nil //nolint:gosec // at most 64
}

func format(c cost, salt, sum []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.lanes, b64(salt), b64(sum))
}

// parse reads a PHC string, and refuses costs that would choke the server.
func parse(hash string) (c cost, salt, sum []byte, err error) {
	bad := func(why string) (cost, []byte, []byte, error) {
		return cost{}, nil, nil, fmt.Errorf("reading a password hash: %s", why)
	}
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad("it is not of argon2id")
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.lanes); n != 3 || err != nil {
		return bad("its costs cannot be read")
	}
	if c.memory < 8 || c.memory > 256<<10 || c.time < 1 || c.time > 16 || c.lanes < 1 || c.lanes > 16 {
		return bad("its costs are out of bounds")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(salt) < 8 || len(salt) > 64 {
		return bad("its salt cannot be read")
	}
	if sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(sum) < 16 || len(sum) > 64 {
		return bad("its sum cannot be read")
	}
	return c, salt, sum, nil
}
