package config

import (
	"slices"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestSSHPort_CanBeAnotherOrOff(t *testing.T) {
	for given, want := range map[string]struct {
		port    int
		text    string
		address string
		ports   []int
	}{
		"":     {2222, "2222", ":2222", []int{80, 443, 2222}},
		"2022": {2022, "2022", ":2022", []int{80, 443, 2022}},
		"off":  {0, "off", "", []int{80, 443}},
		"0":    {0, "off", "", []int{80, 443}},
	} {
		flags := map[string]string{}
		if given != "" {
			flags["ssh-port"] = given
		}
		c, err := load(t, "", nil, flags)
		if err != nil {
			t.Fatal(err)
		}
		if c.SSHPort != want.port || c.Setting("ssh_port") != want.text || c.SSHAddress() != want.address || !slices.Equal(c.Ports(), want.ports) {
			t.Errorf("%q: %d %q %q %v, want %+v", given, c.SSHPort, c.Setting("ssh_port"), c.SSHAddress(), c.Ports(), want)
		}
		if err := c.Write(); err != nil {
			t.Fatal(err)
		}
		again, err := Load(Sources{File: c.File()})
		if err != nil || again.SSHPort != want.port {
			t.Errorf("%q was written, and read as %d, %v", given, again.SSHPort, err)
		}
	}
	for _, bad := range []string{"443", "5005", "-1", "x", "70000", "on"} {
		if _, err := load(t, "", nil, map[string]string{"ssh-port": bad}); !platform.IsKind(err, platform.Invalid) {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
}
