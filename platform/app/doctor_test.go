package app_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/observe"
)

// seen is what a doctor sees.
type seen struct {
	machine observe.Machine
	inside  observe.Inside
	probe   platform.ProbeResult
	certs   []platform.CertificateStatus
}

func (s seen) Machine(context.Context) observe.Machine { return s.machine }
func (s seen) Inside(context.Context, platform.Replica) (observe.Inside, error) {
	return s.inside, nil
}

func (s seen) Probe(context.Context, platform.Probe) (platform.ProbeResult, error) {
	return s.probe, nil
}

func (s seen) Certificates(context.Context) ([]platform.CertificateStatus, error) {
	return s.certs, nil
}

func finding(findings []observe.Finding, check string) observe.Finding {
	for _, f := range findings {
		if f.Check == check {
			return f
		}
	}
	return observe.Finding{}
}

func TestExamineServer_IsForTheOwner(t *testing.T) {
	s, _ := newService(t)
	s.Doctor = seen{machine: observe.Machine{Engine: observe.Engine{Err: errors.New("away")}}}
	for _, actor := range []platform.Actor{
		{Role: platform.RoleDeveloper}, {Role: platform.RoleViewer}, {Role: platform.RoleOwner, Scopes: []platform.Scope{platform.ScopeRead}},
	} {
		_, err := s.ExamineServer(t.Context(), actor)
		want(t, err, platform.Forbidden, "forbidden")
	}
	found, err := s.ExamineServer(t.Context(), owner)
	check(t, err)
	if f := finding(found, "engine"); f.Level != observe.LevelBad {
		t.Errorf("got %+v", found)
	}
	s.Doctor = nil
	_, err = s.ExamineServer(t.Context(), owner)
	want(t, err, platform.Unavailable, "doctor_missing")
}

func TestExamineServer_TellsWhereDomainsLead(t *testing.T) {
	s, _ := newService(t)
	s.Doctor = seen{}
	s.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "good.example.org" {
			return []netip.Addr{netip.MustParseAddr("203.0.113.7")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("198.51.100.9")}, nil
	}
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "nano"})
	check(t, err)
	for _, host := range []string{"good.example.org", "wrong.example.org"} {
		_, _, err := s.AddDomain(t.Context(), owner, "shop", host)
		check(t, err)
	}
	found, err := s.ExamineServer(t.Context(), owner)
	check(t, err)
	var texts []string
	for _, f := range found {
		if f.Check == "dns" {
			texts = append(texts, string(f.Level)+" "+f.Text+" "+f.Hint)
		}
	}
	all := strings.Join(texts, "\n")
	if len(texts) != 2 || !strings.Contains(all, "ok good.example.org (domain of shop) leads to this server.") ||
		!strings.Contains(all, "warn wrong.example.org (domain of shop) leads to 198.51.100.9") || !strings.Contains(all, "203.0.113.7") {
		t.Errorf("got %s", all)
	}
}

func TestExamineApp_TellsOfVarsWithoutTheirValues(t *testing.T) {
	s, db := newService(t)
	s.Doctor = seen{}
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "nano"})
	check(t, err)
	live(t, db, "shop", 1)
	_, err = db.ReplaceConfigVars(t.Context(), platform.ConfigChange{AppID: live(t, db, "shop", 1).ID}, func(vars map[string]string) error {
		vars["SECRET"], vars["EMPTY"] = "LGS-CANARY-1", ""
		return nil
	})
	check(t, err)
	found, err := s.ExamineApp(t.Context(), platform.Actor{Role: platform.RoleViewer}, "shop")
	check(t, err)
	empty, late := false, false
	for _, f := range found {
		empty = empty || strings.HasPrefix(f.Text, "EMPTY is without a value")
		late = late || strings.Contains(f.Text, "does not have them")
		if strings.Contains(f.Text+f.Hint, "CANARY") {
			t.Errorf("a value is told: %+v", f)
		}
	}
	if !empty || !late {
		t.Errorf("got %+v", found)
	}
	if f := finding(found, "replicas"); f.Level != observe.LevelBad {
		t.Errorf("nothing runs: %+v", f)
	}
	_, err = s.ExamineApp(t.Context(), platform.Actor{Role: platform.RoleOwner, AppID: "another"}, "shop")
	want(t, err, platform.NotFound, "app_not_found")
}

// hung is an engine that does not answer before the caller gives up.
type hung struct{ app.Engine }

func (hung) Replicas(ctx context.Context, _ string) ([]platform.Replica, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestF14_ACheckUpDoesNotHangWithTheEngine(t *testing.T) {
	s, db := newService(t)
	s.Doctor = seen{}
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop", Plan: "nano"})
	check(t, err)
	live(t, db, "shop", 1)
	s.Engine = hung{s.Engine}
	began := time.Now()
	found, err := s.ExamineApp(t.Context(), owner, "shop")
	check(t, err)
	if f := finding(found, "replicas"); f.Level != observe.LevelBad || !strings.Contains(f.Text, "Docker is not answering") {
		t.Errorf("after %s: %+v", time.Since(began), found)
	}
}
