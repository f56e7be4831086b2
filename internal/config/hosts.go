package config

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Local is the name under which every server answers on the machine itself.
const Local = "localhost"

// DefaultSuffix is the wildcard DNS that makes ready names of addresses.
const DefaultSuffix = "sslip.io"

// ConsoleHosts are the names of the console, API and git; the first is the one that people are told.
func (c Config) ConsoleHosts() []string { return c.hosts("console") }

// AppHosts are the names that an app gets by itself; the first is the one that people are told.
func (c Config) AppHosts(name string) []string { return c.hosts(name) }

// hosts holds the one rule. With a domain: NAME.DOMAIN. Without one: NAME.a-b-c-d.SUFFIX,
// which the world can resolve. NAME.localhost always, last — but first where the address is
// private and nobody has named it, because then the machine itself is where the visitor is
// most likely to be. Behind them all, the same below each domain that the server has left.
func (c Config) hosts(name string) []string {
	bases := c.Bases()
	hosts := make([]string, len(bases))
	for i, base := range bases {
		hosts[i] = name + "." + base
	}
	return hosts
}

// Bases are the domains below which the console and apps have their names, the one that people are told first.
func (c Config) Bases() []string {
	bases := c.own()
	for _, former := range c.Former {
		if !slices.Contains(bases, former) {
			bases = append(bases, former)
		}
	}
	return bases
}

// own are those without the ones that were left.
func (c Config) own() []string {
	if c.Domain != "" {
		return []string{c.Domain, Local}
	}
	public := c.ReadyBase()
	if public == "" || c.Suffix == Off {
		return []string{Local}
	}
	if c.ip.IsLoopback() || c.PublicIP == "" && private(c.ip) {
		return []string{Local, public}
	}
	return []string{public, Local}
}

// ReadyBase is the domain that resolves to this server's address without anybody's doing: a-b-c-d.SUFFIX.
// "" where no address or no suffix is known.
func (c Config) ReadyBase() string {
	suffix := c.Suffix
	if suffix == Off {
		suffix = DefaultSuffix
	}
	if !c.ip.IsValid() || suffix == "" {
		return ""
	}
	return dashed(c.ip) + "." + suffix
}

// provable reports whether a public CA could give certificates for a host and those below it: it is
// neither local nor made from an address.
func (c Config) provable(host string) bool {
	if host == Local || strings.HasSuffix(host, "."+Local) {
		return false
	}
	for _, suffix := range []string{c.Suffix, DefaultSuffix} {
		if suffix != "" && strings.HasSuffix(host, "."+suffix) {
			return false
		}
	}
	for label := range strings.SplitSeq(host, ".") { // a wildcard DNS that was the suffix once
		if ip, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ".")); err == nil && ip.Is4() {
			return false
		}
	}
	return true
}

// dashed writes an address as one label: 203-0-113-7, 2001-db8--7.
func dashed(ip netip.Addr) string {
	return strings.NewReplacer(".", "-", ":", "-").Replace(ip.String())
}

// shared is what providers put between themselves and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func private(ip netip.Addr) bool {
	return shared.Contains(ip) || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()
}

// IP is the address that visitors reach this server at; invalid when it has none.
func (c Config) IP() netip.Addr { return c.ip }

// Private reports whether that address is reached from its own network only.
func (c Config) Private() bool { return c.ip.IsValid() && private(c.ip) }

// AddressGuessed reports whether names rest on a private address that nobody has named. A
// cloud machine may stand behind another address without knowing it.
func (c Config) AddressGuessed() bool {
	return c.Domain == "" && c.PublicIP == "" && (!c.ip.IsValid() || private(c.ip))
}

// CanACME reports whether a public CA could give a certificate for the host: ACME is
// on, and the name is neither local nor made from the address.
func (c Config) CanACME(host string) bool { return c.ACMEDirectory() != "" && c.provable(host) }

// URL is the https address of a host on this server.
func (c Config) URL(host string) string {
	if c.HTTPSPort != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(c.HTTPSPort))
	}
	return "https://" + host
}

// ConsoleURL is the address of the console that people are told who have not come by another.
func (c Config) ConsoleURL() string { return c.ConsoleURLs()[0] }

// ConsoleURLs are all addresses of the console, that one first.
func (c Config) ConsoleURLs() []string {
	urls := c.ConsoleHosts()
	for i, host := range urls {
		urls[i] = c.URL(host)
	}
	return urls
}

// address is the configured address, or the one that packets to the world would leave
// from. Connecting a UDP socket sends nothing.
func address(configured string) netip.Addr {
	if ip, err := netip.ParseAddr(configured); err == nil {
		return ip
	}
	for _, far := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} {
		conn, err := new(net.Dialer).DialContext(context.Background(), "udp", far)
		if err != nil {
			continue
		}
		local, err := netip.ParseAddrPort(conn.LocalAddr().String())
		_ = conn.Close() // nothing was written
		if err == nil {
			return local.Addr().Unmap().WithZone("")
		}
	}
	return netip.Addr{}
}
