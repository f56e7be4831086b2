package cli

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

// trust is how a person wants a server's own CA to be trusted.
type trust struct {
	file        string // --ca-file
	fingerprint string // --fingerprint: SHA-256, hex, colons allowed
}

// certificate makes sure that the server can be trusted, and gives the file of the
// certificate that it takes; "" when the system trusts it already.
func (p *program) certificate(ctx context.Context, base string, how trust) (string, error) {
	if how.file != "" {
		return p.given(ctx, base, how.file)
	}
	if how.fingerprint == "" {
		err := p.handshake(ctx, base, "")
		if err == nil || !untrusted(err) {
			return "", p.explain(base, err)
		}
		if url, file := p.Local(); file != "" && url == base {
			return p.given(ctx, base, file)
		}
		if s, err := p.readSaved(); err == nil && s.Servers[base].CA != "" && p.handshake(ctx, base, s.Servers[base].CA) == nil {
			return s.Servers[base].CA, nil
		}
	}
	return p.learn(ctx, base, how.fingerprint)
}

// given takes a certificate that a person has, when it fits the server.
func (p *program) given(ctx context.Context, base, file string) (string, error) {
	data, err := readCA(base, file)
	if err != nil {
		return "", err
	}
	err = p.handshake(ctx, base, file)
	if untrusted(err) {
		return "", platform.Errorf(platform.Forbidden, "ca_file", "The certificate of %s was not signed with the one in %s.", base, file).
			WithHint("Get the file from the server once more. Without --ca-file, lugsail login fetches it and shows its fingerprint.").Because(err)
	}
	if err != nil {
		return "", p.explain(base, err)
	}
	return p.keep(base, data)
}

func (p *program) explain(base string, err error) error {
	if err == nil {
		return nil
	}
	return (&client{base: base}).unreachable(err)
}

// handshake opens a connection and checks the certificate.
func (p *program) handshake(ctx context.Context, base, file string) error {
	c, err := newClient(savedServer{URL: base, CA: file, Here: p.here(base)}, p.Version)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base+"/robots.txt", nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func readCA(base, file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, platform.Errorf(platform.Invalid, "ca_file", "The certificate in %s cannot be read.", file).Because(err)
	}
	if _, err := readCertificate(data); err != nil {
		return nil, platform.Errorf(platform.Invalid, "ca_file", "%s holds no certificate.", file).
			WithHint("It must be a PEM file, as the server gives it at %s/ca.crt.", base)
	}
	return data, nil
}

func (p *program) keep(base string, data []byte) (string, error) {
	dir, err := p.dir()
	if err != nil {
		return "", err
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, strings.ReplaceAll(u.Host, ":", "_")+".crt")
	return path, atomicfile.Write(path, data, 0o600)
}

func readCertificate(data []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, platform.Errorf(platform.Unavailable, "ca_answer", "What came is no certificate.")
	}
	return x509.ParseCertificate(block.Bytes)
}

// learn fetches the server's CA certificate over a connection that nobody vouches for,
// and believes it only when its fingerprint is the one that the person expects.
func (p *program) learn(ctx context.Context, base, expected string) (string, error) {
	data, err := p.fetchCA(ctx, base)
	if err != nil {
		return "", err
	}
	certificate, err := readCertificate(data)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(certificate.Raw)
	print := hex.EncodeToString(sum[:])
	if expected != "" {
		if normal(expected) != print {
			return "", platform.Errorf(platform.Forbidden, "fingerprint_differs", "The server's certificate has another fingerprint: %s", grouped(print)).
				WithHint("Compare with what the server itself says: sudo lugsail host fingerprint. If they differ, somebody stands in between.")
		}
	} else if err := p.believe(ctx, base, print); err != nil {
		return "", err
	}
	path, err := p.keep(base, data)
	if err != nil {
		return "", err
	}
	return path, p.explain(base, p.handshake(ctx, base, path))
}

func (p *program) believe(ctx context.Context, base, print string) error {
	p.note("%s uses a certificate of its own. Its fingerprint (SHA-256) is\n\n    %s\n\nThe server shows it with: sudo lugsail host fingerprint\n", base, grouped(print))
	yes, err := p.confirm(ctx, "Trust it?")
	if err != nil && !errors.Is(err, errNobody) {
		return err
	}
	if err != nil {
		return platform.Errorf(platform.Unavailable, "certificate", "The certificate of %s is not known here, and there is nobody to ask.", base).
			WithHint("Give --fingerprint with what `sudo lugsail host fingerprint` says on the server, or --ca-file.")
	}
	if !yes {
		return platform.Errorf(platform.Invalid, "not_trusted", "Not signed in: the certificate is not trusted.")
	}
	return nil
}

func (p *program) fetchCA(ctx context.Context, base string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	c := &client{base: base, agent: "lugsail/" + p.Version, http: &http.Client{
		// What comes is checked by its fingerprint, not by this connection.
		Transport: transport(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, p.here(base)), CheckRedirect: noRedirect, //nolint:gosec // see above
	}}
	res, err := c.send(ctx, http.MethodGet, "/ca.crt", nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // nothing was written
	return io.ReadAll(io.LimitReader(res.Body, 64<<10))
}

// normal takes "AB:CD…" as well as "abcd…".
func normal(fingerprint string) string {
	f := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(fingerprint))
	return strings.TrimPrefix(f, "sha256")
}

func grouped(fingerprint string) string {
	var parts []string
	for i := 0; i+2 <= len(fingerprint); i += 2 {
		parts = append(parts, strings.ToUpper(fingerprint[i:i+2]))
	}
	return strings.Join(parts, ":")
}
