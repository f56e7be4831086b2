package proxy

import (
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Config says where the proxy listens and keeps its files.
type Config struct {
	HTTPAddr        string // "" means :80; not used when a socket named "http" is handed over
	HTTPSAddr       string // "" means :443; not used when a socket named "https" is handed over
	PublicHTTPSPort int    // the port that people see; 0 means 443
	ControlSocket   string // path of the unix socket; not used when a socket named "control" is handed over
	DataDir         string // table.json, ca/ and acme/; must exist

	ACMEDirectory string // "" means that all certificates come from the internal CA
	ACMEEmail     string // may be empty
	ACMERoots     string // file with the roots that sign the ACME server's own certificate; "" means the system's

	BootID        func() string // nil means the kernel's
	MaxConns      int           // connections at once, and requests; 0 means what a quarter of the memory holds, 10,000 at most
	MaxConnsPerIP int           // of them from one IPv4 address or IPv6 /64; 0 means a quarter of them, 1,000 at most

	limits limits // shortened by tests
}

// limits are the times that a client, a target or the control plane may take.
type limits struct {
	header   time.Duration // to send the request's headers, and for the TLS handshake
	idle     time.Duration // of a client's connection between two requests
	stall    time.Duration // without progress in a body, either way
	response time.Duration // for a target, from the end of the request to the headers of the answer
	hold     time.Duration // that a request waits for a target that answers
	console  time.Duration // that a request waits for the control plane
	linger   time.Duration // for requests on connections accepted before the proxy ends
	drain    time.Duration // for requests under way when the proxy ends
	reprobe  time.Duration // between two looks at a dead target
	resave   time.Duration // between two tries to store a table
}

func (c *Config) setDefaults() error {
	if c.DataDir == "" {
		return errors.New("the proxy needs a data directory")
	}
	c.HTTPAddr = orDefault(c.HTTPAddr, ":80")
	c.HTTPSAddr = orDefault(c.HTTPSAddr, ":443")
	c.PublicHTTPSPort = orDefault(c.PublicHTTPSPort, 443)
	c.MaxConns = orDefault(c.MaxConns, connsIn(machineMemory()))
	c.MaxConnsPerIP = orDefault(c.MaxConnsPerIP, max(1, min(1000, c.MaxConns/4)))
	if c.BootID == nil {
		c.BootID = kernelBootID
	}
	c.limits.setDefaults()
	return nil
}

// connsIn is how many connections a quarter of the memory holds. One that waits costs 38 KB
// here, one with a request under way 69 KB, each further request on it 40 KB.
func connsIn(memory uint64) int {
	return int(max(500, min(10_000, memory/4/(64<<10))))
}

// machineMemory is in bytes; 1 GB where the kernel does not tell.
func machineMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 1 << 30
	}
	return info.Totalram * uint64(info.Unit)
}

func (l *limits) setDefaults() {
	l.header = orDefault(l.header, 10*time.Second)
	l.idle = orDefault(l.idle, 75*time.Second)
	l.stall = orDefault(l.stall, 60*time.Second)
	l.response = orDefault(l.response, 5*time.Minute)
	l.hold = orDefault(l.hold, 5*time.Second)
	l.console = orDefault(l.console, 10*time.Second)
	l.linger = orDefault(l.linger, time.Second)
	l.drain = orDefault(l.drain, 30*time.Second)
	l.reprobe = orDefault(l.reprobe, 250*time.Millisecond)
	l.resave = orDefault(l.resave, 5*time.Second)
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// kernelBootID changes with every boot of the machine. It is "" where the kernel does
// not tell; then no stored target is used, which is the safe side.
func kernelBootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
