// Package config holds the settings of a server: what they are, where they come
// from, and the one rule of which host names Lugsail answers on.
//
// A flag goes before the environment, the environment before the file, the file
// before the default. Every setting is one row of the table in fields.go, and from
// that row come its flag (--http-port), its variable (LUGSAIL_HTTP_PORT), its key in
// the file (http_port) and its check. A key that the file should not have is an error,
// so that a misspelt one is not silently without effect.
package config

import (
	"net/netip"
	"path/filepath"
	"slices"
	"time"
)

// DefaultFile is where a server's settings are kept.
const DefaultFile = "/etc/lugsail/config.yaml"

// LetsEncrypt is the ACME directory that a server with a domain uses unless it is told otherwise.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// Off, as acme_directory, keeps a server with a domain on its internal CA; as base_domain_suffix it
// leaves a server without a domain only its names on .localhost.
const Off = "off"

// Config is one server's settings, complete and valid.
type Config struct {
	DataDir        string   // the database, repositories, images' registry, logs
	RunDir         string   // sockets and pid files
	LogDir         string   // logs of the processes, where systemd does not keep them
	KeyFile        string   // the key that seals secrets; outside DataDir, so that a copy of DataDir tells none
	Database       string   // address of a PostgreSQL database, sealed in the file; "" means SQLite in DataDir
	Domain         string   // "" means names on .localhost and on the address
	Suffix         string   // a domain whose names a-b-c-d.SUFFIX resolve to the address a.b.c.d; "off" means no names but those on .localhost
	Former         []string // domains below which this server answered before, and still does until its new address is confirmed
	PublicIP       string   // "" means the address that the default route leaves from
	HTTPPort       int
	HTTPSPort      int
	SSHPort        int    // 0 means no git over SSH
	ACME           string // directory URL; "" or "off" means the internal CA
	ACMEEmail      string
	ACMERoots      string // PEM file of roots to trust when speaking to the ACME directory; "" means the system's
	DockerHost     string
	ManageDocker   bool // keep dockerd running; for machines without systemd
	AppPool        netip.Prefix
	BuildSubnet    netip.Prefix
	RegistryPort   int
	Firewall       bool          // keep apps and builds off this machine's services, of each other and of metadata
	DailySnapshots bool          // of each app that keeps something
	Allow          []Allowed     // what they may reach all the same
	Instance       string        // random, made at installation; on everything that is made on the engine
	Watch          time.Duration // after a release went live; below 0 not at all
	LogLevel       string

	OutboundAllow string // hosts and networks beside the public internet that may be fetched from
	FetchRoots    string // PEM file of the roots that Git hosts are trusted by; "" means the system's

	ip      netip.Addr
	file    string
	sources *Sources // that these were read from
}

// ConsoleSocket is where the control plane serves console, API and git to the proxy.
func (c Config) ConsoleSocket() string { return filepath.Join(c.RunDir, "console.sock") }

// ControlSocket is where the proxy takes commands from the control plane.
func (c Config) ControlSocket() string { return filepath.Join(c.RunDir, "proxy", "control.sock") }

// AdminSocket is where the control plane answers to root on this machine.
func (c Config) AdminSocket() string { return filepath.Join(c.RunDir, "admin.sock") }

// ProxyDir is the proxy's own part of the data: its table and certificates.
func (c Config) ProxyDir() string { return filepath.Join(c.DataDir, "proxy") }

// SSHHostKey is the file of the key by which SSH clients know this server again. It lies among the
// data, because a server that comes back from a backup is the same one to them.
func (c Config) SSHHostKey() string { return filepath.Join(c.DataDir, "ssh", "host_key") }

// File is where these settings were read from, and where Write puts them.
func (c Config) File() string { return c.file }

// ACMEDirectory is the directory in use; "" means that every certificate comes from the internal CA.
func (c Config) ACMEDirectory() string {
	switch {
	case c.ACME == Off:
		return ""
	case c.ACME == "" && slices.ContainsFunc(c.Bases(), c.provable):
		return LetsEncrypt
	}
	return c.ACME
}
