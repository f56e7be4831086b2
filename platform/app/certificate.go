package app

import (
	"context"
	"fmt"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// CertificateState is how far a domain is with its certificate.
type CertificateState string

// The states of a domain's certificate.
const (
	CertificateIssued  CertificateState = "issued"  // browsers trust it
	CertificateWaiting CertificateState = "waiting" // on its way, or waiting for the DNS
	CertificateFailed  CertificateState = "failed"  // the last order did not go well; it is tried again
	CertificateOwn     CertificateState = "own"     // of this server's own authority, of which browsers warn
	CertificateUnknown CertificateState = "unknown" // the proxy does not answer
)

// Certificate is what is known of a domain's certificate.
type Certificate struct {
	State    CertificateState
	NotAfter time.Time // zero: none was issued
	Sentence string
}

// DomainCertificates asks the proxy how domains do with their certificates, by host.
func (s *Service) DomainCertificates(ctx context.Context, domains []platform.Domain) map[string]Certificate {
	status, err := platform.ProxyStatus{}, error(nil)
	if s.Routes.Publisher != nil { // else nobody serves, and nothing wants a certificate
		status, err = s.Routes.Publisher.Status(ctx)
	}
	public := map[string]platform.CertificateStatus{}
	for _, c := range status.Certificates {
		public[c.Host] = c
	}
	all := map[string]Certificate{}
	for _, d := range domains {
		c, wants := public[d.Host]
		switch {
		case err != nil:
			all[d.Host] = Certificate{State: CertificateUnknown, Sentence: "The proxy does not answer just now, so its certificate cannot be seen."}
		case !s.leadsHere(d.Host):
			all[d.Host] = Certificate{State: CertificateWaiting, Sentence: "The certificate comes by itself, as soon as the domain leads here."}
		case !wants:
			all[d.Host] = Certificate{State: CertificateOwn, Sentence: "The certificate is of this server's own authority, of which browsers warn. The page Server tells how to end that."}
		default:
			all[d.Host] = certificateOf(c)
		}
	}
	return all
}

func certificateOf(c platform.CertificateStatus) Certificate {
	until := c.NotAfter.UTC().Format("2 January 2006")
	switch {
	case c.NotAfter.IsZero() && c.Trouble == "":
		return Certificate{State: CertificateWaiting, Sentence: "The certificate is on its way; that takes about a minute."}
	case c.NotAfter.IsZero():
		return Certificate{State: CertificateFailed, Sentence: fmt.Sprintf("No certificate yet: %s. It is tried again by itself.", c.Trouble)}
	case c.Trouble != "":
		return Certificate{State: CertificateFailed, NotAfter: c.NotAfter, Sentence: fmt.Sprintf("The certificate holds until %s, but was not renewed: %s. It is tried again by itself.", until, c.Trouble)}
	}
	return Certificate{State: CertificateIssued, NotAfter: c.NotAfter, Sentence: fmt.Sprintf("The certificate holds until %s and is renewed by itself.", until)}
}
