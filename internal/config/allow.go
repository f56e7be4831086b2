package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Allowed is a network, or one address, that apps and builds may reach in spite of the firewall.
type Allowed struct {
	Net  netip.Prefix
	Port int // 0 means all ports
}

func (a Allowed) String() string {
	address := a.Net.String()
	if a.Net.IsSingleIP() {
		address = a.Net.Addr().String()
	}
	if a.Port == 0 {
		return address
	}
	return address + ":" + strconv.Itoa(a.Port)
}

// mostAllowed bounds the rules that every packet is compared with.
const mostAllowed = 50

func setAllow(c *Config, v string) error {
	c.Allow = nil
	for part := range strings.SplitSeq(v, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		a, err := parseAllowed(part)
		if err != nil {
			return err
		}
		c.Allow = append(c.Allow, a)
	}
	if len(c.Allow) > mostAllowed {
		return fmt.Errorf("must have %d entries at most; a network such as 10.1.0.0/16 stands for many", mostAllowed)
	}
	return nil
}

// parseAllowed takes IPv4 only, as apps have nothing else.
func parseAllowed(text string) (Allowed, error) {
	wrong := fmt.Errorf("%.60q must be an IPv4 address or network, with a port or without, such as 10.0.0.5:3142 or 192.168.7.0/24", text)
	address, port, hasPort := strings.Cut(text, ":")
	var a Allowed
	if hasPort {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return a, wrong
		}
		a.Port = n
	}
	if !strings.Contains(address, "/") {
		address += "/32"
	}
	p, err := netip.ParsePrefix(address)
	if err != nil || !p.Addr().Is4() || p.Masked() != p {
		return a, wrong
	}
	a.Net = p
	return a, nil
}

func allowText(c Config) string {
	texts := make([]string, len(c.Allow))
	for i, a := range c.Allow {
		texts[i] = a.String()
	}
	return strings.Join(texts, ",")
}
