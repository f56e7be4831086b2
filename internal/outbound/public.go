package outbound

import "net/netip"

// special4 are the networks of IPv4 that are not of the public internet (the registry of RFC 6890).
var special4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
)

// global6 is what of IPv6 is given out. The special networks in it carry an IPv4 address that is
// reached through them (6to4, Teredo), or nobody.
var (
	global6  = netip.MustParsePrefix("2000::/3")
	special6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
)

func prefixes(text ...string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(text))
	for _, t := range text {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// public reports whether an address is one of the public internet. It has no zone and is not a
// mapped one.
func public(addr netip.Addr) bool {
	special := special4
	if addr.Is6() {
		if !global6.Contains(addr) {
			return false
		}
		special = special6
	}
	for _, p := range special {
		if p.Contains(addr) {
			return false
		}
	}
	return addr.IsValid()
}
