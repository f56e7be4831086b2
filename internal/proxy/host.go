package proxy

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// normalHost gives the one form of a host in which routes are found: lower case,
// ASCII, without port, trailing dot and brackets. "" means that it is no host name.
func normalHost(host string) string {
	host = strings.TrimSuffix(withoutPort(host), ".")
	if host == "" || len(host) > 253 {
		return ""
	}
	if plainHost(host) {
		return host
	}
	if inside, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inside, "]") {
		host = strings.TrimSuffix(inside, "]")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().WithZone("").String()
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil || !plainHost(ascii) {
		return ""
	}
	return ascii
}

func withoutPort(host string) string {
	colon := strings.LastIndexByte(host, ':')
	switch {
	case colon < 0:
		return host
	case host[0] == '[':
		if end := strings.IndexByte(host, ']'); end >= 0 && (end == len(host)-1 || end+1 == colon) {
			return host[:end+1]
		}
		return host
	case strings.IndexByte(host, ':') != colon:
		return host // an IPv6 address without brackets
	}
	for _, c := range []byte(host[colon+1:]) {
		if c < '0' || c > '9' {
			return ""
		}
	}
	return host[:colon]
}

// plainHost reports whether host is in the normal form already; most are.
func plainHost(host string) bool {
	label := 0
	for i := range len(host) {
		c := host[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
			label++
		case c == '.' && label > 0:
			label = 0
		default:
			return false
		}
	}
	return label > 0
}

// isIP reports whether a normal host is an IP address.
func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
