package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestChange_KeepsOtherLinesAndTakesEffectAtTheNextStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	before := "# mine\nhttp_port: 8080\npublic_ip: 203.0.113.7 # the router's\n"
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Sources{File: path})
	if err != nil {
		t.Fatal(err)
	}
	next, err := c.Change(c.Leave(map[string]string{"domain": "Apps.Example.com", "acme_email": "ada@example.com"}, "203-0-113-7.sslip.io"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(Sources{File: path})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"console.apps.example.com", "console.localhost", "console.203-0-113-7.sslip.io"}
	if !slices.Equal(next.ConsoleHosts(), want) || !slices.Equal(again.ConsoleHosts(), want) || !again.Moving() {
		t.Errorf("names %v, after a start %v", next.ConsoleHosts(), again.ConsoleHosts())
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), before) {
		t.Errorf("the owner's lines are not as they were: %q, %v", text, err)
	}
	done, err := again.Change(map[string]string{"former_domains": ""})
	if err != nil || done.Moving() || len(done.ConsoleHosts()) != 2 {
		t.Errorf("after the confirmation: %v, %v", done.ConsoleHosts(), err)
	}
}

func TestChange_RefusesWhatWouldHaveNoEffect(t *testing.T) {
	for name, s := range map[string]Sources{
		"environment": {Environ: []string{"LUGSAIL_DOMAIN=fixed.example.com"}},
		"flag":        {Flags: map[string]string{"domain": "fixed.example.com"}},
	} {
		s.File = filepath.Join(t.TempDir(), "config.yaml")
		c, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Change(map[string]string{"domain": "other.example.com"}); platform.AsError(err).Code != "setting_fixed" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(s.File); !os.IsNotExist(err) {
			t.Errorf("%s: the file was written: %v", name, err)
		}
	}
}

func TestChange_RefusesAWrongValueAndWritesNothing(t *testing.T) {
	c, err := loadFile(t, "domain: a.example.com\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"https://x.example", "localhost", "x", "a b.example", "10.0.0.1", "x.example:8443"} {
		if _, err := c.Change(map[string]string{"domain": wrong}); !platform.IsKind(err, platform.Invalid) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if text, err := os.ReadFile(c.File()); err != nil || string(text) != "domain: a.example.com\n" {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func TestLeave_KeepsWhatCertainlyLeadsHere(t *testing.T) {
	const ip = "public_ip: 203.0.113.7\n"
	for _, c := range []struct{ name, file, asked, want string }{
		{"from a ready name", ip, "203-0-113-7.sslip.io", "203-0-113-7.sslip.io,localhost"},
		{"from the shell", ip, "", "203-0-113-7.sslip.io,localhost"},
		{"from a domain that was never confirmed", ip + "domain: tpyo.example.com\nformer_domains: 203-0-113-7.sslip.io\n", "203-0-113-7.sslip.io", "203-0-113-7.sslip.io"},
		{"from a domain that works, before its confirmation", ip + "domain: new.example.com\nformer_domains: old.example.com\n", "new.example.com", "new.example.com,old.example.com"},
		{"from somewhere else", ip, "evil.example.com", "203-0-113-7.sslip.io,localhost"},
	} {
		cfg, err := loadFile(t, c.file)
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Leave(map[string]string{"domain": "next.example.com"}, c.asked); got["former_domains"] != c.want || got["domain"] != "next.example.com" {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

func TestCarry_LeavesOutWhatBelongsToTheMachine(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.yaml"), filepath.Join(dir, "to.yaml")
	text := "# mine\ndomain: example.com\ndata_dir: /srv/old\ninstance: abcdefgh23\nhttp_port: 8080\nregistry_port: 5006\nkey_file: /srv/key\ndatabase: sealed:x\n"
	if err := os.WriteFile(from, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Carry(from, to); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Sources{File: to})
	if err != nil {
		t.Fatal(err)
	}
	if c.Domain != "example.com" || c.HTTPPort != 8080 || c.RegistryPort != 5006 {
		t.Errorf("what is carried: %q, %d, %d", c.Domain, c.HTTPPort, c.RegistryPort)
	}
	if c.DataDir != "/var/lib/lugsail" || c.Instance != "" || c.KeyFile != "/etc/lugsail/master.key" || c.Database != "" {
		t.Errorf("what belongs to the machine: %q, %q, %q, %q", c.DataDir, c.Instance, c.KeyFile, c.Database)
	}
}
