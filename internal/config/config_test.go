package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func load(t *testing.T, file string, environ []string, flags map[string]string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if file != "" {
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(Sources{File: path, Environ: environ, Flags: flags})
}

func loadFile(t *testing.T, file string) (Config, error) {
	t.Helper()
	return load(t, file, nil, nil)
}

func TestLoad_FlagBeforeEnvironmentBeforeFileBeforeDefault(t *testing.T) {
	file := "http_port: 8080\nhttps_port: 8443\nlog_level: warn\n"
	env := []string{"LUGSAIL_HTTPS_PORT=9443", "LUGSAIL_LOG_LEVEL=error", "LUGSAIL_TOKEN=not a setting"}
	c, err := load(t, file, env, map[string]string{"log-level": "debug"})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTPPort != 8080 || c.HTTPSPort != 9443 || c.LogLevel != "debug" || c.RegistryPort != 5005 {
		t.Fatalf("got http %d, https %d, level %s, registry %d", c.HTTPPort, c.HTTPSPort, c.LogLevel, c.RegistryPort)
	}
}

func TestLoad_WrongSettingIsASentenceWithItsSource(t *testing.T) {
	cases := []struct {
		name, file string
		env        []string
		flags      map[string]string
		says       []string
	}{
		{"port", "", nil, map[string]string{"http-port": "80x"}, []string{`http_port is "80x"`, "--http-port", "1 to 65535"}},
		{"environment", "", []string{"LUGSAIL_DOMAIN=https://x.example"}, nil, []string{"domain is", "LUGSAIL_DOMAIN"}},
		{"file", "data_dir: var/lib\n", nil, nil, []string{"data_dir", "config.yaml", "absolute path"}},
		{"unknown", "htp_port: 80\n", nil, nil, []string{"htp_port", "does not exist"}},
		{"syntax", "a: b: c\n", nil, nil, []string{"not valid"}},
		{"list", "domain: [a, b]\n", nil, nil, []string{"must be one value", "with commas"}},
		{"same ports", "http_port: 443\n", nil, nil, []string{"both 443"}},
		{"networks", "", nil, map[string]string{"build-subnet": "10.201.7.0/24"}, []string{"share addresses"}},
		{"docker over tcp", "", nil, map[string]string{"docker-host": "tcp://1.2.3.4:2375"}, []string{"docker_host", "unix socket"}},
		{"key in data", "", nil, map[string]string{"key-file": "/var/lib/lugsail/key"}, []string{"key_file lies inside"}},
		{"acme", "acme_directory: http://x.example\n", nil, nil, []string{"acme_directory", "https://"}},
		{"email", "acme_email: ada\n", nil, nil, []string{"acme_email", "e-mail"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			_, err := load(t, tc.file, tc.env, tc.flags)
			var e *platform.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a platform.Error", err)
			}
			for _, s := range tc.says {
				if !strings.Contains(e.Message, s) {
					t.Errorf("%q does not say %q", e.Message, s)
				}
			}
			if e.Hint == "" {
				t.Error("no hint")
			}
		})
	}
}

func TestWrite_ThenLoadGivesTheSame(t *testing.T) {
	c, err := load(t, "", nil, map[string]string{
		"domain": "Apps.Example.com.", "http-port": "8080", "manage-docker": "true", "instance": "l123456",
		"app-pool": "10.77.0.0/16", "watch-seconds": "5", "public-ip": "203.0.113.7",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(); err != nil {
		t.Fatal(err)
	}
	again, err := Load(Sources{File: c.File()})
	if err != nil {
		t.Fatal(err)
	}
	c.sources, again.sources = nil, nil
	if !reflect.DeepEqual(c, again) {
		t.Fatalf("wrote %+v, read %+v", c, again)
	}
	if c.Domain != "apps.example.com" || !again.ManageDocker {
		t.Fatalf("got %+v", again)
	}
}

func TestWatch_ZeroSecondsMeansNotAtAll(t *testing.T) {
	c, err := load(t, "watch_seconds: 0\n", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Watch >= 0 || c.Setting("watch_seconds") != "0" {
		t.Errorf("watched for %s, shown as %q", c.Watch, c.Setting("watch_seconds"))
	}
}

func TestHosts(t *testing.T) {
	cases := []struct {
		name  string
		flags map[string]string
		want  []string
	}{
		{"public address", map[string]string{"public-ip": "203.0.113.7"}, []string{"shop.203-0-113-7.sslip.io", "shop.localhost"}},
		{"private address that the owner names", map[string]string{"public-ip": "192.168.1.9"}, []string{"shop.192-168-1-9.sslip.io", "shop.localhost"}},
		{"this machine", map[string]string{"public-ip": "127.0.0.1"}, []string{"shop.localhost", "shop.127-0-0-1.sslip.io"}},
		{"IPv6", map[string]string{"public-ip": "2001:db8::7"}, []string{"shop.2001-db8--7.sslip.io", "shop.localhost"}},
		{"other suffix", map[string]string{"public-ip": "203.0.113.7", "base-domain-suffix": "nip.example"}, []string{"shop.203-0-113-7.nip.example", "shop.localhost"}},
		{"domain", map[string]string{"public-ip": "203.0.113.7", "domain": "example.com"}, []string{"shop.example.com", "shop.localhost"}},
		{"local only", map[string]string{"public-ip": "203.0.113.7", "base-domain-suffix": "off"}, []string{"shop.localhost"}},
		{"moving", map[string]string{"public-ip": "203.0.113.7", "domain": "example.com", "former-domains": "203-0-113-7.sslip.io, localhost"}, []string{"shop.example.com", "shop.localhost", "shop.203-0-113-7.sslip.io"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c, err := load(t, "", nil, tc.flags)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.AppHosts("shop"); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("app hosts %v, want %v", got, tc.want)
			}
			if got := c.ConsoleHosts()[0]; got != "console"+strings.TrimPrefix(tc.want[0], "shop") {
				t.Errorf("console %s", got)
			}
		})
	}
}

func TestURLs(t *testing.T) {
	c, err := load(t, "", nil, map[string]string{"domain": "example.com", "https-port": "8443", "acme-directory": "off"})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.ConsoleURL(); got != "https://console.example.com:8443" {
		t.Errorf("console %s", got)
	}
	c.HTTPSPort = 443
	if got := c.ConsoleURL(); got != "https://console.example.com" {
		t.Errorf("console %s", got)
	}
}

func TestACME_OnlyForNamesThatAPublicCACanProve(t *testing.T) {
	cases := []struct {
		flags     map[string]string
		directory string
		host      string
		can       bool
	}{
		{map[string]string{}, "", "shop.example.com", false},
		{map[string]string{"domain": "example.com"}, LetsEncrypt, "shop.example.com", true},
		{map[string]string{"domain": "example.com"}, LetsEncrypt, "shop.localhost", false},
		{map[string]string{"domain": "example.com", "acme-directory": "off"}, "", "shop.example.com", false},
		{map[string]string{"acme-directory": "https://ca.example/dir"}, "https://ca.example/dir", "own.example.net", true},
		{map[string]string{"public-ip": "2001:db8::7"}, "", "shop.2001-db8--7.sslip.io", false},
		{map[string]string{"public-ip": "203.0.113.7", "former-domains": "old.example.com"}, LetsEncrypt, "shop.old.example.com", true},
		{map[string]string{"domain": "example.com", "base-domain-suffix": "off"}, LetsEncrypt, "shop.203-0-113-7.nip.example", false},
		{map[string]string{"acme-directory": "https://ca.example/dir"}, "https://ca.example/dir", "shop.203-0-113-7.sslip.io", false},
	}
	for _, tc := range cases {
		c, err := load(t, "", nil, tc.flags)
		if err != nil {
			t.Fatal(err)
		}
		if c.ACMEDirectory() != tc.directory || c.CanACME(tc.host) != tc.can {
			t.Errorf("%v: directory %q, %s: %v", tc.flags, c.ACMEDirectory(), tc.host, c.CanACME(tc.host))
		}
	}
}
