package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// acme gets and renews the certificates of public names through certmagic.
type acme struct {
	template certmagic.ACMEIssuer
	store    *certmagic.FileStorage
	log      *zap.Logger

	cache  *certmagic.Cache
	config *certmagic.Config
	issuer *certmagic.ACMEIssuer

	mu    sync.Mutex
	life  context.Context // nil before start
	names map[string]context.CancelFunc
	fails map[string]string // by name: why the last order failed
}

// cachedCertificates bounds certmagic's memory.
const cachedCertificates = 1000

func newACME(c Config) (*acme, error) {
	log := zap.New(zapToSlog{})
	a := &acme{
		log:   log,
		store: &certmagic.FileStorage{Path: filepath.Join(c.DataDir, "acme")},
		names: make(map[string]context.CancelFunc), fails: make(map[string]string),
		template: certmagic.ACMEIssuer{
			CA: c.ACMEDirectory, Email: c.ACMEEmail, Agreed: true, Logger: log,
			// Answers come from this process only; certmagic would otherwise also
			// answer for tokens that an app behind the proxy has asked for.
			DisableDistributedSolvers: true,
		},
	}
	if c.ACMERoots != "" {
		pem, err := os.ReadFile(c.ACMERoots)
		if err != nil {
			return nil, fmt.Errorf("reading the ACME server's roots: %w", err)
		}
		a.template.TrustedRoots = x509.NewCertPool()
		if !a.template.TrustedRoots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the ACME server's roots: no certificate in %s", c.ACMERoots)
		}
	}
	return a, nil
}

// start begins to care for names. Issuers is never nil: certmagic would take a public CA.
func (a *acme) start(ctx context.Context, s sockets) {
	a.healAccounts()
	a.template.ListenHost, a.template.AltHTTPPort = hostAndPort(s.http[0])
	_, a.template.AltTLSALPNPort = hostAndPort(s.https[0])
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		Capacity: cachedCertificates,
		Logger:   a.log,
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) {
			return a.config, nil
		},
	})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Issuers: []certmagic.Issuer{}, // the issuer needs the config first
		Storage: a.store,
		Logger:  a.log,
		OCSP:    certmagic.OCSPConfig{DisableStapling: true},
		OnEvent: a.hear,
	})
	a.issuer = certmagic.NewACMEIssuer(a.config, a.template)
	a.config.Issuers = []certmagic.Issuer{a.issuer}
	a.mu.Lock()
	a.life = ctx
	a.mu.Unlock()
}

func (a *acme) stop() {
	a.follow(nil)
	a.cache.Stop()
}

// follow manages exactly these names: new ones are ordered in the background, again and
// again until it works; orders for those that left are given up. Their files stay.
func (a *acme) follow(names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.life == nil {
		return
	}
	for name, cancel := range a.names {
		if !slices.Contains(names, name) {
			cancel()
			delete(a.names, name)
			delete(a.fails, name)
			a.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: name}})
		}
	}
	for _, name := range names {
		if a.names[name] == nil {
			a.manage(name)
		}
	}
}

func (a *acme) manage(name string) {
	ctx, cancel := context.WithCancel(a.life)
	a.names[name] = cancel
	a.heal(name)
	if err := a.config.ManageAsync(ctx, []string{name}); err != nil {
		slog.Error("certificate not ordered", "host", name, "error", err)
	}
}

// find gives the certificate of a name, nil when there is none that is valid now.
func (a *acme) find(name string) *tls.Certificate {
	now := time.Now()
	for _, cert := range a.cache.AllMatchingCertificates(name) {
		if cert.Leaf != nil && now.Before(cert.Leaf.NotAfter) && now.After(cert.Leaf.NotBefore) {
			return &cert.Certificate
		}
	}
	return nil
}

// answer answers an HTTP-01 challenge of an order of our own, and nothing else.
func (a *acme) answer(w http.ResponseWriter, r *http.Request, host string) bool {
	if !certmagic.LooksLikeHTTPChallenge(r) {
		return false
	}
	challenge, ok := certmagic.GetACMEChallenge(host)
	return ok && certmagic.SolveHTTPChallenge(a.log, w, r, challenge.Challenge)
}

// challenge answers a TLS-ALPN-01 challenge of an order of our own.
func (a *acme) challenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if _, ok := certmagic.GetACMEChallenge(normalHost(hello.ServerName)); !ok {
		return nil, errors.New("no order is under way for this name")
	}
	return a.config.GetCertificate(hello)
}

// heal moves a stored certificate aside that a full disk or a crash has damaged;
// certmagic would fail on it for ever.
func (a *acme) heal(name string) {
	issuer := a.issuer.IssuerKey()
	crt := a.store.Filename(certmagic.StorageKeys.SiteCert(issuer, name))
	key := a.store.Filename(certmagic.StorageKeys.SitePrivateKey(issuer, name))
	meta := a.store.Filename(certmagic.StorageKeys.SiteMeta(issuer, name))
	if _, err := os.Stat(filepath.Dir(crt)); err != nil {
		return
	}
	_, err := tls.LoadX509KeyPair(crt, key)
	if unreadable(err) || (err == nil && !empty(meta)) {
		return
	}
	slog.Warn("stored certificate damaged; ordering a new one", "host", name, "error", err)
	for _, path := range []string{crt, key, meta} {
		if err := setAside(path); err != nil {
			slog.Error("damaged certificate stays", "host", name, "error", err)
		}
	}
}

// healAccounts moves empty account files aside; a new account is then registered.
func (a *acme) healAccounts() {
	files, err := filepath.Glob(filepath.Join(a.store.Path, "acme", "*", "users", "*", "*"))
	if err != nil {
		return // only a bad pattern does that
	}
	for _, f := range files {
		if empty(f) {
			slog.Warn("stored ACME account damaged; registering a new one", "path", f)
			if err := setAside(f); err != nil {
				slog.Error("damaged ACME account stays", "path", f, "error", err)
			}
		}
	}
}

// empty reports whether there is a file without contents, or none.
func empty(path string) bool {
	info, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || (err == nil && info.Size() == 0)
}

func hostAndPort(l net.Listener) (string, int) {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", 0
	}
	n, _ := strconv.Atoi(port) // of a listener: a number
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	return host, n
}
