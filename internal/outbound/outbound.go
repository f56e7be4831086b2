// Package outbound guards every connection that the server makes to an address which a person
// or a stranger chose: repositories to fetch from, and whatever else is fetched by URL.
//
// What may be reached is decided where a connection is made, on the address that the name
// resolved to (net.Dialer.Control), so a name that resolves elsewhere a moment later gains
// nothing. Allowed are addresses of the public internet on the ports 80, 443 and 8443; the
// owner's list adds places in networks of their own. Everything refused is refused in the same
// words: what is listening behind the guard is not told.
//
// Programs that connect for themselves, such as git, are given a Tunnel: a proxy on the loopback
// interface for one of their runs, with a secret of its own, that does nothing but CONNECT, and
// that by the same rule.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	dialTime    = 10 * time.Second
	resolveTime = 5 * time.Second
)

// usual are the ports that may be reached without a word from the owner.
var usual = []int{80, 443, 8443}

// Guard decides, and connects.
type Guard struct {
	allow   []platform.Reach
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	own     func() []netip.Addr
}

// New makes a guard. allow is what the owner adds to the public internet.
func New(allow []platform.Reach) *Guard {
	return &Guard{allow: allow, resolve: lookup, own: ownAddresses}
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// ownAddresses are those of this machine's network cards: its own services are not the internet.
func ownAddresses() []netip.Addr {
	var all []netip.Addr
	cards, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the public address of this machine is then the only one that is not known
	}
	for _, card := range cards {
		if p, err := netip.ParsePrefix(card.String()); err == nil {
			all = append(all, p.Addr().Unmap())
		}
	}
	return all
}

// Refused is the one answer for everything that the guard does not let through.
func Refused(host string) *platform.Error {
	return platform.Errorf(platform.Invalid, "url_refused", "Lugsail does not fetch from %s.", short(host)).
		WithHint("It fetches from hosts of the public internet, on the ports 443 and 8443. " +
			"The server's owner can allow a host of an own network: outbound_allow in the server's settings.")
}

func short(host string) string {
	if len(host) > 100 {
		host = host[:100] + "…"
	}
	return strconv.QuoteToGraphic(strings.ToValidUTF8(host, "?"))
}

// Check says early whether a host can be fetched from, for whoever names it. What counts is
// asked again where the connection is made.
func (g *Guard) Check(ctx context.Context, host string, port int) error {
	addrs, err := g.addresses(ctx, host)
	if err != nil {
		return err
	}
	for _, addr := range addrs {
		if g.may(host, addr, port) {
			return nil
		}
	}
	return Refused(host)
}

func (g *Guard) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if platform.NumericHost(host) { // a resolver may take it for an address
		return nil, Refused(host)
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	addrs, err := g.resolve(ctx, host)
	if err == nil && len(addrs) > 0 {
		return addrs, nil
	}
	if notFound := new(net.DNSError); errors.As(err, &notFound) && notFound.IsNotFound {
		return nil, platform.Errorf(platform.Invalid, "host_unknown", "There is no host %s.", short(host)).
			WithHint("Check the spelling of the address.").Because(err)
	}
	return nil, platform.Errorf(platform.Unavailable, "host_unresolved", "The name %s could not be looked up.", short(host)).
		WithHint("The server's DNS does not answer, or the host's does not. Try again in a minute.").Because(err)
}

// Dial connects to host:port, to an address that the guard allows. Other addresses of the host
// are passed over.
func (g *Guard) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(address)
	port, portErr := strconv.Atoi(portText)
	if err != nil || portErr != nil {
		return nil, Refused(address)
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	addrs, err := g.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return !g.may(host, a, port) })
	if len(addrs) == 0 {
		return nil, Refused(host)
	}
	return g.dialOne(ctx, network, host, port, addrs)
}

// dialOne tries one address after another; the guard looks once more where the kernel connects.
func (g *Guard) dialOne(ctx context.Context, network, host string, port int, addrs []netip.Addr) (net.Conn, error) {
	var errs []error
	for _, addr := range addrs[:min(4, len(addrs))] {
		dialer := net.Dialer{Timeout: dialTime, Control: func(_, to string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(to)
			if err != nil || !g.may(host, at.Addr(), int(at.Port())) {
				return Refused(host)
			}
			return nil
		}}
		conn, err := dialer.DialContext(ctx, network, netip.AddrPortFrom(addr.Unmap(), uint16(port)).String())
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("connecting to %s: %w", host, ctx.Err())
	}
	return nil, unreachable(host).Because(errors.Join(errs...))
}

func unreachable(host string) *platform.Error {
	return platform.Errorf(platform.Unavailable, "host_unreachable", "%s cannot be reached.", host).
		WithHint("It may be down, or the server's connection to it. Try again in a minute.")
}

// may is the rule.
func (g *Guard) may(host string, addr netip.Addr, port int) bool {
	if addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	for _, a := range g.allow {
		if a.Port != port && (a.Port != 0 || !slices.Contains(usual, port)) {
			continue
		}
		if a.Prefix.IsValid() && a.Prefix.Contains(addr) {
			return true
		}
		if a.Host != "" && a.Host == host && !never(addr) {
			return true
		}
	}
	return slices.Contains(usual, port) && public(addr) && !slices.Contains(g.own(), addr)
}

// never are addresses behind which no host that somebody names can be: a cloud's metadata above all.
func never(addr netip.Addr) bool {
	return addr.IsUnspecified() || addr.IsMulticast() || addr.IsLinkLocalUnicast() || addr.Is4() && addr.As4()[0] == 0
}
