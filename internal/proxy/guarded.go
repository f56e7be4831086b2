package proxy

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// guarded is a listener that refuses clients with too many connections, and whose
// connections end when the client stops reading.
type guarded struct {
	net.Listener
	gate  *gate
	stall time.Duration
}

// Accept closes what the gate refuses and goes on.
func (l *guarded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := clientKey(conn.RemoteAddr().String())
		if !l.gate.enter(ip) {
			_ = conn.Close() // a refusal
			continue
		}
		return &guardedConn{Conn: conn, leave: sync.OnceFunc(func() { l.gate.leave(ip) }), stall: l.stall}, nil
	}
}

// clientKey is what counts as one client: an IPv4 address, or an IPv6 network of one subscriber.
func clientKey(address string) string {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return ""
	}
	ip := addr.Addr().Unmap()
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}

type guardedConn struct {
	net.Conn
	leave func()
	stall time.Duration
	armed atomic.Int64 // when the deadline was last put off, in nanoseconds; 0 for never, foreign for one that was set from outside
}

const foreign = -1

// Write fails when the other side takes nothing for stall. The deadline is put off in
// coarse steps: it costs a call into the poller each time.
func (c *guardedConn) Write(b []byte) (int, error) {
	now := time.Now()
	if last := c.armed.Load(); last != foreign && (last == 0 || now.UnixNano()-last > int64(c.stall/8)) {
		if err := c.Conn.SetWriteDeadline(now.Add(c.stall + c.stall/8)); err != nil {
			return 0, err
		}
		c.armed.Store(now.UnixNano())
	}
	return c.Conn.Write(b)
}

// SetDeadline takes the place of the one of Write, until it is taken away.
func (c *guardedConn) SetDeadline(t time.Time) error {
	c.yield(t)
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline takes the place of the one of Write, until it is taken away: net/http
// takes all deadlines away after a handshake.
func (c *guardedConn) SetWriteDeadline(t time.Time) error {
	c.yield(t)
	return c.Conn.SetWriteDeadline(t)
}

func (c *guardedConn) yield(t time.Time) {
	if t.IsZero() {
		c.armed.Store(0)
	} else {
		c.armed.Store(foreign)
	}
}

// CloseWrite says that nothing more comes.
func (c *guardedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close also gives the client's place free.
func (c *guardedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
