// Package acmetest gives tests a certificate authority of their own that speaks ACME.
//
// It is a real one, Pebble, with a name server that answers 127.0.0.1 to every question: what
// asks it for certificates has to prove, on the ports named here, that it holds the names.
package acmetest

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
)

// Server is the authority.
type Server struct {
	Directory string       // URL
	RootsFile string       // what to trust when speaking to it
	Root      []byte       // what to trust of what it signs, as PEM
	Refuse    atomic.Bool  // answer "too many requests" to everything
	Orders    atomic.Int64 // requests about orders
}

// New starts one for a proxy that listens on these ports; it ends with the test.
func New(t *testing.T, httpPort, httpsPort int) *Server {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	dns := startDNS(t, quiet)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: 7776000}})
	front := wfe.New(quiet, store, va.New(quiet, httpPort, httpsPort, false, dns, store), issuer, []string{"ca.example"}, false, false, 1, 1)
	a := &Server{Root: issuer.GetRootCert(0).PEM()}
	handler := front.Handler()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "order") {
			a.Orders.Add(1)
		}
		if a.Refuse.Load() {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	a.Directory = s.URL + wfe.DirectoryPath
	a.RootsFile = filepath.Join(t.TempDir(), "roots.pem")
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(a.RootsFile, crt, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// startDNS answers 127.0.0.1 for every name, over UDP and TCP. Another program may take
// a port between the look for a free one and its use; then another is tried.
func startDNS(t *testing.T, quiet *log.Logger) string {
	t.Helper()
	for range 10 {
		addr := "127.0.0.1:" + strconv.Itoa(FreePorts(t, 1)[0])
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

// FreePorts finds ports for a proxy that the authority must know beforehand.
func FreePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
