package app_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

func TestAddresses_FollowTheNameThatTheConsoleWasAskedBy(t *testing.T) {
	s, _ := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	for asked, suffix := range map[string]string{
		"": "example.com", "console.example.com": "example.com", "console.localhost": "localhost",
		"console.evil.example": "example.com", "evil.localhost": "example.com", "localhost": "example.com",
	} {
		actor := owner
		actor.Console = asked
		o, err := s.App(t.Context(), actor, "shop")
		check(t, err)
		if o.URL != "https://shop."+suffix+":8443" || o.GitURL != "https://console."+suffix+":8443/git/shop.git" || len(o.Hosts) != 2 {
			t.Errorf("asked at %q: %s, %s, %v", asked, o.URL, o.GitURL, o.Hosts)
		}
		list, err := s.Apps(t.Context(), actor)
		if err != nil || list[0].URL != o.URL {
			t.Errorf("asked at %q, the list has %s, %v", asked, list[0].URL, err)
		}
	}
}

func TestOutcome_TellsAddressesBesideTheConsoleThatWasPushedTo(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	a := live(t, db, "shop", 1)
	actor := owner
	actor.Console = "console.localhost"
	said := app.GitDoor{Service: s}.Outcome(t.Context(), actor, platform.Deployment{AppID: a.ID, State: platform.DeploymentLive, Release: 1})
	if text := strings.Join(said, "\n"); !strings.Contains(text, "https://shop.localhost:8443") {
		t.Errorf("the pusher hears:\n%s", text)
	}
}

// names is a DNS that a test writes.
type names map[string]string

var errNoDNS = errors.New("i/o timeout")

func (n names) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	switch ip := n[host]; ip {
	case "":
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case "silent":
		return nil, errNoDNS
	default:
		return []netip.Addr{netip.MustParseAddr(ip)}, nil
	}
}

func TestDomain_IsTheMainAddressOnceItLeadsHere(t *testing.T) {
	s, _ := newService(t)
	dns, now := names{}, time.Now()
	s.Resolve, s.Now = dns.resolve, func() time.Time { return now }
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	const domain, own = "https://shop.example.org:8443", "https://shop.example.com:8443"
	_, advice, err := s.AddDomain(t.Context(), owner, "shop", "shop.example.org")
	if err != nil || advice.Here || advice.Type != "A" || advice.Value != "203.0.113.7" {
		t.Errorf("advice %+v, %v", advice, err)
	}
	for _, step := range []struct {
		ip, main, said string
	}{
		{"", own, "add a record of type A for shop.example.org with the value 203.0.113.7."},
		{"198.51.100.1", own, "shop.example.org leads to 198.51.100.1. At your"},
		{"::ffff:203.0.113.7", domain, "shop.example.org leads to this server."},
		{"silent", domain, "shop.example.org leads to this server."},
		{"", own, "add a record"},
	} {
		dns["shop.example.org"] = step.ip
		now = now.Add(time.Minute)
		_, err := s.Domains(t.Context(), owner, "shop")
		check(t, err)
		o, err := s.App(t.Context(), owner, "shop")
		if err != nil || o.URL != step.main || !strings.Contains(s.Advice("shop.example.org").Sentence, step.said) {
			t.Errorf("DNS says %q: main %s, %+v, %v", step.ip, o.URL, s.Advice("shop.example.org"), err)
		}
	}
}

func TestRunDomains_AsksAtTheStart(t *testing.T) {
	s, db := newService(t)
	s.Resolve = names{"shop.example.org": "203.0.113.7"}.resolve
	o, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	check(t, db.AddDomain(t.Context(), &platform.Domain{Host: "shop.example.org", AppID: o.App.ID}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.RunDomains(ctx) }()
	for end := time.Now().Add(10 * time.Second); o.Hosts[0] != "shop.example.org"; {
		if time.Now().After(end) {
			t.Fatalf("hosts %v", o.Hosts)
		}
		o, err = s.App(t.Context(), owner, "shop")
		check(t, err)
	}
	cancel()
	check(t, <-done)
}

func TestAdvice_NeverAPrivateAddressWithoutAWord(t *testing.T) {
	s, _ := newService(t)
	s.Addresses.IPs, s.Addresses.Private = []netip.Addr{netip.MustParseAddr("10.231.0.2")}, true
	advice := s.Advice("shop.example.org")
	if advice.Value != "" || !strings.Contains(advice.Sentence, "private") || !strings.Contains(advice.Sentence, "./install.sh --public-ip ADDRESS") {
		t.Errorf("advice %+v", advice)
	}
	s.Addresses.IPs = nil
	if advice := s.Advice("shop.example.org"); advice.Value != "" || advice.Sentence == "" {
		t.Errorf("without any address: %+v", advice)
	}
}

func TestLogs_FollowingBeginsInTheOrderOfTime(t *testing.T) {
	s, _ := newService(t)
	o, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	engine := s.Engine.(*enginetest.Fake)
	var ids []string
	for i := range 3 {
		r, err := engine.Start(t.Context(), platform.ReplicaSpec{AppID: o.App.ID, App: "shop", Release: 1, Process: "web", Index: i + 1, Image: "i", Port: 8080})
		check(t, err)
		ids = append(ids, r.ID)
	}
	var said []string
	for i := range 30 {
		said = append(said, fmt.Sprint(i))
		engine.Say(ids[(i*2)%3], "", said[i])
	}
	for _, tail := range []int{12, 0} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		wanted := append(slices.Clone(said[len(said)-tail:]), "new")
		var got []string
		if tail == 0 {
			go speak(ctx, engine, ids[1])
		}
		check(t, s.Logs(ctx, owner, "shop", app.LogOptions{Tail: tail, Follow: true}, func(l platform.LogLine) error {
			got = append(got, l.Text)
			if len(got) == tail {
				engine.Say(ids[0], "", "new")
			}
			if l.Text == "new" {
				cancel()
			}
			return nil
		}))
		cancel()
		if len(got) <= tail || !slices.Equal(got[:tail+1], wanted) {
			t.Errorf("tail %d: %v", tail, got)
		}
	}
}

// speak lets a replica write until ctx ends.
func speak(ctx context.Context, engine *enginetest.Fake, id string) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			engine.Say(id, "", "new")
		}
	}
}
