package proxy

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// target is one address that requests go to, with what the proxy knows of it. It is
// shared by all routes and tables that name it, and outlives them until it is drained.
type target struct {
	id        string
	address   string
	inFlight  atomic.Int64
	awaited   atomic.Int64 // of inFlight, what Drain waits for: all but WebSockets
	dead      atomic.Bool  // did not accept a connection; looked at again until it does
	retired   atomic.Bool  // in no table any more
	transport *http.Transport
}

const (
	dialTimeout  = 2 * time.Second
	idleToTarget = time.Second // see the package comment
	maxIdle      = 64
	maxHeader    = 1 << 20 // of an app's answer
)

func newTarget(t platform.Target, l limits) *target {
	return &target{id: t.ID, address: t.Address, transport: newTransport(l)}
}

func newTransport(l limits) *http.Transport {
	return &http.Transport{
		DialContext:            dialer(l.stall),
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleToTarget,
		ResponseHeaderTimeout:  l.response,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// dialer connects to targets. A target that takes nothing of a request for stall is given
// up: the time for its answer begins only when it has taken all.
func dialer(stall time.Duration) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &guardedConn{Conn: conn, leave: func() {}, stall: stall}, nil
	}
}

// enter counts a request.
func (t *target) enter() {
	t.inFlight.Add(1)
	t.awaited.Add(1)
}

// release ends what enter began. Connections of a retired target are closed only now,
// when nothing uses them.
func (t *target) release(awaited bool) {
	if awaited {
		t.awaited.Add(-1)
	}
	if t.inFlight.Add(-1) == 0 && t.retired.Load() {
		t.transport.CloseIdleConnections()
	}
}

func (t *target) retire() {
	t.retired.Store(true)
	if t.inFlight.Load() == 0 {
		t.transport.CloseIdleConnections()
	}
}

// revive looks at a dead target until it accepts a connection or is retired.
func (t *target) revive(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if t.retired.Load() || accepts(ctx, t.address) {
			t.dead.Store(false)
			return
		}
	}
}

func accepts(ctx context.Context, address string) bool {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was written
	return true
}

// rotor spreads requests over targets that have equally much to do.
type rotor struct{ next atomic.Uint32 }

// pick chooses the living target with the fewest requests under way, the next in turn
// among equals, and avoid only when there is no other. nil means that none lives.
func (r *route) pick(avoid *target) *target {
	n := len(r.targets)
	if n == 0 {
		return nil
	}
	start := 0
	if n > 1 {
		start = int(r.rotor.next.Add(1) % uint32(n))
	}
	var best, last *target
	var least int64
	for i := range n {
		t := r.targets[(start+i)%n]
		switch {
		case t.dead.Load():
		case t == avoid:
			last = t
		default:
			if load := t.inFlight.Load(); best == nil || load < least {
				best, least = t, load
			}
		}
	}
	if best == nil {
		return last
	}
	return best
}
