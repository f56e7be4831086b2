package outbound

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	askTime  = 10 * time.Second // for the program to say where it wants to
	idleTime = time.Minute      // without a byte in either direction
)

// Tunnel is a way out for one run of a program.
type Tunnel struct {
	guard    *Guard
	listener net.Listener
	want     string // of the header Proxy-Authorization
	address  string
	left     atomic.Int64 // bytes that may still come in
	conns    sync.WaitGroup
	life     context.Context
	end      context.CancelFunc

	mu  sync.Mutex
	err error // the first thing that went wrong
}

// Tunnel opens a way out through which that many bytes may come in. Close ends it.
func (g *Guard) Tunnel(ctx context.Context, limit int64) (*Tunnel, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening a way out: %w", err)
	}
	secret := rand.Text()
	t := &Tunnel{
		guard: g, listener: listener,
		want:    "Basic " + base64.StdEncoding.EncodeToString([]byte("lugsail:"+secret)),
		address: "http://lugsail:" + secret + "@" + listener.Addr().String(),
	}
	t.left.Store(limit)
	t.life, t.end = context.WithCancel(ctx)
	t.conns.Go(t.accept)
	return t, nil
}

// Proxy is the URL for the program, with the secret in it.
func (t *Tunnel) Proxy() string { return t.address }

// Err tells why the program came no further: what was refused, did not answer, or was too much.
// nil where nothing of that kind happened.
func (t *Tunnel) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Close ends everything that goes through, and waits for it.
func (t *Tunnel) Close() {
	t.end()
	_ = t.listener.Close() // ends accept
	t.conns.Wait()
}

func (t *Tunnel) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

func (t *Tunnel) accept() {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.conns.Go(func() { t.serve(conn) })
	}
}

func (t *Tunnel) serve(conn net.Conn) {
	defer conn.Close()                                             //nolint:errcheck // nothing more to say to it
	defer context.AfterFunc(t.life, func() { _ = conn.Close() })() // ends what waits on it
	_ = conn.SetDeadline(time.Now().Add(askTime))                  // a connection of ours takes deadlines
	in := bufio.NewReader(io.LimitReader(conn, 16<<10))            // the program waits for an answer before it sends more
	request, err := http.ReadRequest(in)
	if err != nil || request.Method != http.MethodConnect || !t.known(request) {
		answer(conn, http.StatusForbidden)
		return
	}
	there, err := t.guard.Dial(t.life, "tcp", request.Host)
	if err != nil {
		if t.life.Err() == nil {
			t.note(err)
		}
		answer(conn, http.StatusBadGateway)
		return
	}
	defer there.Close()                                             //nolint:errcheck // as above
	defer context.AfterFunc(t.life, func() { _ = there.Close() })() // as above
	answer(conn, http.StatusOK)
	t.join(conn, there)
}

func (t *Tunnel) known(r *http.Request) bool {
	got := r.Header.Get("Proxy-Authorization")
	return subtle.ConstantTimeCompare([]byte(got), []byte(t.want)) == 1
}

func answer(conn net.Conn, status int) {
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\n\r\n", status, http.StatusText(status)) // the program may be gone
}

// join hands bytes over in both directions until one side ends or nothing comes for long.
func (t *Tunnel) join(here, there net.Conn) {
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(&moving{there, here}, here) // its end ends the other direction too
		halfClose(there)
	})
	both.Go(func() {
		_, err := io.Copy(&moving{here, there}, &metered{there, &t.left})
		if errors.Is(err, errTooMuch) {
			t.note(errTooMuch)
		}
		_ = here.Close() // what comes in is the answer; without it there is nothing to wait for
		_ = there.Close()
	})
	both.Wait()
}

func halfClose(conn net.Conn) {
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // it may be closed whole already
	}
}

// moving moves the time of both sides on with every write.
type moving struct{ to, from net.Conn }

// Write passes on.
func (m *moving) Write(p []byte) (int, error) {
	end := time.Now().Add(idleTime)
	_, _ = m.to.SetDeadline(end), m.from.SetDeadline(end) // closed ones end by themselves
	return m.to.Write(p)
}

var errTooMuch = platform.Errorf(platform.Invalid, "fetch_too_large", "The repository is larger than Lugsail takes.").
	WithHint("Remove large files from it, also from the newest commit's folders. Data that the app needs can be fetched when it starts.")

// metered ends the reading when more came than may.
type metered struct {
	io.Reader
	left *atomic.Int64
}

// Read counts.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if m.left.Add(-int64(n)) < 0 {
		return 0, errTooMuch
	}
	return n, err
}
