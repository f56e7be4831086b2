// Package service keeps Lugsail's two processes running: `lugsail proxy` and `lugsail
// serve`.
//
// Where systemd runs it does the work, told by the units of this package. Elsewhere a
// supervisor of our own does: it opens the ports for visitors as root and hands them
// to the proxy, which runs as a user of its own. The sockets stay open in the
// supervisor, so that no connection is refused while a process dies or is replaced: it
// waits in the socket's queue for the next one.
//
// What surprises: a restart replaces the supervisor's own program too, by exec with the
// sockets, the lock and the children kept, so that its process id never changes. And
// when the supervisor is killed, proxy and control plane live on; the next start ends
// them and takes their place.
package service

import (
	"os"
	"path/filepath"
	"time"
)

// ProxyUser is whom the proxy runs as.
const ProxyUser = "lugsail-proxy"

// The parts that a service is made of.
const (
	Serve  = "serve"
	Proxy  = "proxy"
	Engine = "dockerd"
)

// Config says what to supervise.
type Config struct {
	Binary     string   // absolute path of lugsail; after an upgrade the new one lies there
	Args       []string // for each part, after its name: "--config", "/etc/lugsail/config.yaml"
	RunDir     string
	LogDir     string
	HTTPAddr   string
	HTTPSAddr  string
	Control    string // path of the socket that the proxy is commanded by
	ProxyUser  string // "" means the supervisor's own user
	ProxyDir   string // made for the proxy's user
	DockerHost string // kept running when not ""
	EngineDir  string // where the engine keeps images; "" when that is not known
	MaxLog     int64  // bytes of one log file; 0 means 10 MiB
	ProxyGrace time.Duration
	ServeGrace time.Duration
}

func (c Config) withDefaults() Config {
	if c.MaxLog == 0 {
		c.MaxLog = 10 << 20
	}
	if c.ProxyGrace == 0 {
		c.ProxyGrace = 40 * time.Second // the proxy drains for 30, and ends what is left in 5
	}
	if c.ServeGrace == 0 {
		c.ServeGrace = 20 * time.Second
	}
	return c
}

func (c Config) lockFile() string       { return filepath.Join(c.RunDir, "service.lock") }
func (c Config) stateFile() string      { return filepath.Join(c.RunDir, "service.json") }
func (c Config) log(part string) string { return filepath.Join(c.LogDir, part+".log") }

// Systemd reports whether systemd runs this machine.
func Systemd() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}
