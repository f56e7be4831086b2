package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
	"github.com/lugsail/lugsail/platform/plan"
	"github.com/lugsail/lugsail/platform/run"
)

// Doctor looks where only the server itself can. It tells what it could not look at, and in time.
type Doctor interface {
	Machine(ctx context.Context) observe.Machine
	Inside(ctx context.Context, r platform.Replica) (observe.Inside, error)
	Probe(ctx context.Context, p platform.Probe) (platform.ProbeResult, error)
	Certificates(ctx context.Context) ([]platform.CertificateStatus, error)
}

// examineTime is how long a check-up may take, whatever does not answer.
const examineTime = 20 * time.Second

// engineTime is how long the engine may take of it.
const engineTime = 5 * time.Second

// ExamineServer gives what a check-up of the server finds. It is for the owner only.
func (s *Service) ExamineServer(ctx context.Context, actor platform.Actor) ([]observe.Finding, error) {
	if !platform.Can(actor, platform.ActionServer, actor.AppID) {
		return nil, forbidden()
	}
	if s.Doctor == nil {
		return nil, platform.Errorf(platform.Unavailable, "doctor_missing", "This server cannot be looked at.").
			WithHint("As root on the server: lugsail doctor")
	}
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	var m observe.Machine
	var domains []observe.Name
	var looking sync.WaitGroup
	looking.Go(func() { m = s.Doctor.Machine(ctx) })
	looking.Go(func() { domains = s.everyDomain(ctx) })
	looking.Wait()
	m.Names = append(m.Names, domains...)
	return append(observe.Examine(m), s.publicPorts(ctx, actor)...), nil
}

// everyDomain tells where the domains of all apps lead.
func (s *Service) everyDomain(ctx context.Context) []observe.Name {
	domains, err := s.Names.Domains(ctx)
	if err != nil {
		return nil // the database's own finding says it
	}
	s.askNow(ctx, domains)
	var all []observe.Name
	for _, d := range domains {
		n := s.nameOf(d)
		if app, err := s.Store.AppByID(ctx, d.AppID); err == nil {
			n.App = app.Name
		}
		all = append(all, n)
	}
	return all
}

func (s *Service) nameOf(d platform.Domain) observe.Name {
	n := observe.Name{Host: d.Host, Here: s.leadsHere(d.Host), Got: s.leads.of(d.Host).ips}
	if !s.Addresses.Private {
		n.Want = s.Addresses.IPs
	}
	return n
}

// ExamineApp gives what a check-up of an app finds.
func (s *Service) ExamineApp(ctx context.Context, actor platform.Actor, name string) ([]observe.Finding, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	known, err := s.factsOf(ctx, app)
	if err != nil {
		return nil, err
	}
	if known.release != nil {
		known.release.State = platform.DeploymentLive
	}
	c := observe.Checkup{Now: s.Now(), App: app, Release: known.release, Latest: known.latest, PortWanted: run.DefaultPort}
	s.askNow(ctx, known.domains)
	for _, d := range known.domains {
		c.Domains = append(c.Domains, s.nameOf(d))
	}
	if err := s.examineVars(ctx, &c); err != nil {
		return nil, err
	}
	s.lookInside(ctx, &c, known.domains)
	return observe.ExamineApp(c), nil
}

// examineVars compares the config vars with those of what serves. Their values stay here.
func (s *Service) examineVars(ctx context.Context, c *observe.Checkup) error {
	vars, err := s.Store.ConfigVars(ctx, c.App.ID)
	if damagedVar(err) {
		c.Damaged = err
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading config vars: %w", err)
	}
	for name, value := range vars {
		if value == "" {
			c.EmptyVars = append(c.EmptyVars, name)
		}
	}
	slices.Sort(c.EmptyVars)
	if c.Release == nil || c.Latest != nil && !c.Latest.State.Ended() {
		return nil
	}
	serves, err := s.History.ReleaseByNumber(ctx, c.App.ID, c.Release.Number)
	if damagedVar(err) {
		c.Damaged = err
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading release %d: %w", c.Release.Number, err)
	}
	c.Waiting = !sameVars(vars, serves.ConfigVars)
	return nil
}

// damagedVar tells a config var that does not open from other trouble.
func damagedVar(err error) bool {
	return err != nil && platform.AsError(err).Code == "config_unreadable"
}

func sameVars(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if other, ok := b[name]; !ok || other != value {
			return false
		}
	}
	return true
}

// lookInside fills in what replicas, proxy and certificates tell.
func (s *Service) lookInside(ctx context.Context, c *observe.Checkup, domains []platform.Domain) {
	asking, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	replicas, err := s.Engine.Replicas(asking, c.App.ID)
	c.Engine = err
	for _, r := range replicas {
		c.Replicas = append(c.Replicas, s.inside(asking, r, c.Release))
	}
	targets := s.Routes.Targets(c.App.ID).Targets
	c.Routed = len(targets)
	if s.Doctor == nil {
		return
	}
	if len(targets) > 0 && c.Release != nil {
		result, err := s.Doctor.Probe(ctx, platform.Probe{Address: targets[0].Address, Path: c.Release.Health.Path, Host: s.Addresses.Hosts(c.App.Name)[0]})
		c.Probe, c.ProbeError = &result, err
	}
	all, err := s.Doctor.Certificates(ctx)
	if err != nil {
		return // that the proxy does not answer is found by the probe
	}
	hosts := slices.Clone(s.Addresses.Hosts(c.App.Name))
	for _, d := range domains {
		hosts = append(hosts, d.Host)
	}
	for _, cert := range all {
		if slices.Contains(hosts, cert.Host) {
			c.Certs = append(c.Certs, observe.Certificate{Host: cert.Host, Public: true, NotAfter: cert.NotAfter, Trouble: cert.Trouble})
		}
	}
}

func (s *Service) inside(ctx context.Context, r platform.Replica, serves *platform.Release) observe.Inside {
	seen := observe.Inside{Replica: r, Unseen: errNotSeen}
	if s.Doctor == nil || r.State != platform.ReplicaRunning {
		return seen
	}
	found, err := s.Doctor.Inside(ctx, r)
	if err != nil {
		seen.Unseen = err
		return seen
	}
	found.Replica, found.Unseen = r, nil
	if serves != nil {
		if p, err := plan.ByName(serves.Plan); err == nil {
			found.Limit = p.Memory
		}
	}
	return found
}

var errNotSeen = fmt.Errorf("not looked at")
