package platform

import (
	"net/netip"
	"strings"
	"time"
)

// PublicPort lets some addresses of the internet reach an add-on for a while, past its private network.
//
// What goes through it is as the add-on's own protocol has it: Lugsail encrypts nothing there.
type PublicPort struct {
	AddonID   string    `gorm:"primaryKey"`           // an add-on has one at most
	Port      int       `gorm:"uniqueIndex;not null"` // of this server
	Inside    int       `gorm:"not null"`             // of the add-on's replica
	Sources   string    `gorm:"not null"`             // who may: networks in CIDR notation, by spaces
	Until     time.Time `gorm:"not null"`
	CreatedAt time.Time
	CreatedBy string // the account's e-mail address
}

// Bounds of public ports.
const (
	PublicPortTime     = 24 * time.Hour // that one stays open where nobody says how long
	MaxPublicPortTime  = 30 * 24 * time.Hour
	maxPublicPortFroms = 20
)

// Networks are those that may connect.
func (p PublicPort) Networks() []netip.Prefix {
	var all []netip.Prefix
	for text := range strings.FieldsSeq(p.Sources) {
		if network, err := netip.ParsePrefix(text); err == nil {
			all = append(all, network)
		}
	}
	return all
}

// ParseSources reads who may connect to a public port: addresses, and networks of 65,536 addresses at most (IPv6: /32).
func ParseSources(texts []string) (string, error) {
	var all []string
	for _, text := range texts {
		text = strings.TrimSpace(text)
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil || address.Zone() != "" {
				return "", Errorf(Invalid, "public_port_from_invalid", "%s is no address and no network.", quoteShort(text)).
					WithHint("Give who may connect as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48.")
			}
			address = address.Unmap()
			network = netip.PrefixFrom(address, address.BitLen())
		}
		widest := 16
		if network.Addr().Is6() {
			widest = 32
		}
		if network.Bits() < widest || network.Addr().Is4In6() {
			return "", Errorf(Invalid, "public_port_from_wide", "%s is too much of the internet.", quoteShort(text)).
				WithHint("A database is found by strangers within minutes. Name the addresses that need it; the widest are /16, and /32 of IPv6.")
		}
		all = append(all, network.Masked().String())
	}
	if len(all) == 0 || len(all) > maxPublicPortFroms {
		return "", Errorf(Invalid, "public_port_from_missing", "Say who may connect: 1 to %d addresses or networks.", maxPublicPortFroms).
			WithHint("For one program on your own computer, lugsail addons tunnel opens nothing at all.")
	}
	return strings.Join(all, " "), nil
}

// OpenPort is a public port as the proxy has it.
type OpenPort struct {
	Port    int            `json:"port"`
	Sources []netip.Prefix `json:"sources"` // who may connect
	Until   time.Time      `json:"until"`
	Addon   string         `json:"addon"`  // its name
	Target  string         `json:"target"` // "10.201.0.2:5432"; "" while it does not run
}
