package config

import (
	"strings"
	"testing"
)

func TestNetworkAllow_TakesAddressesNetworksAndPorts(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "10.0.0.5": "10.0.0.5", " 10.0.0.5:3142 , 192.168.7.0/24": "10.0.0.5:3142,192.168.7.0/24",
		"0.0.0.0/0:25": "0.0.0.0/0:25", "169.254.169.254/32:80,": "169.254.169.254:80",
	} {
		var c Config
		if err := setAllow(&c, text); err != nil || allowText(c) != want {
			t.Errorf("%q became %q, %v", text, allowText(c), err)
		}
	}
	for _, text := range []string{"10.0.0.0/8:0", "10.0.0.1/8", "mirror.example.com", "10.0.0.5:x", "10.0.0.5:70000", "fd00::1", "10.0.0.5 -j ACCEPT", strings.Repeat("10.0.0.1,", 51)} {
		var c Config
		if err := setAllow(&c, text); err == nil {
			t.Errorf("%q is taken as %v", text, c.Allow)
		}
	}
}

func FuzzNetworkAllow(f *testing.F) {
	for _, seed := range []string{"10.0.0.5:3142", "192.168.7.0/24,0.0.0.0/0:25", ",,", "::1", "10.0.0.5:3142:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c, again Config
		if setAllow(&c, text) != nil {
			return
		}
		written := allowText(c)
		if err := setAllow(&again, written); err != nil || allowText(again) != written {
			t.Errorf("%q is written as %q, which is read as %q, %v", text, written, allowText(again), err)
		}
		if strings.Trim(written, "0123456789.:/,") != "" {
			t.Errorf("%q brings %q into the rules", text, written)
		}
	})
}
