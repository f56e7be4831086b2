package config

import (
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Field is one setting as a person gives it.
type Field struct {
	Name    string // in the file: "http_port"
	Default string
	Usage   string
	set     func(*Config, string) error // refuses a wrong value by saying what it should be
	get     func(Config) string
}

// Flag is the name of its flag, without the dashes.
func (f Field) Flag() string { return strings.ReplaceAll(f.Name, "_", "-") }

// Env is the name of its environment variable.
func (f Field) Env() string { return "LUGSAIL_" + strings.ToUpper(f.Name) }

// Fields lists every setting.
func Fields() []Field { return slices.Clone(fields) }

var fields = []Field{
	path("data_dir", "/var/lib/lugsail", "directory of everything that Lugsail keeps", func(c *Config) *string { return &c.DataDir }),
	path("run_dir", "/run/lugsail", "directory of sockets and pid files", func(c *Config) *string { return &c.RunDir }),
	path("log_dir", "/var/log/lugsail", "directory of logs, where systemd does not keep them", func(c *Config) *string { return &c.LogDir }),
	path("key_file", "/etc/lugsail/master.key", "file of the key that seals secrets", func(c *Config) *string { return &c.KeyFile }),
	{"database", "", "address of a PostgreSQL database, postgres://…; empty means SQLite in data_dir. To change it: lugsail db migrate-to", setDatabase, func(c Config) string { return c.Database }},
	host("domain", "", "domain of this server: apps answer on NAME.DOMAIN, the console on console.DOMAIN", func(c *Config) *string { return &c.Domain }),
	{"base_domain_suffix", "sslip.io", `domain whose names a-b-c-d.SUFFIX resolve to a.b.c.d; used without a domain; "off" means names on .localhost alone`, setSuffix, func(c Config) string { return c.Suffix }},
	{"former_domains", "", "domains below which this server answers beside its own, until its owner has come to the new address; with commas between", setFormer, func(c Config) string { return strings.Join(c.Former, ",") }},
	{"public_ip", "", "address that visitors reach this server at; empty means to find out", setIP, func(c Config) string { return c.PublicIP }},
	port("http_port", "80", "port for HTTP", func(c *Config) *int { return &c.HTTPPort }),
	port("https_port", "443", "port for HTTPS", func(c *Config) *int { return &c.HTTPSPort }),
	{"ssh_port", "2222", `port for git over SSH; "off" or 0 means none`, setSSHPort, sshPortText},
	{"acme_directory", "", `ACME directory for certificates; "off" means Lugsail's own CA; empty means Let's Encrypt where a domain is set`, setACME, func(c Config) string { return c.ACME }},
	{"acme_email", "", "e-mail address for the ACME account", setEmail, func(c Config) string { return c.ACMEEmail }},
	path("acme_roots", "", "PEM file of roots to trust when speaking to the ACME directory", func(c *Config) *string { return &c.ACMERoots }),
	{"docker_host", "unix:///var/run/docker.sock", "socket of the Docker Engine", setDockerHost, func(c Config) string { return c.DockerHost }},
	boolean("manage_docker", "false", "keep the Docker Engine running (where no systemd does)", func(c *Config) *bool { return &c.ManageDocker }),
	prefix("app_pool", "10.201.0.0/16", 8, 24, "addresses for the networks of apps", func(c *Config) *netip.Prefix { return &c.AppPool }),
	prefix("build_subnet", "10.200.0.0/24", 8, 28, "addresses for builds", func(c *Config) *netip.Prefix { return &c.BuildSubnet }),
	port("registry_port", "5005", "port of the image registry, on this machine only", func(c *Config) *int { return &c.RegistryPort }),
	boolean("firewall", "true", "keep apps away from this server's own services, from each other, from the cloud's metadata and from port 25", func(c *Config) *bool { return &c.Firewall }),
	{"network_allow", "", "what apps and builds may reach in spite of the firewall, for example 10.0.0.5:3142, 192.168.7.0/24 or 0.0.0.0/0:25 for mail; with commas between", setAllow, allowText},
	{"instance", "", "id of this installation", setInstance, func(c Config) string { return c.Instance }},
	{"watch_seconds", "60", "how long a new release is watched before it counts as good; 0 means not at all", setWatch, func(c Config) string { return strconv.Itoa(int(c.Watch / time.Second)) }},
	{"outbound_allow", "", "hosts, addresses and networks beside the public internet that may be fetched from, such as git.example.lan, 192.168.1.5:3000, 10.1.2.0/24", setReach, func(c Config) string { return c.OutboundAllow }},
	path("fetch_roots", "", "PEM file of roots to trust when fetching from Git hosts, in the place of the system's", func(c *Config) *string { return &c.FetchRoots }),
	boolean("daily_snapshots", "true", "make a snapshot of each app's volumes and databases once a day", func(c *Config) *bool { return &c.DailySnapshots }),
	{"log_level", "info", "debug, info, warn or error", setLevel, func(c Config) string { return c.LogLevel }},
}

func path(name, def, usage string, at func(*Config) *string) Field {
	set := func(c *Config, v string) error {
		if v != "" && (!filepath.IsAbs(v) || filepath.Clean(v) != v || v == "/") {
			return fmt.Errorf("must be an absolute path such as /srv/lugsail")
		}
		if v == "" && def != "" {
			return fmt.Errorf("must not be empty")
		}
		*at(c) = v
		return nil
	}
	return Field{name, def, usage, set, func(c Config) string { return *at(&c) }}
}

var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func host(name, def, usage string, at func(*Config) *string) Field {
	set := func(c *Config, v string) error {
		v = strings.ToLower(strings.TrimSuffix(v, "."))
		if v != "" && (len(v) > 200 || !hostName.MatchString(v)) {
			return fmt.Errorf("must be a domain such as apps.example.com, without https:// and without a port")
		}
		*at(c) = v
		return nil
	}
	return Field{name, def, usage, set, func(c Config) string { return *at(&c) }}
}

func port(name, def, usage string, at func(*Config) *int) Field {
	set := func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("must be a number from 1 to 65535")
		}
		*at(c) = n
		return nil
	}
	return Field{name, def, usage, set, func(c Config) string { return strconv.Itoa(*at(&c)) }}
}

func boolean(name, def, usage string, at func(*Config) *bool) Field {
	set := func(c *Config, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("must be true or false")
		}
		*at(c) = b
		return nil
	}
	return Field{name, def, usage, set, func(c Config) string { return strconv.FormatBool(*at(&c)) }}
}

// prefix takes an IPv4 network whose size in bits is between widest and narrowest.
func prefix(name, def string, widest, narrowest int, usage string, at func(*Config) *netip.Prefix) Field {
	set := func(c *Config, v string) error {
		p, err := netip.ParsePrefix(v)
		if err != nil || !p.Addr().Is4() || p.Masked() != p || p.Bits() < widest || p.Bits() > narrowest {
			return fmt.Errorf("must be an IPv4 network between /%d and /%d, such as %s", widest, narrowest, def)
		}
		*at(c) = p
		return nil
	}
	return Field{name, def, usage, set, func(c Config) string { return at(&c).String() }}
}

func setIP(c *Config, v string) error {
	if v != "" {
		ip, err := netip.ParseAddr(v)
		if err != nil || ip.Zone() != "" || ip.IsUnspecified() {
			return fmt.Errorf("must be an IP address such as 203.0.113.7")
		}
	}
	c.PublicIP = v
	return nil
}

func setACME(c *Config, v string) error {
	if v != "" && v != Off {
		u, err := url.Parse(v)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return fmt.Errorf(`must be an https:// address of an ACME directory, or "off"`)
		}
	}
	c.ACME = v
	return nil
}

func setEmail(c *Config, v string) error {
	if v != "" {
		a, err := mail.ParseAddress(v)
		if err != nil || a.Address != v {
			return fmt.Errorf("must be an e-mail address such as ada@example.com")
		}
	}
	c.ACMEEmail = v
	return nil
}

func setDockerHost(c *Config, v string) error {
	p, ok := strings.CutPrefix(v, "unix://")
	if !ok || !filepath.IsAbs(p) {
		return fmt.Errorf("must be a unix socket such as unix:///var/run/docker.sock: a Docker Engine behind a network port gives the whole machine away")
	}
	c.DockerHost = v
	return nil
}

var instanceID = regexp.MustCompile(`^[a-z][a-z0-9]{3,31}$`)

func setInstance(c *Config, v string) error {
	if v != "" && !instanceID.MatchString(v) {
		return fmt.Errorf("must be 4 to 32 lower-case letters and digits, a letter first")
	}
	c.Instance = v
	return nil
}

func setWatch(c *Config, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 3600 {
		return fmt.Errorf("must be a number of seconds from 0 to 3600")
	}
	c.Watch = time.Duration(n) * time.Second
	if n == 0 {
		c.Watch = -1 // 0 would mean the default
	}
	return nil
}

func setLevel(c *Config, v string) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, v) {
		return fmt.Errorf("must be debug, info, warn or error")
	}
	c.LogLevel = v
	return nil
}

func setReach(c *Config, v string) error {
	if _, err := platform.ParseReach(v); err != nil {
		return err
	}
	c.OutboundAllow = v
	return nil
}
