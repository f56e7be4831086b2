package proxy

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/acmetest"
	"github.com/lugsail/lugsail/platform"
)

func acmeRig(t *testing.T) (*rig, *acmetest.Server, func(*Config)) {
	t.Helper()
	ports := acmetest.FreePorts(t, 2)
	server := acmetest.New(t, ports[0], ports[1])
	use := func(c *Config) {
		c.HTTPAddr, c.HTTPSAddr = "127.0.0.1:"+strconv.Itoa(ports[0]), "127.0.0.1:"+strconv.Itoa(ports[1])
		c.ACMEDirectory, c.ACMERoots, c.ACMEEmail = server.Directory, server.RootsFile, "ada@example.com"
	}
	return newRig(t, use), server, use
}

func (r *rig) issuerOf(name string) string {
	state, err := r.handshake(name, false)
	if err != nil {
		r.t.Fatal(err)
	}
	return state.PeerCertificates[0].Issuer.CommonName
}

func TestACME_PublicNamesGetItsCertificates(t *testing.T) {
	r, server, _ := acmeRig(t)
	server.Refuse.Store(true)
	app := startApp(t, says("serving a"))
	public, private := routeTo("a.example.org", app), routeTo("b.example.org", app)
	public.ACME = true
	r.console = platform.Console{Hosts: []string{"console.example.org"}, Socket: "/nowhere"}
	r.publish(t, private)
	if n := server.Orders.Load(); n != 0 {
		t.Error("orders for names without ACME:", n)
	}
	if issuer := r.issuerOf("console.example.org"); !strings.HasPrefix(issuer, "Lugsail CA") {
		t.Error("while ACME refuses, the console is served by", issuer)
	}
	server.Refuse.Store(false)
	r.console.Hosts[0] = "second.example.org" // a new order, at once
	r.publish(t, public, private)
	for _, name := range []string{"a.example.org", "second.example.org"} {
		eventually(t, "an ACME certificate for "+name, func() bool { return strings.HasPrefix(r.issuerOf(name), "Pebble") })
	}
	if issuer := r.issuerOf("b.example.org"); !strings.HasPrefix(issuer, "Lugsail CA") {
		t.Error("a private name is served by", issuer)
	}
	r.publish(t, private)
	if r.issuerOf("a.example.org") != "" && strings.HasPrefix(r.issuerOf("a.example.org"), "Pebble") {
		t.Error("a name that left keeps its certificate in memory")
	}
}

func TestACME_DamagedFilesAreOrderedAnew(t *testing.T) {
	r, server, use := acmeRig(t)
	app := startApp(t, says("serving a"))
	route := routeTo("a.example.org", app)
	route.ACME = true
	r.publish(t, route)
	eventually(t, "a certificate", func() bool { return strings.HasPrefix(r.issuerOf("a.example.org"), "Pebble") })
	dir := r.server.config.DataDir
	for _, pattern := range []string{"certificates/*/*/*.key", "certificates/*/*/*.crt", "acme/*/users/*/*.json"} {
		r.stop()
		files, err := filepath.Glob(filepath.Join(dir, "acme", pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, files, err)
		}
		if err := os.WriteFile(files[0], nil, 0o600); err != nil {
			t.Fatal(err)
		}
		before := server.Orders.Load()
		r = newRig(t, use, func(c *Config) { c.DataDir = dir })
		eventually(t, "a certificate again", func() bool { return strings.HasPrefix(r.issuerOf("a.example.org"), "Pebble") })
		if ordered := server.Orders.Load() > before; ordered != strings.HasPrefix(pattern, "cert") {
			t.Error(pattern, "ordered anew:", ordered)
		}
	}
}

// Proofs that an app behind the proxy has asked for are the app's to answer.
func TestACME_OnlyItsOwnChallengesAreAnswered(t *testing.T) {
	r, _, _ := acmeRig(t)
	r.publish(t, routeTo("a.example.org", startApp(t, says("serving a"))))
	if status, body := r.get("http://a.example.org/.well-known/acme-challenge/some-token"); status != 308 {
		t.Error(status, body)
	}
}

func TestPublicName(t *testing.T) {
	for host, want := range map[string]bool{
		"box.example.org": true, "example.org": true, "a-1-2-3-4.example.org": true,
		"localhost": false, "box": false, "console.localhost": false, "box.local": false, "203.0.113.5": false, "::1": false,
		"203-0-113-5.sslip.io": false, "console.203-0-113-5.sslip.io": false, "box.home.arpa": false,
	} {
		if got := publicName(host); got != want {
			t.Errorf("publicName(%q) = %v", host, got)
		}
	}
}

func TestACME_StatusTellsOfCertificatesAndOfTrouble(t *testing.T) {
	r, server, _ := acmeRig(t)
	server.Refuse.Store(true)
	app := startApp(t, says("serving"))
	first, second := routeTo("a.example.org", app), routeTo("b.example.org", app)
	first.ACME, second.ACME = true, true
	certificate := func(host string) platform.CertificateStatus {
		status, err := r.control.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range status.Certificates {
			if c.Host == host {
				return c
			}
		}
		return platform.CertificateStatus{}
	}
	r.publish(t, first)
	eventually(t, "the trouble with a.example.org", func() bool { return certificate("a.example.org").Trouble != "" })
	if c := certificate("a.example.org"); !c.NotAfter.IsZero() {
		t.Errorf("got %+v", c)
	}
	server.Refuse.Store(false)
	r.publish(t, second)
	eventually(t, "a certificate for b.example.org", func() bool { return !certificate("b.example.org").NotAfter.IsZero() })
	if c := certificate("b.example.org"); c.Trouble != "" {
		t.Errorf("got %+v", c)
	}
	if c := certificate("a.example.org"); c.Host != "" {
		t.Errorf("a name that left is told of: %+v", c)
	}
}

func TestOneLine_IsShortAndNoMore(t *testing.T) {
	if got := oneLine("  too\nmany\t requests "); got != "too many requests" {
		t.Errorf("got %q", got)
	}
	if got := oneLine(strings.Repeat("é", maxTrouble)); len(got) > maxTrouble+3 || !strings.HasSuffix(got, "…") || strings.Contains(got, "\uFFFD") {
		t.Errorf("%d bytes", len(got))
	}
}

func TestACME_TheTableChangesTheAuthorityWhileServing(t *testing.T) {
	ports := acmetest.FreePorts(t, 2)
	server := acmetest.New(t, ports[0], ports[1])
	dir := t.TempDir()
	use := func(c *Config) {
		c.DataDir = dir
		c.HTTPAddr, c.HTTPSAddr = "127.0.0.1:"+strconv.Itoa(ports[0]), "127.0.0.1:"+strconv.Itoa(ports[1])
	}
	r := newRig(t, use) // started without an authority
	app := startApp(t, says("serving a"))
	route := routeTo("a.example.org", app)
	route.ACME = true
	publish := func(a *platform.Authority) {
		t.Helper()
		r.revision++
		doc := platform.RouteTable{Revision: r.revision, BootID: testBoot, Routes: []platform.Route{route}, Authority: a}
		if err := r.control.Publish(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	publish(nil)
	if issuer := r.issuerOf("a.example.org"); !strings.HasPrefix(issuer, "Lugsail CA") {
		t.Fatal("without an authority it is served by", issuer)
	}
	first := platform.Authority{Directory: server.Directory, Roots: server.RootsFile}
	publish(&first)
	eventually(t, "a certificate of the new authority", func() bool { return strings.HasPrefix(r.issuerOf("a.example.org"), "Pebble") })
	all, err := r.control.Certificates(t.Context())
	if err != nil || len(all) != 1 || !all[0].Public || !strings.HasPrefix(all[0].Issuer, "Pebble") || !all[0].Renewal.Before(all[0].Until) || all[0].Trouble != "" {
		t.Errorf("what is told of it: %+v, %v", all, err)
	}

	orders := server.Orders.Load()
	second := first
	second.Email = "ada@example.com"
	publish(&second) // the same authority by another account: its certificates go on
	if issuer := r.issuerOf("a.example.org"); !strings.HasPrefix(issuer, "Pebble") || server.Orders.Load() != orders {
		t.Errorf("with another account it is served by %s, after %d orders", issuer, server.Orders.Load()-orders)
	}
	broken := second
	broken.Roots = filepath.Join(dir, "missing.pem")
	publish(&broken)
	if issuer := r.issuerOf("a.example.org"); !strings.HasPrefix(issuer, "Pebble") {
		t.Error("an authority that cannot be used took the certificates away:", issuer)
	}
	publish(&second)
	r.stop()
	revision := r.revision
	r = newRig(t, use) // of its own settings it knows none; the table on the disk does
	r.revision = revision
	eventually(t, "the authority of the stored table", func() bool { return strings.HasPrefix(r.issuerOf("a.example.org"), "Pebble") })
	publish(&platform.Authority{})
	if issuer := r.issuerOf("a.example.org"); !strings.HasPrefix(issuer, "Lugsail CA") {
		t.Error("when it is turned off it is served by", issuer)
	}
	all, err = r.control.Certificates(t.Context())
	if err != nil || len(all) != 1 || all[0].Public || !strings.HasPrefix(all[0].Issuer, "Lugsail CA") || all[0].Until.IsZero() {
		t.Errorf("what is told of it then: %+v, %v", all, err)
	}
}
