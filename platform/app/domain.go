package app

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/route"
)

// DomainAdvice says which DNS record leads a domain here.
type DomainAdvice struct {
	Type     string // "A" or "AAAA"
	Value    string // this server's address; "" when no public one is known
	Here     bool   // the domain leads here already
	Sentence string
}

// Domains gives the host names that people added to an app, and finds out where they lead.
func (s *Service) Domains(ctx context.Context, actor platform.Actor, name string) ([]platform.Domain, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	domains, err := s.Names.DomainsOf(ctx, app.ID)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	s.askNow(ctx, domains)
	return domains, nil
}

// askNow asks the DNS while a person waits.
func (s *Service) askNow(ctx context.Context, domains []platform.Domain) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	s.askDNS(ctx, domains)
}

// AddDomain gives an app a host name. It answers as soon as its DNS record leads here, and is the
// app's main address from then on.
func (s *Service) AddDomain(ctx context.Context, actor platform.Actor, name, host string) (platform.Domain, DomainAdvice, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return platform.Domain{}, DomainAdvice{}, err
	}
	if host, err = route.ValidateHost(host, s.Addresses.Ours); err != nil {
		return platform.Domain{}, DomainAdvice{}, err
	}
	d := platform.Domain{Host: host, AppID: app.ID, CreatedAt: s.Now().UTC(), CreatedBy: actor.Name}
	if err := s.Names.AddDomain(ctx, &d); err != nil {
		return platform.Domain{}, DomainAdvice{}, err
	}
	s.event(ctx, actor, app, "domain.added", host)
	s.refreshRoutes(ctx)
	s.askNow(ctx, []platform.Domain{d})
	return d, s.Advice(host), nil
}

// Advice says which record leads a host here, or that one does.
func (s *Service) Advice(host string) DomainAdvice {
	advice := s.record(host)
	if advice.Here = s.leadsHere(host); advice.Here {
		advice.Sentence = host + " leads to this server."
	} else if elsewhere := s.leads.of(host).ips; len(elsewhere) > 0 {
		advice.Sentence = fmt.Sprintf("%s leads to %s. %s", host, elsewhere[0], advice.Sentence)
	}
	return advice
}

func (s *Service) record(host string) DomainAdvice {
	advice := DomainAdvice{Type: "A"}
	if len(s.Addresses.IPs) == 0 {
		advice.Sentence = fmt.Sprintf("At your domain's provider, point %s to this server's address.", host)
		return advice
	}
	ip := s.Addresses.IPs[0]
	if s.Addresses.Private {
		advice.Sentence = fmt.Sprintf("At your domain's provider, point %s to the public address of this server. Lugsail knows only %s of it, "+
			"which is private: nobody outside of its network reaches that. Tell it the public one: ./install.sh --public-ip ADDRESS", host, ip)
		return advice
	}
	if advice.Value = ip.String(); ip.Is6() {
		advice.Type = "AAAA"
	}
	advice.Sentence = fmt.Sprintf("At your domain's provider, add a record of type %s for %s with the value %s.", advice.Type, host, ip)
	return advice
}

// RemoveDomain takes a host name from an app.
func (s *Service) RemoveDomain(ctx context.Context, actor platform.Actor, name, host string) error {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return err
	}
	if host, err = route.ValidateHost(host, func(string) bool { return false }); err != nil {
		return err
	}
	if err := s.Names.RemoveDomain(ctx, app.ID, host); err != nil {
		return err
	}
	s.event(ctx, actor, app, "domain.removed", host)
	s.refreshRoutes(ctx)
	return nil
}
