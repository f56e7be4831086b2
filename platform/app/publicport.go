package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

// PublicPorts keeps which add-ons are reached from the internet.
type PublicPorts interface {
	SetPublicPort(ctx context.Context, p platform.PublicPort) error
	ClosePublicPort(ctx context.Context, addonID string) error
	PublicPorts(ctx context.Context) ([]platform.PublicPort, error)
}

// PublicPortSpec is what a public port is asked to be.
type PublicPortSpec struct {
	Sources []string      // addresses and networks that may connect
	Port    int           // of the server; 0 means the add-on's own, or the next one that is free
	Time    time.Duration // that it stays open; 0 means a day
}

// PublicPortView is a public port as people see it.
type PublicPortView struct {
	platform.PublicPort
	Addon   string
	Host    string // the server's address, or a name of it
	Trouble string // why the proxy has not opened it; "" when it has, or does not answer
}

// Froms are those that may connect, single addresses without their length.
func (v PublicPortView) Froms() []string {
	all := []string{}
	for _, n := range v.Networks() {
		if n.IsSingleIP() {
			all = append(all, n.Addr().String())
		} else {
			all = append(all, n.String())
		}
	}
	return all
}

// OpenPort lets some addresses of the internet reach an add-on for a while. One that has a public port gets another one.
func (s *Service) OpenPort(ctx context.Context, actor platform.Actor, name string, spec PublicPortSpec) (PublicPortView, error) {
	db, err := s.addon(ctx, actor, name)
	if err != nil {
		return PublicPortView{}, err
	}
	p, err := s.publicPort(ctx, db, spec)
	if err != nil {
		return PublicPortView{}, err
	}
	p.CreatedAt, p.CreatedBy = s.Now().UTC(), actor.Name
	before, err := s.publicPortOf(ctx, db.ID)
	if err != nil {
		return PublicPortView{}, err
	}
	if err := s.Open.SetPublicPort(ctx, p); err != nil {
		return PublicPortView{}, err
	}
	ctx = context.WithoutCancel(ctx) // what is open must be told
	s.refreshRoutes(ctx)
	v := s.portView(p, db, s.Routes.PortTrouble(ctx))
	if v.Trouble != "" {
		s.takeBack(ctx, db, before)
		return v, platform.Errorf(platform.Conflict, "public_port_unusable", "Port %d of this server cannot be opened: %s.", p.Port, v.Trouble).
			WithHint("Choose another one with --port. Who has it: ss -ltnp sport = :%d", p.Port)
	}
	s.event(ctx, actor, db, "addon.opened", fmt.Sprintf("port %d leads to %s until %s, for %s", p.Port, db.Name, p.Until.UTC().Format("2006-01-02 15:04 UTC"), strings.Join(v.Froms(), ", ")))
	return v, nil
}

func (s *Service) portView(p platform.PublicPort, db platform.App, trouble map[int]string) PublicPortView {
	v := PublicPortView{PublicPort: p, Addon: db.Name, Trouble: trouble[p.Port]}
	switch {
	case !s.Addresses.Private && len(s.Addresses.IPs) > 0:
		v.Host = s.Addresses.IPs[0].String()
	case len(s.Addresses.Consoles) > 0:
		v.Host = s.Addresses.Consoles[0]
	}
	return v
}

// takeBack brings back what was before a port could not be opened.
func (s *Service) takeBack(ctx context.Context, db platform.App, before *platform.PublicPort) {
	var err error
	if before != nil {
		err = s.Open.SetPublicPort(ctx, *before)
	} else {
		err = s.Open.ClosePublicPort(ctx, db.ID)
	}
	if err != nil {
		slog.ErrorContext(ctx, "public port not taken back", "addon", db.ID, "error", err)
	}
	s.refreshRoutes(ctx)
}

func (s *Service) publicPort(ctx context.Context, db platform.App, spec PublicPortSpec) (platform.PublicPort, error) {
	p := platform.PublicPort{AddonID: db.ID, Port: spec.Port}
	b, err := s.Blueprints.Blueprint(db.Blueprint)
	if err != nil {
		return p, err
	}
	if p.Inside, err = strconv.Atoi(b.Gives["PORT"]); err != nil {
		return p, platform.Errorf(platform.Conflict, "addon_without_port", "%s has no port: what it is made of names none.", db.Name)
	}
	if p.Sources, err = platform.ParseSources(spec.Sources); err != nil {
		return p, err
	}
	if spec.Port != 0 && (spec.Port < 1024 || spec.Port > 65535) {
		return p, platform.Errorf(platform.Invalid, "public_port_invalid", "%d is no port that can be opened.", spec.Port).
			WithHint("Take one from 1024 to 65535, or leave it out.")
	}
	if spec.Time < 0 || spec.Time > platform.MaxPublicPortTime {
		return p, platform.Errorf(platform.Invalid, "public_port_time_invalid", "A public port stays open for 30 days at most.").
			WithHint("Say how long, for example --for 2h. It can be opened again.")
	}
	if spec.Time == 0 {
		spec.Time = platform.PublicPortTime
	}
	p.Until = s.Now().Add(spec.Time).UTC().Truncate(time.Second)
	if p.Port == 0 {
		p.Port, err = s.nextPort(ctx, db.ID, p.Inside)
	}
	return p, err
}

// nextPort is the one that an add-on has, or the first from its own on that no other has.
func (s *Service) nextPort(ctx context.Context, addonID string, own int) (int, error) {
	all, err := s.Open.PublicPorts(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		if p.AddonID == addonID {
			return p.Port, nil
		}
	}
	for slices.ContainsFunc(all, func(p platform.PublicPort) bool { return p.Port == own }) {
		own++
	}
	return own, nil
}

func (s *Service) publicPortOf(ctx context.Context, addonID string) (*platform.PublicPort, error) {
	all, err := s.Open.PublicPorts(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.AddonID == addonID {
			return &p, nil
		}
	}
	return nil, nil
}

// ClosePort ends what OpenPort began, with all connections. NotFound, code public_port_closed, when there is none.
func (s *Service) ClosePort(ctx context.Context, actor platform.Actor, name string) error {
	db, err := s.addon(ctx, actor, name)
	if err != nil {
		return err
	}
	p, err := s.publicPortOf(ctx, db.ID)
	if err != nil {
		return err
	}
	if p == nil {
		return platform.Errorf(platform.NotFound, "public_port_closed", "The add-on has no public port.")
	}
	if err := s.Open.ClosePublicPort(ctx, db.ID); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	s.refreshRoutes(ctx)
	s.event(ctx, actor, db, "addon.closed", fmt.Sprintf("port %d no longer leads to %s", p.Port, db.Name))
	return nil
}

// PublicPortsSeen gives the public ports of the add-ons that the actor sees, by port.
func (s *Service) PublicPortsSeen(ctx context.Context, actor platform.Actor) ([]PublicPortView, error) {
	views := []PublicPortView{}
	if s.Open == nil {
		return views, nil
	}
	all, err := s.Open.PublicPorts(ctx)
	if err != nil || len(all) == 0 {
		return views, err
	}
	trouble := s.Routes.PortTrouble(ctx)
	for _, p := range all {
		if !platform.Sees(actor, p.AddonID) || !s.Now().Before(p.Until) {
			continue
		}
		db, err := s.Store.AppByID(ctx, p.AddonID)
		if err != nil {
			return nil, fmt.Errorf("reading an add-on: %w", err)
		}
		views = append(views, s.portView(p, db, trouble))
	}
	return views, nil
}

// portsEvery is the time between two looks whether the time of a public port is over. The proxy closes it in the
// second in which it is.
const portsEvery = 15 * time.Second

// RunPublicPorts forgets public ports whose time is over, and tells it, until ctx ends.
func (s *Service) RunPublicPorts(ctx context.Context) error {
	tick := time.NewTicker(portsEvery)
	defer tick.Stop()
	for {
		if err := s.endPorts(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "public ports not looked after", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Service) endPorts(ctx context.Context) error {
	all, err := s.Open.PublicPorts(ctx)
	if err != nil {
		return err
	}
	ended := false
	for _, p := range all {
		if s.Now().Before(p.Until) {
			continue
		}
		db, err := s.Store.AppByID(ctx, p.AddonID)
		if err != nil {
			return fmt.Errorf("reading an add-on: %w", err)
		}
		if err := s.Open.ClosePublicPort(ctx, p.AddonID); err != nil {
			return err
		}
		ended = true
		s.event(ctx, platform.System(), db, "addon.closed", fmt.Sprintf("port %d no longer leads to %s: its time is over", p.Port, db.Name))
	}
	if ended {
		s.refreshRoutes(ctx)
	}
	return nil
}

// publicPorts tells in a check-up what is open.
func (s *Service) publicPorts(ctx context.Context, actor platform.Actor) []observe.Finding {
	views, err := s.PublicPortsSeen(ctx, actor)
	if err != nil {
		return nil // the database's own finding says it
	}
	var found []observe.Finding
	for _, v := range views {
		f := observe.Finding{
			Check: "public-port." + strconv.Itoa(v.Port), Level: observe.LevelOK,
			Text: fmt.Sprintf("Port %d leads to %s until %s, for %s.", v.Port, v.Addon, v.Until.UTC().Format("2006-01-02 15:04 UTC"), strings.Join(v.Froms(), ", ")),
		}
		if v.Trouble != "" {
			f.Level, f.Text = observe.LevelWarn, fmt.Sprintf("Port %d should lead to %s, and cannot be opened: %s.", v.Port, v.Addon, v.Trouble)
			f.Hint = "Give it another port: lugsail addons open " + v.Addon + " --port …"
		}
		found = append(found, f)
	}
	return found
}
