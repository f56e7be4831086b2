package route_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/route"
)

func TestA10_Hosts(t *testing.T) {
	ours := func(host string) bool { return host == "console.example.com" }
	for _, bad := range []string{"", "localhost", "*.example.com", "user@example.com", "a.b`id`", `a.b");}`, "example.com:80", "example.com/x", "1.2.3.4", "::1", "-a.com", "a..b", "a\n.b", "ftp://a.example.com", "https://", "https://localhost/", "https://ada:secret@a.example.com/"} {
		if _, err := route.ValidateHost(bad, ours); !platform.IsKind(err, platform.Invalid) {
			t.Errorf("%q: got %v, want Invalid", bad, err)
		}
	}
	if _, err := route.ValidateHost("Console.Example.com.", ours); !platform.IsKind(err, platform.Conflict) {
		t.Errorf("the console's own name: got %v, want Conflict", err)
	}
	if host, err := route.ValidateHost(" Shop.Example.COM. ", ours); err != nil || host != "shop.example.com" {
		t.Errorf("got %q, %v", host, err)
	}
	for _, pasted := range []string{"https://shop.example.com/cart?x=1#y", "HTTP://Shop.Example.com", " https://shop.example.com.:8443/ "} {
		if host, err := route.ValidateHost(pasted, ours); err != nil || host != "shop.example.com" {
			t.Errorf("%q that was pasted: got %q, %v", pasted, host, err)
		}
	}
}

type shelf struct {
	revision int64
	ports    []platform.PublicPort
}

func (s *shelf) Apps(context.Context) ([]platform.App, error) {
	return []platform.App{{ID: "l1", Name: "one"}, {ID: "l2", Name: "two"}}, nil
}

func (s *shelf) Domains(context.Context) ([]platform.Domain, error) {
	return []platform.Domain{{Host: "shop.example.com", AppID: "l2"}}, nil
}

func (s *shelf) PublicPorts(context.Context) ([]platform.PublicPort, error) { return s.ports, nil }

func (s *shelf) RouteRevision(context.Context) (int64, error) {
	s.revision++
	return s.revision, nil
}

type proxy struct {
	tables []platform.RouteTable
	down   bool
}

func (p *proxy) Publish(_ context.Context, t platform.RouteTable) error {
	if p.down {
		return errors.New("away")
	}
	p.tables = append(p.tables, t)
	return nil
}

func (p *proxy) Status(context.Context) (platform.ProxyStatus, error) {
	if len(p.tables) == 0 {
		return platform.ProxyStatus{}, nil
	}
	return platform.ProxyStatus{Revision: p.tables[len(p.tables)-1].Revision}, nil
}

func TestVerify_AProxyThatLostItsTableGetsItAgain(t *testing.T) {
	p := &proxy{}
	s := &route.Service{Publisher: p, Store: &shelf{}, Hosts: func(name string) []string { return []string{name} }}
	if err := errors.Join(s.Begin(t.Context(), nil), s.Verify(t.Context())); err != nil || s.Dirty() {
		t.Fatalf("dirty %v, %v", s.Dirty(), err)
	}
	p.tables = nil
	if err := s.Verify(t.Context()); err != nil || !s.Dirty() {
		t.Fatalf("the loss was not seen (%v)", err)
	}
	if err := s.Repeat(t.Context(), false); err != nil || len(p.tables) != 1 || s.Dirty() {
		t.Fatalf("published %d tables, %v", len(p.tables), err)
	}
}

func TestServe_NothingIsPublishedBeforeAllIsKnown(t *testing.T) {
	p := &proxy{}
	s := &route.Service{Publisher: p, Store: &shelf{}, Hosts: func(name string) []string { return []string{name + ".localhost"} }}
	serving := route.Serving{Release: 3, Targets: []platform.Target{{ID: "r1", Address: "10.0.0.2:8080"}}}
	if err := s.Serve(t.Context(), "l2", serving); err != nil || len(p.tables) != 0 {
		t.Fatalf("published %d tables (%v) before anybody said which apps there are", len(p.tables), err)
	}
	if err := s.Begin(t.Context(), []string{"l1", "l2", "l3"}); err != nil || len(p.tables) != 0 || !s.Dirty() {
		t.Fatalf("published %d tables (%v) before each app was looked at", len(p.tables), err)
	}
	err := errors.Join(s.Refresh(t.Context()), s.Serve(t.Context(), "l1", route.Serving{}))
	if err != nil || len(p.tables) != 0 {
		t.Fatalf("published %d tables (%v) without l3", len(p.tables), err)
	}
	if err := s.Forget(t.Context(), "l3"); err != nil || len(p.tables) != 1 || s.Dirty() {
		t.Fatalf("published %d tables, %v", len(p.tables), err)
	}
	got := map[string]int{}
	for _, r := range p.tables[0].Routes {
		got[r.Host] = r.Release
	}
	if got["one.localhost"] != 0 || got["two.localhost"] != 3 || got["shop.example.com"] != 3 || len(got) != 3 {
		t.Errorf("routes %v", got)
	}
	if err := s.Serve(t.Context(), "l2", serving); err != nil || len(p.tables) != 1 {
		t.Errorf("the same again was published again (%v)", err)
	}
}

func TestServe_AMissedTableIsRepeated(t *testing.T) {
	p := &proxy{}
	s := &route.Service{Publisher: p, Store: &shelf{}, Hosts: func(name string) []string { return []string{name} }}
	if err := s.Begin(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p.down = true
	if err := s.Serve(t.Context(), "l1", route.Serving{Release: 1}); err == nil || !s.Dirty() {
		t.Fatalf("a lost table must be known: %v, dirty %v", err, s.Dirty())
	}
	p.down = false
	if err := s.Refresh(t.Context()); err != nil || s.Dirty() || p.tables[len(p.tables)-1].Routes[0].Release != 1 {
		t.Fatalf("not repeated: %v", err)
	}
	if p.tables[1].Revision <= p.tables[0].Revision {
		t.Error("revisions must grow")
	}
}

func TestRepeat_OneAppThatCannotBeLookedAtHoldsUpTheOthersForAWhileOnly(t *testing.T) {
	p := &proxy{}
	s := &route.Service{Publisher: p, Store: &shelf{}, Hosts: func(name string) []string { return []string{name} }}
	err := errors.Join(s.Begin(t.Context(), []string{"l1", "l2"}), s.Repeat(t.Context(), true))
	if err != nil || len(p.tables) != 0 {
		t.Fatalf("published %d tables (%v) although no app could be looked at", len(p.tables), err)
	}
	err = errors.Join(s.Serve(t.Context(), "l1", route.Serving{Release: 1}), s.Repeat(t.Context(), false))
	if err != nil || len(p.tables) != 0 {
		t.Fatalf("published %d tables (%v) without waiting for l2", len(p.tables), err)
	}
	if err := s.Repeat(t.Context(), true); err != nil || len(p.tables) != 1 || s.Dirty() {
		t.Fatalf("published %d tables, %v", len(p.tables), err)
	}
}

func TestPublicPort_FollowsItsAddon(t *testing.T) {
	p, until := &proxy{}, time.Now().Add(time.Hour)
	s := &route.Service{Publisher: p, Store: &shelf{ports: []platform.PublicPort{{AddonID: "l2", Port: 6000, Inside: 5432, Sources: "203.0.113.7/32 2001:db8::/48", Until: until}}}, Hosts: func(name string) []string { return []string{name} }}
	if err := s.Begin(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, now := range []struct{ address, target string }{{"", ""}, {"10.201.0.2", "10.201.0.2:5432"}, {"10.201.0.9", "10.201.0.9:5432"}} {
		if err := s.Serve(t.Context(), "l2", route.Serving{Release: 1, NoWeb: true, Address: now.address}); err != nil {
			t.Fatal(err)
		}
		got := p.tables[len(p.tables)-1].Ports
		if len(got) != 1 || got[0].Target != now.target || got[0].Port != 6000 || got[0].Addon != "two" || len(got[0].Sources) != 2 || !got[0].Until.Equal(until) {
			t.Errorf("at %q the proxy gets %+v, want the target %q", now.address, got, now.target)
		}
	}
}
