package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// stallWatch ends a request whose client neither sends nor takes anything for a while.
// It is armed only while a read or a write waits, so idle event streams and slow
// targets are not its business.
type stallWatch struct {
	after time.Duration
	end   func() // sets a deadline in the past

	mu    sync.Mutex
	timer *time.Timer
	done  bool
}

func (w *stallWatch) arm() {
	if w.timer == nil {
		w.timer = time.AfterFunc(w.after, w.fire)
		return
	}
	w.timer.Reset(w.after)
}

func (w *stallWatch) disarm() { w.timer.Stop() }

func (w *stallWatch) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.done {
		w.end()
	}
}

// finish makes sure that nothing is touched after the handler has returned.
func (w *stallWatch) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

var past = time.Unix(1, 0)

// watchedBody is a request's body that must make progress.
type watchedBody struct {
	io.ReadCloser
	watch   stallWatch
	failed  bool      // reading it failed: the client's fault, not the target's
	ended   time.Time // when all of it was there
	traffic *traffic  // counts its bytes; nil for the console
}

func watchBody(w http.ResponseWriter, body io.ReadCloser, after time.Duration) *watchedBody {
	return &watchedBody{ReadCloser: body, watch: stallWatch{
		after: after,
		end:   func() { _ = http.NewResponseController(w).SetReadDeadline(past) }, // both protocols can
	}}
}

// Read fails when nothing comes for the time of the watch.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.watch.mu.Lock()
	if b.watch.done {
		b.watch.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	b.watch.arm()
	b.watch.mu.Unlock()
	n, err := b.ReadCloser.Read(p)
	b.watch.mu.Lock()
	b.watch.disarm()
	b.failed = err != nil && err != io.EOF
	if err == io.EOF {
		b.ended = time.Now()
	}
	b.watch.mu.Unlock()
	if b.traffic != nil {
		b.traffic.in.Add(uint64(n))
	}
	return n, err
}

// arrived tells when a request that began at a time was there as a whole; without a body that is its beginning.
func (b *watchedBody) arrived(began time.Time) time.Time {
	if b == nil {
		return began
	}
	b.watch.mu.Lock()
	defer b.watch.mu.Unlock()
	if b.ended.IsZero() {
		return began
	}
	return b.ended
}

// readFailed reports whether the client broke off or stalled.
func (b *watchedBody) readFailed() bool {
	b.watch.mu.Lock()
	defer b.watch.mu.Unlock()
	return b.failed
}

// maxInformational bounds the 1xx answers that one request passes on.
const maxInformational = 8

// answer is a ResponseWriter whose writes must make progress over HTTP/2 (there a
// stalled stream does not stall the connection, which has its own deadline), and that
// does not pass on an endless row of 1xx answers.
type answer struct {
	http.ResponseWriter
	informational int
	watch         *stallWatch // nil over HTTP/1
	status        int         // once it is written
	exchange      *exchange
}

func newAnswer(w http.ResponseWriter, r *http.Request, after time.Duration) *answer {
	a := &answer{ResponseWriter: w}
	if r.ProtoMajor >= 2 {
		a.watch = &stallWatch{after: after, end: func() {
			_ = http.NewResponseController(w).SetWriteDeadline(past) // HTTP/2 can
		}}
	}
	return a
}

// WriteHeader passes on the status.
func (a *answer) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols {
		if a.informational++; a.informational > maxInformational {
			return
		}
	}
	if status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write fails when the client takes nothing for the time of the watch.
func (a *answer) Write(p []byte) (int, error) {
	if a.watch != nil {
		a.watch.arm()
		defer a.watch.disarm()
	}
	n, err := a.ResponseWriter.Write(p)
	if t := a.exchange.traffic; t != nil {
		t.out.Add(uint64(n))
	}
	return n, err
}

// FlushError flushes, with the same watch.
func (a *answer) FlushError() error {
	if a.watch != nil {
		a.watch.arm()
		defer a.watch.disarm()
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Hijack gives the connection for a WebSocket, counted in both directions.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil || a.exchange.traffic == nil {
		return conn, rw, err
	}
	a.exchange.count(http.StatusSwitchingProtocols, false)
	return &countedConn{conn, a.exchange.traffic}, rw, nil
}

// countedConn is a visitor's end of a WebSocket.
type countedConn struct {
	net.Conn
	traffic *traffic
}

// Read counts what comes from the visitor.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.traffic.in.Add(uint64(n))
	return n, err
}

// Write counts what goes to the visitor.
func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.traffic.out.Add(uint64(n))
	return n, err
}

// CloseWrite tells the visitor that nothing more comes.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (a *answer) finish() {
	if a.watch != nil {
		a.watch.finish()
	}
}
