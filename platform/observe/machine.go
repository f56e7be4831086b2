package observe

import (
	"net/netip"
	"time"
)

// Machine is everything that the server's check-up rests on. Each part tells by itself when it
// could not be looked at; what is nil or empty was not looked for.
type Machine struct {
	Now          time.Time
	Engine       Engine
	Programs     []Program
	Kernel       Kernel
	Disks        []Disk
	Memory       Memory
	Clock        Clock
	Ports        []Port
	Console      Reach
	Names        []Name
	Firewall     Firewall
	Certificates []Certificate
	Proxy        error // why it did not answer
	Database     Database
	Backups      Backups
	Keeper       Keeper
	Systemd      bool // starts things here
	Alone        bool // the control plane does not run: what only it knows is not known
}

// Engine is what the Docker Engine says of itself.
type Engine struct {
	Err         error // it does not answer
	Version     string
	LiveRestore bool
	Swarm       bool
	Driver      string // of storage: "overlay2"
	MemoryLimit bool   // it can hold containers to their memory
	SwapLimit   bool
	PidsLimit   bool
	Cgroups     string // "1" or "2"
	Seccomp     bool
	AppArmor    bool
}

// Kernel is what it needs beside itself.
type Kernel struct {
	AppArmor       bool // switched on
	AppArmorParser bool // the program without which no container starts then
	RestartNeeded  bool // updates wait for it
}

// Disk is where something is kept.
type Disk struct {
	Path, Holds           string // Holds: "apps and data"
	Free, Total           uint64 // bytes
	FreeFiles, TotalFiles uint64 // 0 total: as many as there is room for
	ReadOnly              bool
	Err                   error
}

// Memory is in bytes.
type Memory struct {
	Total, Available, Swap uint64
	Err                    error
}

// Clock is how right the time is.
type Clock struct {
	Synced bool // the kernel has it from a time service
	Offset time.Duration
	Asked  string // whose time Offset is measured by; "" when nobody was asked
}

// Port is one that visitors use.
type Port struct {
	Number int
	What   string // "HTTP", "HTTPS", "git over SSH"
	Ours   bool
	Holder string // whoever else holds it: "apache2 (process 12)"
	Err    error
}

// Reach is an attempt to come to the console as a visitor does, from this server.
type Reach struct {
	URL string // "" when it was not tried
	Err error
}

// Name is a host name that should lead here.
type Name struct {
	Host string
	App  string // whose domain it is; "" for the server's own
	Here bool
	Got  []netip.Addr
	Want []netip.Addr
	Err  error
}

// Firewall is the state of the network rules.
type Firewall struct {
	Off     bool // the owner wants none
	Checked time.Time
	Err     error
	Lacks   string // what the kernel cannot do of them, as a sentence; "" when it can do all
}

// Certificate is the one that visitors of a host get.
type Certificate struct {
	Host     string
	Public   bool      // wanted from a public authority; else it is this server's own
	NotAfter time.Time // zero: there is none yet
	Trouble  string    // of the last order
}

// Database is the control plane's.
type Database struct {
	Kind string // "SQLite", "PostgreSQL"
	Err  error
	Copy time.Time // the newest copy that is kept; zero: there is none
}

// Backups are the copies of the database that are written every day, and what must be taken elsewhere with them.
type Backups struct {
	Newest time.Time // zero: there is none
	Data   string    // what to copy
	Key    string
}

// Keeper is the loop that holds apps as they should be.
type Keeper struct {
	Last  time.Time // when it was last through; zero: never since Since
	Since time.Time // the control plane runs
	Every time.Duration
}
