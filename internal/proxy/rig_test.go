package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/lugsail/lugsail/platform"
)

const testBoot = "boot-1"

func TestMain(m *testing.M) {
	// No test may ever reach a public CA, whatever it forgets to set.
	certmagic.DefaultACME.CA = "https://127.0.0.1:1/dead"
	certmagic.DefaultACME.TestCA = "https://127.0.0.1:1/dead"
	if dir := os.Getenv("PROXY_TEST_CHILD"); dir != "" {
		runChild(dir)
		return
	}
	os.Exit(m.Run())
}

// rig is a running proxy and what a test needs to speak to it.
type rig struct {
	t        *testing.T
	server   *Server
	control  *Client
	http     string
	https    string
	roots    *x509.CertPool
	revision int64
	console  platform.Console
	stop     func()
}

func shortLimits() limits {
	return limits{
		header: 10 * time.Second, stall: time.Second, response: 2 * time.Second,
		hold: 2 * time.Second, console: 2 * time.Second, drain: 5 * time.Second, reprobe: 20 * time.Millisecond, resave: 20 * time.Millisecond,
	}
}

func newRig(tb testing.TB, change ...func(*Config)) *rig {
	tb.Helper()
	dir := tb.TempDir()
	config := Config{
		HTTPAddr: "127.0.0.1:0", HTTPSAddr: "127.0.0.1:0", DataDir: dir,
		ControlSocket: filepath.Join(dir, "control.sock"),
		BootID:        func() string { return testBoot },
		limits:        shortLimits(),
	}
	for _, c := range change {
		c(&config)
	}
	s, err := New(config)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.ready:
	case err := <-done:
		tb.Fatal(err)
	}
	stopped := false
	r := &rig{server: s, control: NewClient(config.ControlSocket), roots: x509.NewCertPool()}
	r.t, _ = tb.(*testing.T)
	r.http, r.https = s.sockets.http[0].Addr().String(), s.sockets.https[0].Addr().String()
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	}
	tb.Cleanup(r.stop)
	pem, err := r.control.CA(context.Background())
	if err != nil || !r.roots.AppendCertsFromPEM(pem) {
		tb.Fatal("no CA:", err)
	}
	return r
}

// publish makes these routes the table.
func (r *rig) publish(tb testing.TB, routes ...platform.Route) {
	tb.Helper()
	r.revision++
	doc := platform.RouteTable{Revision: r.revision, BootID: testBoot, Console: r.console, Routes: routes}
	if err := r.control.Publish(context.Background(), doc); err != nil {
		tb.Fatal(err)
	}
}

// client speaks to the proxy as a browser would that resolves every name to it.
func (r *rig) client(tb testing.TB) *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			if strings.HasSuffix(addr, ":80") {
				return (&net.Dialer{}).DialContext(ctx, "tcp", r.http)
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", r.https)
		},
		TLSClientConfig:     &tls.Config{RootCAs: r.roots},
		MaxIdleConnsPerHost: 64,
	}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// get returns status and body.
func (r *rig) get(url string, header ...string) (int, string) {
	r.t.Helper()
	return r.send(http.MethodGet, url, nil, header...)
}

func (r *rig) send(method, url string, body io.Reader, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := r.client(r.t).Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, readAll(r.t, res)
}

func readAll(t *testing.T, res *http.Response) string {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// raw opens a TLS connection for host, for requests that no client library sends.
func (r *rig) raw(host string, protos ...string) *tls.Conn {
	r.t.Helper()
	conn, err := tls.Dial("tcp", r.https, &tls.Config{RootCAs: r.roots, ServerName: host, NextProtos: protos})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// rawExchange sends bytes and reads all answers until the server closes or pauses.
func (r *rig) rawExchange(host, request string) string {
	r.t.Helper()
	conn := r.raw(host)
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		r.t.Fatal(err)
	}
	var out bytes.Buffer
	_, _ = io.Copy(&out, conn) // ends with the deadline on a kept connection
	return out.String()
}

// startApp is an app with one replica.
func startApp(tb testing.TB, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	tb.Cleanup(s.Close)
	return s
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// routeTo leads host to apps, as release 1.
func routeTo(host string, apps ...*httptest.Server) platform.Route {
	r := platform.Route{Host: host, App: strings.Split(host, ".")[0], Release: 1}
	for _, a := range apps {
		r.Targets = append(r.Targets, platform.Target{ID: a.URL, Address: a.Listener.Addr().String()})
	}
	return r
}

// rawApp is an app that shows every byte it gets and answers each request with the same bytes.
func rawApp(t *testing.T, answer string) (addr string, got func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var seen lockedBuffer
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				br := bufio.NewReader(io.TeeReader(conn, &seen))
				for {
					req, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if _, err := io.WriteString(conn, answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String(), seen.String
}

// eventually polls until ok, for fifteen seconds at most.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			tb.Fatal("never happened:", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func mustContain(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q is not in:\n%s", part, text)
	}
}

func mustLack(t *testing.T, text, part string) {
	t.Helper()
	if strings.Contains(text, part) {
		t.Errorf("%q is in:\n%s", part, text)
	}
}

func tableOf(revision int64, routes ...platform.Route) platform.RouteTable {
	return platform.RouteTable{Revision: revision, BootID: testBoot, Routes: routes}
}

func poolOf(t *testing.T, pem []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in", string(pem))
	}
	return pool
}
