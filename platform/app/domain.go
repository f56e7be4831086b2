package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/route"
)

// DomainAdvice says which DNS record leads a domain here.
type DomainAdvice struct {
	Type     string // "A" or "AAAA"
	Value    string // this server's address; "" when it is not known
	Sentence string
}

// Domains gives the host names that people added to an app.
func (s *Service) Domains(ctx context.Context, actor platform.Actor, name string) ([]platform.Domain, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	return s.Names.DomainsOf(ctx, app.ID)
}

// AddDomain gives an app a host name; it answers as soon as its DNS record leads here.
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
	return d, s.Advice(host), nil
}

// Advice says which record leads a host here.
func (s *Service) Advice(host string) DomainAdvice {
	if len(s.Addresses.PublicIPs) == 0 {
		return DomainAdvice{Type: "A", Sentence: fmt.Sprintf("At your domain's provider, point %s to this server's address.", host)}
	}
	ip, kind := s.Addresses.PublicIPs[0], "A"
	if strings.Contains(ip, ":") {
		kind = "AAAA"
	}
	return DomainAdvice{Type: kind, Value: ip, Sentence: fmt.Sprintf("At your domain's provider, add a record of type %s for %s with the value %s.", kind, host, ip)}
}

// RemoveDomain takes a host name from an app.
func (s *Service) RemoveDomain(ctx context.Context, actor platform.Actor, name, host string) error {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return err
	}
	if err := s.Names.RemoveDomain(ctx, app.ID, host); err != nil {
		return err
	}
	s.event(ctx, actor, app, "domain.removed", host)
	s.refreshRoutes(ctx)
	return nil
}
