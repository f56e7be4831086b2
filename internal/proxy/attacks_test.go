package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/lugsail/lugsail/platform"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// rawRig leads a.example.com to an app that shows what it gets.
func rawRig(t *testing.T, answer string, change ...func(*Config)) (*rig, func() string) {
	t.Helper()
	r := newRig(t, change...)
	addr, got := rawApp(t, answer)
	r.publish(t, platform.Route{Host: "a.example.com", Release: 1, Targets: []platform.Target{{ID: "raw", Address: addr}}})
	return r, got
}

func TestA61_SmuggledRequestsNeverReachTheApp(t *testing.T) {
	const hidden = "GET /smuggled HTTP/1.1\r\nHost: a.example.com\r\n\r\n"
	post := func(head, body string) string {
		return "POST /first HTTP/1.1\r\nHost: a.example.com\r\n" + head + "\r\n" + body
	}
	for name, request := range map[string]string{
		"CL and TE":            post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+hidden),
		"two CL":               post("Content-Length: 0\r\nContent-Length: 49\r\n", hidden),
		"CL with plus":         post("Content-Length: +49\r\n", hidden),
		"CL list":              post("Content-Length: 0, 49\r\n", hidden),
		"TE identity":          post("Transfer-Encoding: identity\r\nContent-Length: 0\r\n", ""),
		"TE xchunked":          post("Transfer-Encoding: xchunked\r\nContent-Length: 49\r\n", hidden),
		"TE twice":             post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
		"TE with tab":          post("Transfer-Encoding:\tchunked\r\nContent-Length: 49\r\n", "0\r\n\r\n"),
		"TE vertical tab":      post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
		"space before colon":   post("Content-Length : 49\r\n", hidden),
		"bare LF in chunk":     post("Transfer-Encoding: chunked\r\n", "1\nx\r\n0\r\n\r\n"),
		"chunk size overflow":  post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"),
		"obsolete folding":     post("X-A: b\r\n Content-Length: 49\r\n", ""),
		"NUL in a header":      post("X-A: a\x00b\r\n", ""),
		"CR in a header":       post("X-A: a\rContent-Length: 49\r\n", ""),
		"CL in a GET":          "GET /first HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: 49\r\nContent-Length: 0\r\n\r\n" + hidden,
		"trailer Content-Len":  post("Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n", "0\r\nContent-Length: 49\r\n\r\n"),
		"HTTP/1.0 and chunked": "POST /first HTTP/1.0\r\nHost: a.example.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r, got := rawRig(t, okAnswer)
			answers := r.rawExchange("a.example.com", request)
			sent := got()
			if strings.Contains(sent, "/smuggled") && !strings.Contains(sent, "POST /first") {
				t.Errorf("only the hidden request arrived:\n%q", sent)
			}
			if n, m := strings.Count(sent, " HTTP/1.1\r\n"), strings.Count(answers, "HTTP/1."); n > m {
				t.Errorf("%d requests arrived for %d answers:\n%q\n%q", n, m, sent, answers)
			}
			if strings.Count(sent, " HTTP/1.1\r\n") > 1 {
				t.Errorf("two requests from one:\n%q", sent)
			}
			for _, bad := range []string{"+49", "identity", "xchunked", "\x0b", "\x00", "Content-Length :"} {
				mustLack(t, sent, bad)
			}
			if sent != "" && strings.Contains(sent, "Content-Length") && strings.Contains(sent, "Transfer-Encoding") {
				t.Errorf("both lengths went on:\n%q", sent)
			}
		})
	}
}

func TestA62_ForwardedHeadersAreTheProxysOwn(t *testing.T) {
	r, got := rawRig(t, okAnswer, func(c *Config) { c.PublicHTTPSPort = 8443 })
	r.get("https://a.example.com/",
		"X-Forwarded-For", "6.6.6.6", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil", "X-Forwarded-Port", "1",
		"X-Forwarded-Prefix", "/evil", "X-Forwarded", "evil", "Forwarded", "for=6.6.6.6", "X-Real-IP", "6.6.6.6", "Proxy", "http://evil",
		"X_Forwarded_For", "6.6.6.6", "X.Forwarded.For", "6.6.6.6", "X_real_ip", "6.6.6.6", "X-Mine", "kept")
	sent := got()
	for _, want := range []string{
		"X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Proto: https\r\n", "X-Forwarded-Host: a.example.com:8443\r\n",
		"X-Forwarded-Port: 8443\r\n", "Host: a.example.com:8443\r\n", "X-Mine: kept\r\n",
	} {
		mustContain(t, sent, want)
	}
	for _, bad := range []string{"6.6.6.6", "evil", "_", "X."} {
		mustLack(t, sent, bad)
	}
}

func TestA63_HopByHopCannotStripForwardedHeaders(t *testing.T) {
	r, got := rawRig(t, okAnswer)
	r.rawExchange("a.example.com", "GET / HTTP/1.1\r\nHost: a.example.com\r\nConnection: close, X-Forwarded-For, X-Forwarded-Proto, Host, X-Gone\r\nX-Gone: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n\r\n")
	sent := got()
	for _, want := range []string{"X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-Proto: https\r\n", "Host: a.example.com\r\n"} {
		mustContain(t, sent, want)
	}
	for _, bad := range []string{"X-Gone", "Keep-Alive", "Connection"} {
		mustLack(t, sent, bad)
	}
}

func TestA64_MethodsAndUpgrades(t *testing.T) {
	r, got := rawRig(t, okAnswer)
	for _, request := range []string{
		"CONNECT a.example.com:443 HTTP/1.1\r\nHost: a.example.com:443\r\nConnection: close\r\n\r\n",
		"TRACE / HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n",
	} {
		if out := r.rawExchange("a.example.com", request); !strings.HasPrefix(out, "HTTP/1.1 405") {
			t.Error(out)
		}
	}
	if sent := got(); sent != "" {
		t.Errorf("it reached the app:\n%s", sent)
	}
	r.rawExchange("a.example.com", "GET /h2c HTTP/1.1\r\nHost: a.example.com\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
	mustContain(t, got(), "GET /h2c")
	for _, bad := range []string{"Upgrade", "h2c\r", "Settings"} {
		mustLack(t, got(), bad)
	}
}

// An app that refuses the upgrade: what follows on the client's connection is a request
// like any other, on another connection to the app.
func TestA64_RefusedWebSocketIsNotATunnel(t *testing.T) {
	var mu sync.Mutex
	conns := map[string]string{}
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		conns[req.URL.Path] = req.RemoteAddr
		_, _ = io.WriteString(w, "no upgrade, "+req.Header.Get("X-Forwarded-For"))
	})))
	out := r.rawExchange("a.example.com", "GET /ws HTTP/1.1\r\nHost: a.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"+
		"GET /second HTTP/1.1\r\nHost: a.example.com\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
	if strings.Count(out, "no upgrade, 127.0.0.1") != 2 {
		t.Error(out)
	}
	mu.Lock()
	defer mu.Unlock()
	if conns["/ws"] == "" || conns["/ws"] == conns["/second"] {
		t.Error("the connection was used again:", conns)
	}
}

func TestA65_OneNormalHostDecidesAndArrives(t *testing.T) {
	for name, c := range map[string]struct{ line, host, want string }{
		"upper case":     {"GET / HTTP/1.1", "A.EXAMPLE.com", "a.example.com"},
		"trailing dot":   {"GET / HTTP/1.1", "a.example.com.", "a.example.com"},
		"port":           {"GET / HTTP/1.1", "a.example.com:8443", "a.example.com"},
		"absolute form":  {"GET http://a.example.com/x HTTP/1.1", "b.example.com", "a.example.com"},
		"absolute, case": {"GET https://A.example.COM:99/x HTTP/1.1", "b.example.com", "a.example.com"},
		"other host":     {"GET / HTTP/1.1", "b.example.com", ""},
		"userinfo":       {"GET / HTTP/1.1", "x@a.example.com", ""},
		"path":           {"GET / HTTP/1.1", "a.example.com/x", ""},
		"empty":          {"GET / HTTP/1.1", "", ""},
		"IP":             {"GET / HTTP/1.1", "127.0.0.1", ""},
		"two":            {"GET / HTTP/1.1", "a.example.com\r\nHost: b.example.com", ""},
		"bad port":       {"GET / HTTP/1.1", "a.example.com:x", ""},
		"suffix":         {"GET / HTTP/1.1", "a.example.com.evil.example", ""},
		"absolute other": {"GET http://b.example.com/ HTTP/1.1", "a.example.com", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, got := rawRig(t, okAnswer)
			out := r.rawExchange("a.example.com", c.line+"\r\nHost: "+c.host+"\r\nConnection: close\r\n\r\n")
			if c.want == "" {
				if got() != "" || !strings.HasPrefix(out, "HTTP/1.1 4") {
					t.Errorf("%q\n%q", got(), out)
				}
				return
			}
			mustContain(t, got(), "\r\nHost: "+c.want+"\r\n")
			mustContain(t, got(), "X-Forwarded-Host: "+c.want+"\r\n")
		})
	}
	r, got := rawRig(t, okAnswer)
	out := r.rawExchange("a.example.com", "GET / HTTP/1.0\r\n\r\n")
	if got() != "" || !strings.HasPrefix(out, "HTTP/1.0 404") {
		t.Errorf("HTTP/1.0 without a host: %q %q", got(), out)
	}
}

func TestA66_PathAndQueryArriveUntouched(t *testing.T) {
	targets := []string{
		"/a/../../x", "/%2e%2e/%2e%2e/x", "/a%2fb", "/%00", "/a;b=c/d", "//evil.example/x", "/a//b/", "/x?a=1;b=2&c=3", "/x?%zz&a=b", "/?",
		"/q?" + strings.Repeat("a=1&", 10_001), `/a|b^c"d{e}`, "/ä", "/x?a=b?c=d", "/%E4%A4%80", "/a%20b+c", "/x?" + strings.Repeat("long", 2000),
	}
	for _, target := range targets {
		r, got := rawRig(t, okAnswer)
		out := r.rawExchange("a.example.com", "GET "+target+" HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n")
		want := target
		if target == "/ä" {
			want = "/%C3%A4" // raw bytes above ASCII go escaped: the standard does not know them
		}
		if line, _, _ := strings.Cut(got(), "\r\n"); line != "GET "+want+" HTTP/1.1" {
			t.Errorf("%.80q arrived as %.80q (%.60q)", target, line, out)
		}
	}
}

// HTTP/2 lets a space through in :path. It must not end the request line.
func TestA66_SpaceInAnHTTP2PathIsEscaped(t *testing.T) {
	r, got := rawRig(t, okAnswer)
	conn := r.raw("a.example.com", "h2")
	framer, headers := startHTTP2(t, conn)
	writeRequest(t, framer, headers, 1, "/x HTTP/1.1\tX:")
	writeRequest(t, framer, headers, 3, "/y HTTP/1.1")
	readUntil(t, framer, func(f http2.Frame) bool {
		h, ok := f.(*http2.HeadersFrame)
		return ok && h.StreamID == 3
	})
	mustLack(t, got(), "GET /x HTTP/1.1\t")
	mustContain(t, got(), "GET /y%20HTTP/1.1 HTTP/1.1\r\n")
}

func TestA67_SlowHeadersAreCut(t *testing.T) {
	r, got := rawRig(t, okAnswer, func(c *Config) { c.limits.header = time.Second })
	conn := r.raw("a.example.com")
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.example.com\r\nX-Slow: ")
	began := time.Now()
	_, _ = io.Copy(io.Discard, conn)
	if took := time.Since(began); took > 3*time.Second || got() != "" {
		t.Error("it stayed open for", took, got())
	}
}

func TestA67_StalledHandshakeIsCut(t *testing.T) {
	r := newRig(t, func(c *Config) { c.limits.header = 500 * time.Millisecond })
	conn, err := net.Dial("tcp", r.https)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	began := time.Now()
	_ = conn.SetReadDeadline(began.Add(8 * time.Second))
	_, _ = io.Copy(io.Discard, conn)
	if took := time.Since(began); took > 3*time.Second {
		t.Error("it stayed open for", took)
	}
}

func TestA67_StalledBodyIsCutAndAMovingOneIsNot(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, req *http.Request) {
		n, err := io.Copy(io.Discard, req.Body)
		if err == nil {
			_, _ = fmt.Fprintf(w, "got %d", n)
		}
	})))
	conn := r.raw("a.example.com")
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: 100\r\n\r\nhello")
	began := time.Now()
	out, _ := io.ReadAll(conn)
	if took := time.Since(began); took > 3*time.Second || !strings.HasPrefix(string(out), "HTTP/1.1 408") {
		t.Errorf("%s %q", took, out)
	}
	slow := &steps{parts: 8, pause: shortLimits().stall / 3}
	if _, body := r.send(http.MethodPost, "https://a.example.com/", slow); body != "got 8" {
		t.Error("a slow upload that goes on was cut:", body)
	}
}

// steps is a body of single bytes with pauses.
type steps struct {
	parts int
	pause time.Duration
}

func (s *steps) Read(p []byte) (int, error) {
	if s.parts == 0 {
		return 0, io.EOF
	}
	<-time.After(s.pause)
	s.parts--
	p[0] = 'x'
	return 1, nil
}

// A client that stops reading loses its stream, over both protocols, and its target is free again.
func TestA67_StalledReaderIsCut(t *testing.T) {
	for _, proto := range []string{"http/1.1", "h2"} {
		t.Run(proto, func(t *testing.T) {
			r := newRig(t)
			ended := make(chan struct{})
			r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, _ *http.Request) {
				defer close(ended)
				part := bytes.Repeat([]byte("x"), 64<<10)
				for range 4096 { // far more than all buffers on the way
					if _, err := w.Write(part); err != nil {
						return
					}
				}
				t.Error("everything was taken")
			})))
			conn := r.raw("a.example.com", proto)
			if proto == "h2" {
				framer, headers := startHTTP2(t, conn)
				writeRequest(t, framer, headers, 1, "/")
			} else if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ended:
			case <-time.After(15 * time.Second):
				t.Fatal("the app still writes")
			}
			eventually(t, "the request is counted out", func() bool { return sum(r.server.status().InFlight) == 0 })
		})
	}
}

func TestA67_ConnectionsOfOneClientAreCapped(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConnsPerIP = 5 })
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	open := func() bool {
		conn, err := net.Dial("tcp", r.http)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x.example.com\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err = http.ReadResponse(bufio.NewReader(conn), nil)
		return err == nil
	}
	for i := range 5 {
		if !open() {
			t.Fatal("connection", i, "was refused")
		}
	}
	if open() {
		t.Error("a sixth connection was served")
	}
	_ = conns[0].Close()
	eventually(t, "a place is free again", open)
}

func TestA67_LargeHeadersAreRefused(t *testing.T) {
	r, got := rawRig(t, okAnswer)
	status, _ := r.get("https://a.example.com/", "Cookie", strings.Repeat("x", 100<<10))
	if status != http.StatusRequestHeaderFieldsTooLarge || got() != "" {
		t.Error(status)
	}
}

func TestA68_RapidResetEndsTheConnection(t *testing.T) {
	r := newRig(t)
	var most, now, all atomic.Int64
	r.publish(t, routeTo("a.example.com", startApp(t, func(_ http.ResponseWriter, req *http.Request) {
		all.Add(1)
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-req.Context().Done()
		now.Add(-1)
	})))
	conn := r.raw("a.example.com", "h2")
	framer, headers := startHTTP2(t, conn)
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection was not ended")
		}
	})
	sent := 0
	for ; sent < 100_000; sent++ {
		id := uint32(2*sent + 1)
		if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: headers("/"), EndHeaders: true, EndStream: true}) != nil ||
			framer.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break
		}
	}
	wg.Wait()
	// How many fit into the sockets' buffers before the end is the machine's matter.
	if most.Load() > 128 || all.Load() > 2*maxResets {
		t.Errorf("%d requests sent; %d reached the app, %d at once", sent, all.Load(), most.Load())
	}
	if status, _ := r.get("http://a.example.com/"); status != 308 {
		t.Error("others are not served:", status)
	}
}

func startHTTP2(t *testing.T, conn net.Conn) (*http2.Framer, func(string) []byte) {
	t.Helper()
	framer := http2.NewFramer(conn, conn)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	return framer, func(path string) []byte {
		block.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "a.example.com"}, {":path", path}} {
			_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // into memory
		}
		return block.Bytes()
	}
}

func writeRequest(t *testing.T, framer *http2.Framer, headers func(string) []byte, id uint32, path string) {
	t.Helper()
	err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: headers(path), EndHeaders: true, EndStream: true})
	if err != nil {
		t.Fatal(err)
	}
}

func readUntil(t *testing.T, framer *http2.Framer, found func(http2.Frame) bool) {
	t.Helper()
	for range 100 {
		f, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if found(f) {
			return
		}
	}
	t.Fatal("not among 100 frames")
}

func TestA69_BadAnswersOfAnApp(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		status string
	}{
		"garbage":         {"hello\r\n\r\n", "502"},
		"endless headers": {"HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", "502"},
		"101 unasked":     {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "502"},
		"1xx flood":       {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 1000) + okAnswer, "200"},
		"two lengths":     {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nok", "502"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := rawRig(t, c.answer)
			conn := r.raw("a.example.com")
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
			out, _ := io.ReadAll(conn)
			mustContain(t, string(out), "HTTP/1.1 "+c.status)
			if n := strings.Count(string(out), "103 Early"); n > maxInformational {
				t.Error("informational answers passed on:", n)
			}
		})
	}
}

func TestA69_AppThatNeverAnswers(t *testing.T) {
	r := newRig(t, func(c *Config) { c.limits.response = 200 * time.Millisecond })
	r.publish(t, routeTo("a.example.com", startApp(t, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })))
	if status, _ := r.get("https://a.example.com/"); status != http.StatusGatewayTimeout {
		t.Error(status)
	}
}

// A cut answer must look cut to the client, never complete.
func TestA69_AnswerThatBreaksOffIsNotPassedAsWhole(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half of it")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})))
	for _, h2 := range []bool{false, true} {
		c := r.client(t)
		c.Transport.(*http.Transport).ForceAttemptHTTP2 = h2
		res, err := c.Get("https://a.example.com/")
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("HTTP/2 %v: %q passed as whole", h2, body)
		}
		_ = res.Body.Close()
	}
}
