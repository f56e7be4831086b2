package gitserver

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

// HostKey is how SSH clients know the server again. It is never replaced by itself: all of them
// would be warned of somebody in between.
type HostKey struct {
	signer ssh.Signer
}

// Fingerprint is what a client shows at its first visit: "SHA256:…".
func (k HostKey) Fingerprint() string { return ssh.FingerprintSHA256(k.signer.PublicKey()) }

// Public is the key's line for a file of known hosts, without the host.
func (k HostKey) Public() string {
	line := ssh.MarshalAuthorizedKey(k.signer.PublicKey())
	return string(line[:len(line)-1])
}

// LoadHostKey reads the key, and makes it where there is none. A file that others can read is
// closed, and reported as repaired. Unavailable, code ssh_host_key, when the file holds no key.
func LoadHostKey(file string) (key HostKey, repaired bool, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeHostKey(file)
		return key, false, err
	}
	if err != nil {
		return key, false, fmt.Errorf("reading the SSH host key: %w", err)
	}
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		repaired, err = true, os.Chmod(file, 0o600)
	}
	if err != nil {
		return key, repaired, fmt.Errorf("closing the SSH host key: %w", err)
	}
	if key.signer, err = ssh.ParsePrivateKey(text); err != nil || key.signer.PublicKey().Type() != ssh.KeyAlgoED25519 {
		return key, repaired, platform.Errorf(platform.Unavailable, "ssh_host_key", "%s holds no SSH host key of Lugsail.", file).
			WithHint("Bring it back from a backup. If there is none, remove the file and restart: a new one is made, and every SSH client warns once.").Because(err)
	}
	return key, repaired, nil
}

func makeHostKey(file string) (HostKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return HostKey{}, fmt.Errorf("making the SSH host key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "lugsail")
	if err != nil {
		return HostKey{}, fmt.Errorf("making the SSH host key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return HostKey{}, fmt.Errorf("making the SSH host key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return HostKey{}, fmt.Errorf("making the SSH host key: %w", err)
	}
	if err := atomicfile.Write(file, pem.EncodeToMemory(block), 0o600); err != nil {
		return HostKey{}, fmt.Errorf("making the SSH host key: %w", err)
	}
	return HostKey{signer}, nil
}
