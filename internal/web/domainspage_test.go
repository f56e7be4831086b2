package web

import (
	"context"
	"errors"
	"html"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// certifying is a proxy that tells how names do with their certificates.
type certifying struct {
	known []platform.CertificateStatus
	err   error
}

func (certifying) Publish(context.Context, platform.RouteTable) error { return nil }

func (c *certifying) Status(context.Context) (platform.ProxyStatus, error) {
	return platform.ProxyStatus{Certificates: c.known}, c.err
}

// rowOf is what the page says of a domain, as text.
func rowOf(t *testing.T, page, host string) string {
	t.Helper()
	_, row, found := strings.Cut(page, `<span class="strong">`+host+`</span>`)
	row, _, ended := strings.Cut(row, `class="side-note`)
	if !found || !ended {
		t.Fatalf("the page has no row of %s", host)
	}
	return html.UnescapeString(row)
}

func TestDomainsPage_TellsTheStateOfEachCertificate(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	until := time.Date(2031, time.March, 4, 0, 0, 0, 0, time.UTC)
	proxy := &certifying{known: []platform.CertificateStatus{
		{Host: "ready.ada.dev", NotAfter: until},
		{Host: "coming.ada.dev"},
		{Host: "refused.ada.dev", Trouble: "the authority said <b>no</b>"},
		{Host: "ageing.ada.dev", NotAfter: until, Trouble: "no answer"},
		{Host: "far.ada.dev", NotAfter: until},
	}}
	r.apps.Routes.Publisher = proxy
	r.apps.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "far.ada.dev" {
			return nil, &net.DNSError{IsNotFound: true, Name: host}
		}
		return []netip.Addr{netip.MustParseAddr("203.0.113.7")}, nil
	}
	rows := map[string][3]string{ // colour, word, a part of the sentence
		"ready.ada.dev":   {"ok", "Ready", "holds until 4 March 2031 and is renewed by itself"},
		"coming.ada.dev":  {"pending", "Certificate on its way", "takes about a minute"},
		"refused.ada.dev": {"warn", "No certificate", "the authority said <b>no</b>. It is tried again by itself."},
		"ageing.ada.dev":  {"warn", "Not renewed", "holds until 4 March 2031, but was not renewed: no answer"},
		"own.ada.dev":     {"pending", "Browsers warn", "of this server's own authority"},
		"far.ada.dev":     {"warn", "Waiting for the DNS", "as soon as the domain leads here"},
	}
	for host := range rows {
		_, _, err := r.apps.AddDomain(t.Context(), r.owner, "mine", host)
		must(t, err)
	}
	page := r.do(ask{path: "/apps/mine/domains", session: r.session}).want(t, http.StatusOK).body
	for host, want := range rows {
		row := rowOf(t, page, host)
		if !strings.Contains(row, `class="state `+want[0]+`"`) || !strings.Contains(row, want[1]+"</span>") || !strings.Contains(row, want[2]) {
			t.Errorf("%s, want %q:\n%s", host, want, row)
		}
	}
	if strings.Contains(page, "<b>no</b>") {
		t.Error("what the authority said became markup")
	}

	proxy.err = errors.New("connection refused")
	page = r.do(ask{path: "/apps/mine/domains", session: r.session}).want(t, http.StatusOK).body
	if row := rowOf(t, page, "ready.ada.dev"); !strings.Contains(row, "The proxy does not answer just now") || strings.Contains(row, ">Ready<") {
		t.Errorf("without a proxy: %s", row)
	}
}
