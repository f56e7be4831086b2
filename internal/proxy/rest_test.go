package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// hastyApp answers each connection's first request without a look at its body, and keeps the connection.
func hastyApp(t *testing.T) platform.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go func() {
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.WriteString(conn, okAnswer)
				}
			}()
		}
	}()
	return platform.Target{ID: "hasty", Address: l.Addr().String()}
}

// A body that nobody reads, because the request is answered without it, must not hold the
// connection for as long as its client likes.
func TestA67_StalledBodyThatNobodyReadsIsCut(t *testing.T) {
	r := newRig(t)
	r.publish(t, platform.Route{Host: "a.example.com", Release: 1, Targets: []platform.Target{hastyApp(t)}})
	plain := func() net.Conn {
		conn, err := net.Dial("tcp", r.http)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	secure := func() net.Conn { return r.raw("a.example.com") }
	for name, c := range map[string]struct {
		dial   func() net.Conn
		host   string
		length string
	}{
		"redirect":           {plain, "a.example.com", "Content-Length: 100"},
		"redirect, chunked":  {plain, "a.example.com", "Transfer-Encoding: chunked"},
		"unknown host":       {secure, "b.example.com", "Content-Length: 100"},
		"app that is hasty":  {secure, "a.example.com", "Content-Length: 100"},
		"hasty, a large one": {secure, "a.example.com", "Content-Length: 100000000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := c.dial()
			if err := conn.SetReadDeadline(time.Now().Add(8 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: "+c.host+"\r\n"+c.length+"\r\n\r\n5\r\n"); err != nil {
				t.Fatal(err)
			}
			out, err := io.ReadAll(conn)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection is still open after %q", out)
			}
			if len(out) == 0 {
				t.Error("no answer")
			}
		})
	}
}

// An app that takes nothing of a body: the time for its answer has not begun, so this needs a limit too.
func TestA69_AppThatReadsNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // its queue accepts; nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	r := newRig(t)
	r.publish(t, platform.Route{Host: "a.example.com", Release: 1, Targets: []platform.Target{{ID: "deaf", Address: l.Addr().String()}}})
	conn := r.raw("a.example.com")
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: 1000000000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(conn, zeros{}) // for as long as it is taken
	}()
	eventually(t, "it is under way", func() bool { return sum(r.server.status().InFlight) == 1 })
	eventually(t, "the target is given up", func() bool { return sum(r.server.status().InFlight) == 0 })
	_ = conn.Close()
	<-ended
}

// One client's HTTP/2 streams: without a limit a thousand connections carry a hundred times as many requests.
func TestA68_RequestsOfOneClientAreCapped(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxConnsPerIP = 5 })
	release := make(chan struct{})
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, "served")
	})))
	framer, headers := startHTTP2(t, r.raw("a.example.com", "h2"))
	for i := range 5 {
		writeRequest(t, framer, headers, uint32(2*i+1), "/")
	}
	eventually(t, "five are under way", func() bool { return sum(r.server.status().InFlight) == 5 })
	if status, body := r.get("https://a.example.com/"); status != http.StatusServiceUnavailable {
		t.Error("a sixth was let in:", status, body)
	}
	close(release)
	eventually(t, "a place is free again", func() bool {
		status, _ := r.get("https://a.example.com/")
		return status == http.StatusOK
	})
}

func TestConfig_ConnectionsFitTheMemory(t *testing.T) {
	for memory, want := range map[uint64]int{0: 500, 512 << 20: 2048, 1 << 30: 4096, 64 << 30: 10_000} {
		if got := connsIn(memory); got != want {
			t.Errorf("%d MB: %d, want %d", memory>>20, got, want)
		}
	}
	c := Config{DataDir: "/nowhere"}
	if err := c.setDefaults(); err != nil || c.MaxConnsPerIP < 1 || c.MaxConnsPerIP > c.MaxConns || c.MaxConns > 10_000 {
		t.Errorf("%+v, %v", c, err)
	}
}

// The deadline for the rest of one body is not one for the connection's next request.
func TestA67_ConnectionLivesOnAfterABody(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) })))
	conn := r.raw("a.example.com")
	answers := bufio.NewReader(conn)
	for i := range 3 {
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.example.com\r\nContent-Length: 5\r\n\r\nhello"); err != nil {
			t.Fatal(i, err)
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(i, err)
		}
		if body := readAll(t, res); body != "hello" {
			t.Error(i, body)
		}
		<-time.After(2 * shortLimits().stall) // longer than the deadline
	}
}
