package gitserver

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// How many connections may be between their first byte and a key that is right.
const (
	mostGuests      = 64
	mostOfOneSource = 16
)

// lobby is where SSH connections wait until they have shown a key. When it is full the oldest of
// the network with the most has to go: a client that means it is through within a second, so
// thousands of silent ones keep nobody out.
type lobby struct {
	mu     sync.Mutex
	guests []*guest // the oldest first
}

type guest struct {
	conn    net.Conn
	network string
}

func (l *lobby) enter(conn net.Conn, network string) *guest {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := &guest{conn, network}
	count := map[string]int{}
	for _, other := range l.guests {
		count[other.network]++
	}
	switch {
	case count[network] >= mostOfOneSource:
		l.evict(network)
	case len(l.guests) >= mostGuests:
		most := network
		for _, other := range l.guests { // in their order, so that of equals the oldest counts
			if count[other.network] > count[most] {
				most = other.network
			}
		}
		if count[most] == 0 {
			most = l.guests[0].network
		}
		l.evict(most)
	}
	l.guests = append(l.guests, g)
	return g
}

// evict ends the oldest connection of the network.
func (l *lobby) evict(network string) {
	i := slices.IndexFunc(l.guests, func(g *guest) bool { return g.network == network })
	_ = l.guests[i].conn.Close() // its own goroutine sees it
	l.guests = slices.Delete(l.guests, i, i+1)
}

func (l *lobby) leave(g *guest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guests = slices.DeleteFunc(l.guests, func(other *guest) bool { return other == g })
}

// networkOf is what counts as one source: an IPv4 address, or a /64 of IPv6.
func networkOf(source string) string {
	addr, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return source
	}
	return prefix.String()
}
