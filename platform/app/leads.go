package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	askAgain  = 5 * time.Minute // how often the DNS is asked for all domains
	askNot    = 5 * time.Second // what is younger is believed
	askTime   = 3 * time.Second // how long the answer for one may take
	askAtOnce = 8
)

// leads is where domains lead, as the DNS said last.
type leads struct {
	mu    sync.Mutex
	known map[string]lead // by host
}

type lead struct {
	ips []netip.Addr
	at  time.Time
}

func (l *leads) of(host string) lead {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[host]
}

// found notes what the DNS said. Without an answer, what it said before still counts.
func (l *leads) found(host string, ips []netip.Addr, answered bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = map[string]lead{}
	}
	if !answered {
		ips = l.known[host].ips
	}
	l.known[host] = lead{ips, now}
}

// keep forgets all others.
func (l *leads) keep(domains []platform.Domain) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for host := range l.known {
		if !slices.ContainsFunc(domains, func(d platform.Domain) bool { return d.Host == host }) {
			delete(l.known, host)
		}
	}
}

// RunDomains asks the DNS where the domains lead, at the start and every 5 minutes, until ctx ends.
func (s *Service) RunDomains(ctx context.Context) error {
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		if domains, err := s.Names.Domains(ctx); err == nil {
			s.leads.keep(domains)
			s.askDNS(ctx, domains)
		} else if ctx.Err() == nil {
			slog.WarnContext(ctx, "domains not read", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

// askDNS finds out where domains lead, some at a time.
func (s *Service) askDNS(ctx context.Context, domains []platform.Domain) {
	if s.Resolve == nil {
		return
	}
	slots := make(chan struct{}, askAtOnce)
	var asking sync.WaitGroup
	for _, d := range domains {
		if s.Now().Sub(s.leads.of(d.Host).at) < askNot {
			continue
		}
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, askTime)
			defer cancel()
			ips, err := s.Resolve(ctx, d.Host)
			unknown := new(net.DNSError)
			s.leads.found(d.Host, ips, err == nil || errors.As(err, &unknown) && unknown.IsNotFound, s.Now())
		})
	}
	asking.Wait()
}

// leadsHere reports whether the DNS has led a domain to this server.
func (s *Service) leadsHere(host string) bool {
	return slices.ContainsFunc(s.leads.of(host).ips, func(ip netip.Addr) bool { return slices.Contains(s.Addresses.IPs, ip.Unmap()) })
}
