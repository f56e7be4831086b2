package proxy

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"

	"github.com/lugsail/lugsail/platform"
)

// acmeServer is a real ACME server for one proxy. It asks the proxy's ports for proofs.
type acmeServer struct {
	directory string
	rootsFile string // of its own certificate
	refuse    atomic.Bool
	orders    atomic.Int64
}

// newACMEServer starts it for a proxy that will listen on these ports.
func newACMEServer(t *testing.T, httpPort, httpsPort int) *acmeServer {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	dns := startDNS(t, quiet)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: 7776000}})
	front := wfe.New(quiet, store, va.New(quiet, httpPort, httpsPort, false, dns, store), issuer, []string{"ca.example"}, false, false, 1, 1)
	a := &acmeServer{}
	handler := front.Handler()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "order") {
			a.orders.Add(1)
		}
		if a.refuse.Load() {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	a.directory = s.URL + wfe.DirectoryPath
	a.rootsFile = filepath.Join(t.TempDir(), "roots.pem")
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(a.rootsFile, crt, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// startDNS answers 127.0.0.1 for every name, over UDP and TCP. Another program may take
// a port between the look for a free one and its use; then another is tried.
func startDNS(t *testing.T, quiet *log.Logger) string {
	t.Helper()
	for range 10 {
		addr := "127.0.0.1:" + strconv.Itoa(freePorts(t, 1)[0])
		dns, err := challtestsrv.New(challtestsrv.Config{Log: quiet, DNSAddrs: []string{addr}})
		if err != nil {
			t.Fatal(err)
		}
		dns.SetDefaultDNSIPv4("127.0.0.1")
		dns.SetDefaultDNSIPv6("")
		go dns.Run()
		if resolves("udp", addr) && resolves("tcp", addr) {
			t.Cleanup(dns.Shutdown)
			return addr
		}
		dns.Shutdown()
	}
	t.Fatal("no port for a DNS server")
	return ""
}

func resolves(network, addr string) bool {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if ips, err := resolver.LookupHost(ctx, "a.example.org."); err == nil && len(ips) > 0 {
			return true
		}
	}
	return false
}

// freePorts finds ports for a proxy that the ACME server must know beforehand.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func acmeRig(t *testing.T) (*rig, *acmeServer, func(*Config)) {
	t.Helper()
	ports := freePorts(t, 2)
	server := newACMEServer(t, ports[0], ports[1])
	use := func(c *Config) {
		c.HTTPAddr, c.HTTPSAddr = "127.0.0.1:"+strconv.Itoa(ports[0]), "127.0.0.1:"+strconv.Itoa(ports[1])
		c.ACMEDirectory, c.ACMERoots, c.ACMEEmail = server.directory, server.rootsFile, "ada@example.com"
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
	server.refuse.Store(true)
	app := startApp(t, says("serving a"))
	public, private := routeTo("a.example.org", app), routeTo("b.example.org", app)
	public.ACME = true
	r.console = platform.Console{Hosts: []string{"console.example.org"}, Socket: "/nowhere"}
	r.publish(t, private)
	if n := server.orders.Load(); n != 0 {
		t.Error("orders for names without ACME:", n)
	}
	if issuer := r.issuerOf("console.example.org"); !strings.HasPrefix(issuer, "Lugsail CA") {
		t.Error("while ACME refuses, the console is served by", issuer)
	}
	server.refuse.Store(false)
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
		before := server.orders.Load()
		r = newRig(t, use, func(c *Config) { c.DataDir = dir })
		eventually(t, "a certificate again", func() bool { return strings.HasPrefix(r.issuerOf("a.example.org"), "Pebble") })
		if ordered := server.orders.Load() > before; ordered != strings.HasPrefix(pattern, "cert") {
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
