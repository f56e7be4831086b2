package proxy

import (
	"net"
	"net/netip"
	"sync"
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
		ip := clientKey(conn.RemoteAddr())
		if !l.gate.enter(ip) {
			_ = conn.Close() // a refusal
			continue
		}
		return &guardedConn{Conn: conn, leave: sync.OnceFunc(func() { l.gate.leave(ip) }), stall: l.stall}, nil
	}
}

// clientKey is what counts as one client: an IPv4 address, or an IPv6 network of one subscriber.
func clientKey(a net.Addr) string {
	addr, err := netip.ParseAddrPort(a.String())
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
	armed time.Time // when the deadline was last put off
}

// Write fails when the client takes nothing for stall. The deadline is put off in
// coarse steps: it costs a call into the poller each time.
func (c *guardedConn) Write(b []byte) (int, error) {
	if now := time.Now(); now.Sub(c.armed) > c.stall/8 {
		c.armed = now
		if err := c.SetWriteDeadline(now.Add(c.stall + c.stall/8)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

// Close also gives the client's place free.
func (c *guardedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
