package platform

import "time"

// RouteTable is all that the proxy knows: which host leads to which targets.
// The control plane makes it from the store and the engine; the proxy keeps the last good one.
type RouteTable struct {
	Revision int64   `json:"revision"` // grows by one with each table; the proxy refuses an older one
	BootID   string  `json:"boot_id"`  // of the machine when it was made; addresses of another boot mean nothing
	Console  Console `json:"console"`
	Routes   []Route `json:"routes"`

	Ports []OpenPort `json:"ports,omitempty"` // beyond HTTP, of add-ons

	Authority *Authority `json:"authority,omitempty"` // nil: the one that the proxy was started with
}

// Authority is where certificates of public names come from, by ACME.
type Authority struct {
	Directory string `json:"directory"` // URL; "" means that all certificates come from the internal CA
	Email     string `json:"email"`     // for the account; may be empty
	Roots     string `json:"roots"`     // PEM file of roots to trust when speaking to it; "" means the system's
}

// Console is where Lugsail's own pages, API and git answer.
type Console struct {
	Hosts  []string `json:"hosts"`  // the first is the one that people are told
	Socket string   `json:"socket"` // path of the control plane's unix socket
}

// Route leads the requests of one host name to an app's targets.
type Route struct {
	Host    string   `json:"host"` // lower case, no port
	AppID   string   `json:"app_id"`
	App     string   `json:"app"`
	Release int      `json:"release"` // 0: the app has nothing live yet
	Targets []Target `json:"targets"`
	Coming  bool     `json:"coming"` // there is no target just now, but replicas are on their way: requests wait for them
	NoWeb   bool     `json:"no_web"` // the app has no process type that gets traffic
	ACME    bool     `json:"acme"`   // a public name whose certificate comes from ACME, where ACME is configured; else from the internal CA
}

// Target is an address that the proxy sends requests to.
type Target struct {
	ID      string `json:"id"`      // the replica's id
	Address string `json:"address"` // "10.201.0.2:8080"
}

// Probe asks the proxy whether a target answers.
type Probe struct {
	Address string        `json:"address"`
	Path    string        `json:"path"`    // "" means that an accepted TCP connection suffices
	Host    string        `json:"host"`    // the Host header, for apps that refuse strange ones; "" means the address
	Timeout time.Duration `json:"timeout"` // 0 means 5 seconds
}

// ProbeResult is the proxy's answer.
type ProbeResult struct {
	OK     bool   `json:"ok"`
	Status int    `json:"status"` // HTTP status; 0 for TCP or when nothing came
	Reason string `json:"reason"` // for people, when not OK: "connection refused", "answered 500"
}

// ProxyStatus is what the proxy says of itself.
type ProxyStatus struct {
	Revision int64          `json:"revision"`
	InFlight map[string]int `json:"in_flight"` // requests under way, by target id
	Dead     []string       `json:"dead"`      // ids of targets that do not answer just now
	Requests int64          `json:"requests"`  // served since the start

	Certificates []CertificateStatus `json:"certificates"` // of names that want a public one

	Ports map[int]string `json:"ports,omitempty"` // public ports of the table that are not open, and why
}

// CertificateStatus is how a name does that wants a certificate of a public authority.
type CertificateStatus struct {
	Host     string    `json:"host"`
	NotAfter time.Time `json:"not_after"` // zero: it has none yet
	Trouble  string    `json:"trouble"`   // of the last order, "" when that went well
}

// ServedCertificate is what visitors of a host name are shown.
type ServedCertificate struct {
	Host    string    `json:"host"`
	App     string    `json:"app"`     // "" for the console
	Wanted  bool      `json:"wanted"`  // it shall come from the public authority
	Public  bool      `json:"public"`  // and does; else the internal CA's is shown
	Issuer  string    `json:"issuer"`  // who signed it, as people read it
	Since   time.Time `json:"since"`   // zero: none was made yet, which happens at the first visit
	Until   time.Time `json:"until"`   // zero as above
	Renewal time.Time `json:"renewal"` // when a new one is fetched or made
	Trouble string    `json:"trouble"` // of the last order, "" when that went well
}

// Domain is a host name that a person added to an app.
type Domain struct {
	Host      string `gorm:"primaryKey"`
	AppID     string `gorm:"index;not null"`
	CreatedAt time.Time
	CreatedBy string
}
