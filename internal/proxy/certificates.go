package proxy

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// neutralName is in the certificate for names that are not in the table.
const neutralName = "lugsail.invalid"

// maxAddresses bounds the certificates for bare IP addresses; a machine has few.
const maxAddresses = 64

// addressKey begins the keys of those certificates; no host name does.
const addressKey = "address "

// certificates chooses the certificate of each handshake.
type certificates struct {
	authority *authority
	config    Config
	acme      atomic.Pointer[acme] // nil when all names are the internal CA's

	changing sync.Mutex      // held while ACME is exchanged or follows a table
	life     context.Context // nil before start
	sockets  sockets
	using    platform.Authority
	stopping sync.WaitGroup // of those that were exchanged

	mu     sync.RWMutex
	leaves map[string]*tls.Certificate // of the internal CA, by name or, after addressKey, addresses
}

func newCertificates(c Config) (*certificates, error) {
	a, err := openAuthority(filepath.Join(c.DataDir, "ca"))
	if err != nil {
		return nil, err
	}
	certs := &certificates{authority: a, config: c, leaves: make(map[string]*tls.Certificate)}
	certs.using = platform.Authority{Directory: c.ACMEDirectory, Email: c.ACMEEmail, Roots: c.ACMERoots}
	if certs.using.Directory == "" {
		return certs, nil
	}
	acme, err := newACME(c)
	if err != nil {
		return nil, err
	}
	certs.acme.Store(acme)
	return certs, nil
}

func (c *certificates) start(ctx context.Context, s sockets, t *table) {
	c.changing.Lock()
	defer c.changing.Unlock()
	c.life, c.sockets = ctx, s
	if acme := c.acme.Load(); acme != nil {
		acme.start(ctx, s)
	}
	c.followPublic(t)
}

func (c *certificates) stop() {
	c.changing.Lock()
	defer c.changing.Unlock()
	if acme := c.acme.Load(); acme != nil {
		acme.stop()
	}
	c.stopping.Wait()
}

// followPublic takes over the authority of a table, and has certificates of its names. With changing held.
func (c *certificates) followPublic(t *table) {
	if c.life == nil {
		return
	}
	if a := t.doc.Authority; a != nil && *a != c.using {
		c.exchange(*a, t)
	}
	if acme := c.acme.Load(); acme != nil {
		acme.follow(t.acmeHosts())
	}
}

// exchange goes over to another authority, or to the same by another account. The new one has read what lies
// on the disk before the old one goes, so that names with a certificate of it show that all the time. One that
// cannot be used leaves things as they are.
func (c *certificates) exchange(to platform.Authority, t *table) {
	var next *acme
	if to.Directory != "" {
		config := c.config
		config.ACMEDirectory, config.ACMEEmail, config.ACMERoots = to.Directory, to.Email, to.Roots
		var err error
		if next, err = newACME(config); err != nil {
			slog.Error("the certificate authority is not changed", "directory", to.Directory, "error", err)
			return
		}
		next.start(c.life, c.sockets)
		next.follow(t.acmeHosts())
	}
	before := c.acme.Swap(next)
	c.using = to
	slog.Info("certificate authority changed", "directory", to.Directory)
	if before != nil {
		c.stopping.Go(before.stop)
	}
}

// follow cares for the names of a new table and forgets those that left.
func (c *certificates) follow(t *table) {
	c.changing.Lock()
	c.followPublic(t)
	c.changing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, cert := range c.leaves {
		gone := t.hosts[name] == nil && name != neutralName
		if strings.HasPrefix(name, addressKey) {
			gone = !fresh(cert) // people may have told their browser to go on with just this one
		}
		if gone {
			delete(c.leaves, name)
		}
	}
}

func (c *certificates) answerChallenge(w http.ResponseWriter, r *http.Request, host string) bool {
	acme := c.acme.Load()
	return acme != nil && acme.answer(w, r, host)
}

// certificate answers a handshake from memory. See the package comment for unknown names.
func (s *Server) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, t := s.certs, s.table.Load()
	acme := c.acme.Load()
	if acme != nil && slices.Equal(hello.SupportedProtos, []string{"acme-tls/1"}) {
		return acme.challenge(hello)
	}
	name := normalHost(hello.ServerName)
	if name == "" || isIP(name) {
		return c.forAddress(localIP(hello.Conn), t)
	}
	entry := t.hosts[name]
	if entry == nil {
		return c.leaf(neutralName, []string{neutralName}, nil)
	}
	if entry.acme && acme != nil {
		if cert := acme.find(name); cert != nil {
			return cert, nil
		}
	}
	return c.leaf(name, []string{name}, nil)
}

// forAddress serves clients that name no host: the address they came to, and those of
// the console, for a machine behind address translation does not know its public one.
func (c *certificates) forAddress(ip net.IP, t *table) (*tls.Certificate, error) {
	var ips []net.IP
	var key strings.Builder
	key.WriteString(addressKey)
	if ip != nil {
		ips = append(ips, ip)
	}
	for _, h := range t.doc.Console.Hosts {
		if other := net.ParseIP(normalHost(h)); other != nil && !other.Equal(ip) {
			ips = append(ips, other)
		}
	}
	for _, ip := range ips {
		key.WriteString(ip.String() + " ")
	}
	c.mu.RLock()
	full := len(c.leaves) > len(t.hosts)+maxAddresses
	c.mu.RUnlock()
	if len(ips) == 0 || full {
		return c.leaf(neutralName, []string{neutralName}, nil)
	}
	return c.leaf(key.String(), nil, ips)
}

// leaf gives a certificate of the internal CA, a new one when the last one is old.
func (c *certificates) leaf(key string, names []string, ips []net.IP) (*tls.Certificate, error) {
	c.mu.RLock()
	cert := c.leaves[key]
	c.mu.RUnlock()
	if fresh(cert) {
		return cert, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if cert = c.leaves[key]; fresh(cert) {
		return cert, nil
	}
	cert, err := c.authority.issue(names, ips)
	if err != nil {
		return nil, err
	}
	c.leaves[key] = cert
	return cert, nil
}

func fresh(cert *tls.Certificate) bool {
	now := time.Now()
	return cert != nil && cert.Leaf.NotAfter.Sub(now) > leafRenew && now.After(cert.Leaf.NotBefore) // the clock may have gone back
}

func localIP(conn net.Conn) net.IP {
	if conn == nil {
		return nil
	}
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return nil
	}
	host, _, _ = strings.Cut(host, "%")
	return net.ParseIP(host)
}
