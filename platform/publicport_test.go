package platform_test

import (
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestParseSources(t *testing.T) {
	for want, given := range map[string][]string{
		"203.0.113.7/32":                 {"203.0.113.7"},
		"203.0.113.0/24 2001:db8::/48":   {" 203.0.113.9/24", "2001:db8::1/48"},
		"203.0.113.7/32 2001:db8::7/128": {"::ffff:203.0.113.7", "2001:db8::7"},
		"10.20.0.0/16 fd00:1234::/32":    {"10.20.0.0/16", "fd00:1234::/32"},
	} {
		if got, err := platform.ParseSources(given); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", given, got, err, want)
		}
	}
	many := make([]string, 21)
	for i := range many {
		many[i] = "203.0.113.7"
	}
	for _, c := range []struct {
		code  string
		given []string
	}{
		{"public_port_from_missing", nil},
		{"public_port_from_missing", many},
		{"public_port_from_invalid", []string{"203.0.113.7", ""}},
		{"public_port_from_invalid", []string{"example.com"}},
		{"public_port_from_invalid", []string{"203.0.113.7:5432"}},
		{"public_port_from_invalid", []string{"fe80::1%eth0"}},
		{"public_port_from_wide", []string{"0.0.0.0/0"}},
		{"public_port_from_wide", []string{"::/0"}},
		{"public_port_from_wide", []string{"203.0.0.0/15"}},
		{"public_port_from_wide", []string{"::ffff:0.0.0.0/96"}},
	} {
		if _, err := platform.ParseSources(c.given); err == nil || platform.AsError(err).Code != c.code {
			t.Errorf("%q: got %v, want %s", c.given, err, c.code)
		}
	}
}
