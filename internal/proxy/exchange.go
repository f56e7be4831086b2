package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
)

// exchange is one request on its way to a target, and its answer.
type exchange struct {
	server  *Server
	host    string
	body    *watchedBody // nil when the request has none
	target  *target      // counts this exchange; nil for the console and while none is chosen
	console bool         // it leads to the control plane
	stream  bool         // a WebSocket or an event stream: not waited for when the proxy ends
	socket  bool         // a WebSocket: not waited for when its target is retired either
	until   time.Time    // when waiting for a target ends; zero until it begins
	began   time.Time
	traffic *traffic // counts it; nil for the console
	counted bool
}

var (
	errNoTarget  = errors.New("no target answers")
	errStarting  = errors.New("no routing table of this boot yet")
	errNoWeb     = errors.New("the app has no web process")
	errNothing   = errors.New("no target in the table")
	errComing    = errors.New("no target in the table yet")
	errUnrouted  = errors.New("host left the table")
	errNoConsole = errors.New("the control plane does not answer")
)

// forward carries one request to where entry leads.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, entry *route) {
	e := &exchange{server: s, host: entry.host, traffic: entry.traffic, began: time.Now()}
	s.ordinary.Add(1)
	defer e.finish()
	defer s.countReset(r)
	if r.ContentLength != 0 && r.Body != nil {
		e.body = watchBody(w, r.Body, s.config.limits.stall)
		e.body.traffic = e.traffic
		defer e.body.watch.finish()
		r.Body = e.body
	}
	proxy := httputil.ReverseProxy{
		Transport:     e,
		Rewrite:       func(pr *httputil.ProxyRequest) { s.rewrite(pr, e.host) },
		FlushInterval: -1,
		BufferPool:    buffers{},
		ErrorHandler:  e.fail,
		ErrorLog:      discard,
		ModifyResponse: func(res *http.Response) error {
			e.received(res, !entry.console)
			return nil
		},
	}
	if entry.console {
		e.console, proxy.Transport = true, s.console
		_ = http.NewResponseController(w).EnableFullDuplex() // git answers while it reads; HTTP/2 is so anyway
	}
	a := newAnswer(w, r, s.config.limits.stall)
	a.exchange = e
	defer a.finish()
	proxy.ServeHTTP(a, r)
}

// received looks at an answer's headers.
func (e *exchange) received(res *http.Response, fromApp bool) {
	if fromApp {
		dropForeignCookies(res.Header, e.server.table.Load().parents)
	}
	e.socket = res.StatusCode == http.StatusSwitchingProtocols
	e.stream = e.socket || strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream")
	if e.stream {
		e.server.ordinary.Add(-1)
	}
	if !e.socket { // which is one when the visitor's connection is taken over
		e.count(res.StatusCode, !e.stream)
	}
	if e.socket && e.target != nil {
		e.target.awaited.Add(-1)
	}
}

func (e *exchange) finish() {
	if !e.stream {
		e.server.ordinary.Add(-1)
	}
	if e.target != nil {
		e.target.release(!e.socket)
	}
}

// RoundTrip sends the request to a target; to another one at once when the first does
// not accept a connection, for then nothing of the request has left. A request that
// only reads is sent once more when its connection broke before an answer.
func (e *exchange) RoundTrip(out *http.Request) (*http.Response, error) {
	var avoid *target
	repeated := false
	for odd := 0; ; {
		if err := e.acquire(out.Context(), avoid); err != nil {
			return nil, err
		}
		res, err := e.send(out)
		switch {
		case err == nil || out.Context().Err() != nil:
			return res, err
		case isDial(err) && isOurs(err):
			if odd++; odd == 3 {
				return nil, err
			}
		case isDial(err):
			e.server.suspect(e.target)
		case !repeated && repeatable(out) && !isTimeout(err):
			repeated = true
		default:
			return nil, err
		}
		avoid = e.target
		e.target.release(true)
		e.target = nil
	}
}

// acquire chooses a target and counts the exchange there. When none lives it waits for
// a new table or a target that came back.
func (e *exchange) acquire(ctx context.Context, avoid *target) error {
	err := e.tryAcquire(avoid)
	for mayChange(err) {
		changed := e.server.changed.next()
		if err = e.tryAcquire(avoid); !mayChange(err) {
			break
		}
		if !e.wait(ctx, changed) {
			return errors.Join(ctx.Err(), err)
		}
		err = e.tryAcquire(avoid)
	}
	return err
}

func mayChange(err error) bool {
	return errors.Is(err, errNoTarget) || errors.Is(err, errStarting) || errors.Is(err, errComing)
}

// wait reports whether something changed before the time that an exchange may wait in all was over.
func (e *exchange) wait(ctx context.Context, changed <-chan struct{}) bool {
	if e.until.IsZero() {
		e.until = time.Now().Add(e.server.config.limits.hold)
	}
	timer := time.NewTimer(time.Until(e.until))
	defer timer.Stop()
	select {
	case <-changed:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return false
	}
}

func (e *exchange) tryAcquire(avoid *target) error {
	for {
		t := e.server.table.Load()
		entry := t.hosts[e.host]
		switch {
		case entry == nil || entry.console:
			return errUnrouted
		case entry.release == 0:
			return errNothing
		case !t.current:
			return errStarting
		case len(entry.targets) == 0 && entry.noWeb:
			return errNoWeb
		case len(entry.targets) == 0 && entry.coming:
			return errComing
		case len(entry.targets) == 0:
			return errNothing
		}
		chosen := entry.pick(avoid)
		if chosen == nil {
			return errNoTarget
		}
		chosen.enter()
		if e.server.table.Load() == t {
			e.target = chosen
			return nil
		}
		chosen.release(true) // switched in between: choose again
	}
}

// send makes one attempt. The body is kept open: the transport closes it also when it
// has read nothing of it.
func (e *exchange) send(out *http.Request) (*http.Response, error) {
	attempt := *out
	address := *out.URL
	address.Host = e.target.address
	attempt.URL = &address
	if out.Body != nil {
		attempt.Body = io.NopCloser(out.Body)
	}
	if attempt.Header.Get("Upgrade") != "" {
		return e.server.upgrade.RoundTrip(&attempt)
	}
	return e.target.transport.RoundTrip(&attempt)
}

// fail answers a request that got no answer from a target.
func (e *exchange) fail(w http.ResponseWriter, r *http.Request, err error) {
	defer e.countFailure(w, r)
	switch {
	case errors.Is(err, errUnrouted):
		pageUnknown.write(w, r)
	case errors.Is(err, errNoWeb):
		pageNoWeb.write(w, r)
	case errors.Is(err, errNothing):
		pageNothing.write(w, r)
	case errors.Is(err, errStarting):
		pageStarting.write(w, r)
	case errors.Is(err, errNoConsole):
		consoleAway(w, r)
	case e.body != nil && e.body.readFailed():
		pageSlow.write(w, r)
	case errors.Is(err, context.Canceled):
		w.WriteHeader(http.StatusBadGateway) // the client has gone; nobody reads it
	default:
		e.server.complain("target did not answer", "host", e.host, "error", err)
		if isTimeout(err) {
			pageTimeout.write(w, r)
			return
		}
		if e.console {
			consoleCut(w, r)
			return
		}
		pageDead.write(w, r)
	}
}

// consoleAway answers a request that has not reached the control plane.
func consoleAway(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		pageConsole.write(w, r)
		return
	}
	pageConsole.problem(w, "console_away", "The console is restarting, or does not run.",
		"Try again in a few seconds. On the server, `lugsail service status` shows whether it runs.")
}

// consoleCut answers a request that the control plane had begun when it ended. What only reads can just be asked again.
func consoleCut(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		consoleAway(w, r)
	case strings.HasPrefix(r.URL.Path, "/api/"):
		pageCut.problem(w, "console_cut", "The console was restarted while it worked on this, so nobody knows how far it came.",
			"Look whether it is done. If not, send it again in a few seconds.")
	default:
		pageCut.write(w, r)
	}
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// repeatable reports whether a request can be sent twice: it asks only, and has no body.
func repeatable(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions) &&
		r.Body == nil && !httpguts.HeaderValuesContainsToken(r.Header["Connection"], "Upgrade")
}

// buffers lends the memory for copying bodies.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// Get lends a buffer.
func (buffers) Get() []byte { return bufferPool.Get().(*[32 << 10]byte)[:] }

// Put takes it back.
func (buffers) Put(b []byte) { bufferPool.Put((*[32 << 10]byte)(b)) }
