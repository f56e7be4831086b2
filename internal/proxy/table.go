package proxy

import (
	"net/netip"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// table is a RouteTable made ready for requests. It never changes; a new one replaces it.
type table struct {
	doc     platform.RouteTable
	current bool // made since the machine's last boot: its targets may be used
	hosts   map[string]*route
	socket  string              // of the control plane
	parents map[string]struct{} // domains for which no app may set a cookie: the console would get it
}

// route is what one host leads to.
type route struct {
	host    string
	app     string
	appID   string
	traffic *traffic // nil for the console
	console bool
	acme    bool
	release int
	coming  bool
	noWeb   bool
	rotor   *rotor
	targets []*target
}

// targetOf gives the shared target for a replica's address.
type targetOf func(platform.Target) *target

// compile checks a table and makes it ready.
func compile(doc platform.RouteTable, bootID string, targets targetOf) (*table, error) {
	t := &table{
		doc:     doc,
		current: bootID != "" && doc.BootID == bootID,
		hosts:   make(map[string]*route, len(doc.Routes)+len(doc.Console.Hosts)),
		socket:  doc.Console.Socket,
		parents: make(map[string]struct{}),
	}
	for _, h := range doc.Console.Hosts {
		host := normalHost(h)
		if err := t.add(&route{host: host, console: true, acme: publicName(host)}); err != nil {
			return nil, err
		}
		t.addParents(host)
	}
	for _, r := range doc.Routes {
		if err := t.addApp(r, targets); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *table) addApp(r platform.Route, targets targetOf) error {
	entry := &route{host: normalHost(r.Host), app: r.App, appID: r.AppID, acme: r.ACME, release: r.Release, coming: r.Coming, noWeb: r.NoWeb, rotor: &rotor{}}
	for _, a := range r.Targets {
		if _, err := netip.ParseAddrPort(a.Address); err != nil {
			return platform.Errorf(platform.Invalid, "table_address_invalid", "%q is not an address and a port.", a.Address)
		}
		entry.targets = append(entry.targets, targets(a))
	}
	return t.add(entry)
}

func (t *table) add(r *route) error {
	if r.host == "" {
		return platform.Errorf(platform.Invalid, "table_host_invalid", "The routing table has a host that is not a host name.")
	}
	if _, taken := t.hosts[r.host]; taken {
		return platform.Errorf(platform.Invalid, "table_host_twice", "The routing table has the host %s twice.", r.host)
	}
	t.hosts[r.host] = r
	return nil
}

// addParents notes host and every domain above it.
func (t *table) addParents(host string) {
	if isIP(host) {
		return
	}
	for host != "" {
		t.parents[host] = struct{}{}
		_, host, _ = strings.Cut(host, ".")
	}
}

// ports are the public ports, none of a table of another boot: its addresses may be somebody else's by now.
func (t *table) ports() []platform.OpenPort {
	if !t.current {
		return nil
	}
	return t.doc.Ports
}

// acmeHosts are the names whose certificates come from ACME.
func (t *table) acmeHosts() []string {
	var names []string
	for host, r := range t.hosts {
		if r.acme && !isIP(host) {
			names = append(names, host)
		}
	}
	return names
}

// privateEndings are top-level domains that no public CA knows.
var privateEndings = []string{".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test", ".invalid", ".example"}

// publicName reports whether a public CA could give a certificate for a console's host:
// a name with a dot that is neither private nor made from an IP address (wildcard DNS).
func publicName(host string) bool {
	if isIP(host) || !strings.Contains(host, ".") {
		return false
	}
	for _, end := range privateEndings {
		if strings.HasSuffix(host, end) {
			return false
		}
	}
	for label := range strings.SplitSeq(host, ".") {
		if isIP(strings.ReplaceAll(label, "-", ".")) {
			return false
		}
	}
	return true
}
