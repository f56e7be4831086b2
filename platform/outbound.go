package platform

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Reach is one place that the server may fetch from although it is not on the public internet:
// a host by its name, or addresses.
type Reach struct {
	Host   string       // lower case; "" when Prefix says which addresses
	Prefix netip.Prefix // one address or a network; invalid when Host is set
	Port   int          // 0 means the usual ones
}

var hostPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// ParseReach reads a list such as "git.example.lan, 10.1.2.0/24, 192.168.1.5:3000".
func ParseReach(text string) ([]Reach, error) {
	var all []Reach
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		r, err := parseReach(strings.ToLower(part))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func parseReach(part string) (Reach, error) {
	wrong := fmt.Errorf("must be names, addresses or networks such as git.example.lan, 192.168.1.5:3000 or 10.1.2.0/24, not %q", part)
	if prefix, err := netip.ParsePrefix(part); err == nil {
		if prefix.Bits() == 0 {
			return Reach{}, wrong // everything is not a list
		}
		return Reach{Prefix: prefix.Masked()}, nil
	}
	host, port := part, 0
	if h, p, err := net.SplitHostPort(part); err == nil {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return Reach{}, wrong
		}
		host, port = h, n
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return Reach{Prefix: netip.PrefixFrom(addr, addr.BitLen()), Port: port}, nil
	}
	if len(host) > 253 || !hostPattern.MatchString(host) || NumericHost(host) {
		return Reach{}, wrong
	}
	return Reach{Host: host, Port: port}, nil
}

// NumericHost reports whether a host ends in what old resolvers read as a part of an address:
// 127.1, 2130706433, 0x7f.0.0.1. No name of the internet's does.
func NumericHost(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
}
