package proxy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/lugsail/lugsail/internal/atomicfile"
)

const (
	rootLife  = 10 * 365 * 24 * time.Hour
	leafLife  = 7 * 24 * time.Hour
	leafRenew = 3 * 24 * time.Hour   // left when a new one is made
	skew      = time.Hour            // that clients' clocks may be behind
	rootSkew  = 365 * 24 * time.Hour // that the server's own clock may be ahead on the day that it makes its root
)

// authority is the internal CA: a root made once, which signs short-lived certificates.
type authority struct {
	root *x509.Certificate
	key  crypto.Signer
	pem  []byte // of root
}

// openAuthority reads ca.crt and ca.key in dir, or makes them. Files that a full disk
// or a crash has emptied are moved aside: people then have to trust a new root, which
// beats a server that cannot start. Files that only cannot be read just now stay.
func openAuthority(dir string) (*authority, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the CA's directory: %w", err)
	}
	a, err := readAuthority(dir)
	if err == nil {
		return a, nil
	}
	if unreadable(err) {
		return nil, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		slog.Error("internal CA damaged; making a new one", "path", dir, "error", err)
	}
	for _, name := range []string{"ca.key", "ca.crt"} {
		if err := setAside(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return makeAuthority(dir)
}

func readAuthority(dir string) (*authority, error) {
	crt, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("reading the CA's certificate: %w", err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, fmt.Errorf("reading the CA's key: %w", err)
	}
	pair, err := tls.X509KeyPair(crt, key)
	if err != nil {
		return nil, fmt.Errorf("reading the CA: %w", err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA || time.Now().After(pair.Leaf.NotAfter) {
		return nil, errors.New("the CA's certificate has expired or is none of a CA")
	}
	return &authority{root: pair.Leaf, key: signer, pem: crt}, nil
}

func makeAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the CA's key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("encoding the CA's key: %w", err)
	}
	id := sha256.Sum256(public)
	root := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "Lugsail CA " + hex.EncodeToString(id[:4])},
		NotBefore:             time.Now().Add(-rootSkew),
		NotAfter:              time.Now().Add(rootLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		SubjectKeyId:          id[:20],
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the CA's certificate: %w", err)
	}
	if err := writeAuthority(dir, der, key); err != nil {
		return nil, err
	}
	return readAuthority(dir)
}

func writeAuthority(dir string, der []byte, key *ecdsa.PrivateKey) error {
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding the CA's key: %w", err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	if err := atomicfile.Write(filepath.Join(dir, "ca.key"), keyPEM, 0o600); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, "ca.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// issue makes a certificate for names and addresses.
func (a *authority) issue(names []string, ips []net.IP) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	leaf := &x509.Certificate{
		SerialNumber:          serial(),
		NotBefore:             time.Now().Add(-skew),
		NotAfter:              time.Now().Add(leafLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              names,
		IPAddresses:           ips,
	}
	if len(names) > 0 && len(names[0]) <= 64 { // the limit of a common name
		leaf.Subject.CommonName = names[0]
	}
	if leaf.NotAfter.After(a.root.NotAfter) {
		leaf.NotAfter = a.root.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.root, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("signing a certificate: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading a new certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	b[0] &= 0x7f        // positive
	return new(big.Int).SetBytes(b)
}

// unreadable reports whether a file is there, but was not to be read: a wrong owner, too many
// open files, a sick disk. What it holds may be as good as ever.
func unreadable(err error) bool {
	var reading *fs.PathError
	return errors.As(err, &reading) && !errors.Is(err, fs.ErrNotExist)
}

// setAside renames a file, when there is one, so that another can take its place.
func setAside(path string) error {
	err := os.Rename(path, path+".damaged-"+time.Now().UTC().Format("20060102T150405"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("moving a damaged file aside: %w", err)
	}
	return nil
}
