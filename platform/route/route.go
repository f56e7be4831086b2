// Package route owns which host leads to which app's targets.
//
// Targets are handed in by whoever has just looked at the live replicas; nothing
// here is ever read from a stored address. Hosts come from the app's name and from
// the domains that people added. Each change makes one whole table with a growing
// revision, and the proxy swaps it in one move, so at any moment one release of an
// app is routed. Before every app has been looked at once after a start, nothing is
// published: the proxy goes on with its last good table, which knows more.
package route

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lugsail/lugsail/platform"
)

// Publisher hands a table to the proxy, and tells which one that has.
type Publisher interface {
	Publish(ctx context.Context, table platform.RouteTable) error
	Status(ctx context.Context) (platform.ProxyStatus, error)
}

// Store knows the names and counts the tables.
type Store interface {
	Apps(ctx context.Context) ([]platform.App, error)
	Domains(ctx context.Context) ([]platform.Domain, error)
	PublicPorts(ctx context.Context) ([]platform.PublicPort, error)
	RouteRevision(ctx context.Context) (int64, error)
}

// Serving is what an app serves with just now.
type Serving struct {
	Release int
	Targets []platform.Target
	Coming  bool   // no targets just now, but on their way
	NoWeb   bool   // the app has no process type that gets traffic
	Address string // of an add-on's replica, without a port; "" while none runs
}

// Hosts gives the host names that an app has without anybody adding one, the main one first.
type Hosts func(appName string) []string

// Service keeps the table.
type Service struct {
	Publisher Publisher
	Store     Store
	Hosts     Hosts
	Console   platform.Console
	Authority *platform.Authority // of public certificates; nil leaves the proxy's own
	BootID    string
	Public    func(host string) bool // may its certificate come from ACME?

	mu        sync.Mutex // held while a table is made and published, so that tables leave in order
	serving   map[string]Serving
	awaited   []string // ids of the apps that were not looked at since the start
	started   bool     // Begin was called
	published bool     // a table has reached the proxy since the start
	dirty     bool     // the last table did not
	revision  int64    // of the last table that did
}

// Begin says which apps there are at the start. As soon as each has been looked at, by Serve or
// Forget, the first table is published; at once when there is none.
func (s *Service) Begin(ctx context.Context, appIDs []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started, s.awaited = true, slices.Clone(appIDs)
	for id := range s.serving {
		s.seen(id)
	}
	return s.publish(ctx)
}

// Awaited gives the apps that the first table waits for.
func (s *Service) Awaited() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.awaited)
}

func (s *Service) seen(appID string) {
	s.awaited = slices.DeleteFunc(s.awaited, func(id string) bool { return id == appID })
}

func (s *Service) ready() bool { return s.started && len(s.awaited) == 0 }

// Serve notes what an app serves with and publishes. The error says that the proxy has not got it yet.
func (s *Service) Serve(ctx context.Context, appID string, now Serving) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving == nil {
		s.serving = map[string]Serving{}
	}
	s.seen(appID)
	if same(s.serving[appID], now) && !s.dirty && s.ready() && s.published {
		return nil
	}
	s.serving[appID] = now
	return s.publish(ctx)
}

// Forget drops an app's targets and publishes.
func (s *Service) Forget(ctx context.Context, appID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen(appID)
	if _, ok := s.serving[appID]; !ok && !s.dirty && s.published {
		return nil
	}
	delete(s.serving, appID)
	return s.publish(ctx)
}

// Repeat publishes again what the proxy may have missed. late gives up waiting for apps that
// cannot be looked at, when at least one could: they are then served by nothing.
func (s *Service) Repeat(ctx context.Context, late bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if late && len(s.serving) > 0 {
		s.awaited = nil
	}
	return s.publish(ctx)
}

// Verify asks the proxy for its table. One that has lost it, with its disk for example, counts as
// having missed it.
func (s *Service) Verify(ctx context.Context) error {
	status, err := s.Publisher.Status(ctx)
	if err != nil {
		return fmt.Errorf("asking the proxy for its table: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.published && status.Revision != s.revision {
		s.dirty = true
	}
	return nil
}

// PortTrouble tells which public ports the proxy could not open, and why; nothing when it does not answer.
func (s *Service) PortTrouble(ctx context.Context) map[int]string {
	status, err := s.Publisher.Status(ctx)
	if err != nil {
		return nil // whoever needs the proxy says it
	}
	return status.Ports
}

// Refresh publishes again because names or domains have changed.
func (s *Service) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publish(ctx)
}

// Dirty reports whether the proxy has not got the newest table, or none since the start.
func (s *Service) Dirty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dirty || !s.published
}

// Targets gives what an app is routed to just now.
func (s *Service) Targets(appID string) Serving {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serving[appID]
}

func (s *Service) publish(ctx context.Context) error {
	if !s.ready() {
		return nil
	}
	s.dirty = true
	table, err := s.table(ctx)
	if err != nil {
		return err
	}
	if err := s.Publisher.Publish(ctx, table); err != nil {
		return fmt.Errorf("publishing route table %d: %w", table.Revision, err)
	}
	s.dirty, s.published, s.revision = false, true, table.Revision
	return nil
}

func (s *Service) table(ctx context.Context) (platform.RouteTable, error) {
	apps, err := s.Store.Apps(ctx)
	if err != nil {
		return platform.RouteTable{}, fmt.Errorf("reading apps: %w", err)
	}
	domains, err := s.Store.Domains(ctx)
	if err != nil {
		return platform.RouteTable{}, fmt.Errorf("reading domains: %w", err)
	}
	ports, err := s.Store.PublicPorts(ctx)
	if err != nil {
		return platform.RouteTable{}, fmt.Errorf("reading public ports: %w", err)
	}
	revision, err := s.Store.RouteRevision(ctx)
	if err != nil {
		return platform.RouteTable{}, fmt.Errorf("numbering the route table: %w", err)
	}
	table := platform.RouteTable{Revision: revision, BootID: s.BootID, Console: s.Console, Authority: s.Authority}
	for _, app := range apps {
		if app.State == platform.AppTrashed {
			continue // its names lead nowhere, and nobody else gets them
		}
		hosts := s.hostsOf(app, domains)
		if app.Addon {
			hosts = nil // nobody visits one, so none needs a certificate
		}
		for _, host := range hosts {
			table.Routes = append(table.Routes, s.route(app, host))
		}
		for _, p := range ports {
			if p.AddonID == app.ID {
				table.Ports = append(table.Ports, s.port(app, p))
			}
		}
	}
	return table, nil
}

func (s *Service) route(app platform.App, host string) platform.Route {
	now := s.serving[app.ID]
	return platform.Route{
		Host: host, AppID: app.ID, App: app.Name, Release: now.Release,
		Targets: now.Targets, Coming: now.Coming, NoWeb: now.NoWeb, ACME: s.Public != nil && s.Public(host),
	}
}

func (s *Service) port(app platform.App, p platform.PublicPort) platform.OpenPort {
	open := platform.OpenPort{Port: p.Port, Sources: p.Networks(), Until: p.Until, Addon: app.Name}
	if address := s.serving[app.ID].Address; address != "" {
		open.Target = net.JoinHostPort(address, strconv.Itoa(p.Inside))
	}
	return open
}

func (s *Service) hostsOf(app platform.App, domains []platform.Domain) []string {
	hosts := slices.Clone(s.Hosts(app.Name))
	for _, d := range domains {
		if d.AppID == app.ID {
			hosts = append(hosts, d.Host)
		}
	}
	return hosts
}

func same(a, b Serving) bool {
	return a.Release == b.Release && a.Coming == b.Coming && a.NoWeb == b.NoWeb && a.Address == b.Address && slices.Equal(a.Targets, b.Targets)
}

// ValidateHost allows a full host name that a person may add: lower case letters, digits
// and hyphens in labels joined by dots, no wildcard, no port, no address, not one of ours. Of a
// web address that was pasted it takes the name.
func ValidateHost(host string, ours func(host string) bool) (string, error) {
	host = strings.TrimSuffix(strings.ToLower(pastedHost(strings.TrimSpace(host))), ".")
	invalid := platform.Errorf(platform.Invalid, "domain_invalid", "%.80q is not a domain name that an app can have.", host).
		WithHint("Give a full name, for example shop.example.com.")
	if len(host) > 253 || !strings.Contains(host, ".") {
		return "", invalid
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return "", invalid
	}
	for label := range strings.SplitSeq(host, ".") {
		if !validLabel(label) {
			return "", invalid
		}
	}
	if ours(host) {
		return "", platform.Errorf(platform.Conflict, "domain_taken", "%s belongs to Lugsail itself or to an app already.", host).
			WithHint("Choose another name.")
	}
	return host, nil
}

// pastedHost is the name in a web address; other text stays as it is.
func pastedHost(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || !strings.EqualFold(u.Scheme, "https") && !strings.EqualFold(u.Scheme, "http") {
		return text
	}
	return u.Hostname()
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for _, c := range label {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
