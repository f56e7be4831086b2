package proxy

import (
	"crypto/tls"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// served tells what visitors of each name are shown, without making a certificate for it.
func (s *Server) served() []platform.ServedCertificate {
	t := s.table.Load()
	public := map[string]platform.CertificateStatus{}
	acme := s.certs.acme.Load()
	if acme != nil {
		for _, status := range acme.statuses() {
			public[status.Host] = status
		}
	}
	all := make([]platform.ServedCertificate, 0, len(t.hosts))
	for host, r := range t.hosts {
		one := platform.ServedCertificate{Host: host, App: r.app, Issuer: s.certs.authority.root.Subject.CommonName}
		status, wanted := public[host]
		one.Wanted, one.Trouble = wanted, status.Trouble
		cert, renewal := s.certs.kept(host), leafRenew
		if wanted {
			if found := acme.find(host); found != nil {
				one.Public, cert = true, found
				one.Issuer = issuerOf(found)
				renewal = found.Leaf.NotAfter.Sub(found.Leaf.NotBefore) / 3 // certmagic's share
			}
		}
		if cert != nil {
			one.Since, one.Until, one.Renewal = cert.Leaf.NotBefore, cert.Leaf.NotAfter, cert.Leaf.NotAfter.Add(-renewal)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b platform.ServedCertificate) int { return strings.Compare(a.Host, b.Host) })
	return all
}

// kept is the certificate of the internal CA that a name has in memory; nil when there is none.
func (c *certificates) kept(name string) *tls.Certificate {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if cert := c.leaves[name]; cert != nil && time.Now().Before(cert.Leaf.NotAfter) {
		return cert
	}
	return nil
}

func issuerOf(cert *tls.Certificate) string {
	issuer := cert.Leaf.Issuer
	name := issuer.CommonName
	if len(issuer.Organization) > 0 && !strings.Contains(name, issuer.Organization[0]) {
		name = strings.TrimSpace(issuer.Organization[0] + " " + name)
	}
	return oneLine(name)
}
