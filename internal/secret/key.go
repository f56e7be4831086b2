// Package secret keeps secrets: it seals values with the server's key file, hashes passwords,
// and takes known values out of logs.
//
// What surprises: the key file lies outside the database and its backups, so a copy of the
// database gives no secret away; but who has the whole disk has both. Each purpose has a key
// of its own, and a sealed value opens only in the place (purpose and additional data) that it
// was sealed for. Password hashing holds 19 MiB for each password that it works on, two at a
// time, however many people knock.
package secret

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

// keySize is the size of the key file, in bytes.
const keySize = 32

// sealVersion begins every sealed value, before the id of its key.
const sealVersion = "s1"

// Key is the server's key. It never leaves the process but through derived keys.
type Key struct {
	master []byte
	id     string
}

// LoadOrCreateKey reads the key file, and makes one when there is none at path.
func LoadOrCreateKey(path string) (*Key, error) {
	key, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := CreateKey(path); err != nil {
		return nil, err
	}
	return LoadKey(path)
}

// CreateKey makes a new key file, mode 0600. It refuses to replace one.
func CreateKey(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return fmt.Errorf("making the key file %s: %w", path, err)
	}
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails (Go 1.24)
	if err := atomicfile.Write(path, key, 0o600); err != nil {
		return fmt.Errorf("making the key file: %w", err)
	}
	return nil
}

// LoadKey reads the key file. It refuses one that others may read, or that is not 32 bytes.
func LoadKey(path string) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return nil, platform.Errorf(platform.Forbidden, "key_file_open", "The key file %s may be read by others (mode %04o).", path, mode.Perm()).
			WithHint("Somebody may have copied it. Close it with: chmod 600 %s", path)
	}
	master, err := io.ReadAll(io.LimitReader(f, keySize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	if len(master) != keySize || bytes.Equal(master, make([]byte, keySize)) {
		return nil, platform.Errorf(platform.Invalid, "key_file_damaged", "The key file %s is damaged: it must hold %d random bytes.", path, keySize).
			WithHint("Restore it from your copy. Without it, config vars cannot be read and have to be set again.")
	}
	return newKey(master)
}

// unreadable says what to do about a key file that cannot be opened; the cause stays in the chain.
func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return platform.Errorf(platform.NotFound, "key_file_missing", "The key file %s is not there.", path).
			WithHint("Restore it from your copy. Without it, config vars cannot be read and have to be set again.").Because(err)
	}
	return platform.Errorf(platform.Forbidden, "key_file_unreadable", "Lugsail may not read the key file %s.", path).
		WithHint("Give it back to Lugsail's user with chown, and close it with chmod 600.").Because(err)
}

func newKey(master []byte) (*Key, error) {
	k := &Key{master: master}
	id, err := k.Derive("key id", 4)
	k.id = hex.EncodeToString(id)
	return k, err
}

// Derive gives n bytes for a purpose, always the same ones, from which nothing else follows.
func (k *Key) Derive(purpose string, n int) ([]byte, error) {
	b, err := hkdf.Key(sha256.New, k.master, nil, "lugsail "+purpose, n)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return b, nil
}

func (k *Key) cipher(purpose string) (cipher.AEAD, error) {
	key, err := k.Derive("seal "+purpose, chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("making the cipher: %w", err)
	}
	return aead, nil
}

// Seal encrypts plain for one purpose and one place, which aad names.
func (k *Key) Seal(purpose, aad string, plain []byte) (string, error) {
	aead, err := k.cipher(purpose)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails (Go 1.24)
	box := aead.Seal(nonce, nonce, plain, []byte(aad))
	return sealVersion + "." + k.id + "." + base64.RawURLEncoding.EncodeToString(box), nil
}

// Open decrypts what Seal made for the same purpose and place.
func (k *Key) Open(purpose, aad, sealed string) ([]byte, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != sealVersion {
		return nil, errors.New("opening a sealed value: it is not one")
	}
	if parts[1] != k.id {
		return nil, fmt.Errorf("opening a sealed value: it was sealed with the key %s, this one is %s", parts[1], k.id)
	}
	box, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, fmt.Errorf("opening a sealed value: %w", err)
	}
	aead, err := k.cipher(purpose)
	if err != nil {
		return nil, err
	}
	if len(box) < aead.NonceSize() {
		return nil, errors.New("opening a sealed value: it is cut off")
	}
	plain, err := aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], []byte(aad))
	if err != nil {
		return nil, fmt.Errorf("opening a sealed value: %w", err)
	}
	return plain, nil
}
