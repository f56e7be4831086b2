package store

import (
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestPublicPorts_OneForEachAddonAndGoneWithIt(t *testing.T) {
	s := newSQLite(t)
	one, two := platform.App{Name: "one", State: platform.AppActive, Addon: true}, platform.App{Name: "two", State: platform.AppActive, Addon: true}
	must(t, s.CreateApp(t.Context(), &one))
	must(t, s.CreateApp(t.Context(), &two))
	p := platform.PublicPort{AddonID: one.ID, Port: 5432, Inside: 5432, Sources: "203.0.113.7/32", Until: time.Now().Add(time.Hour).UTC().Truncate(time.Second), CreatedBy: "ada@example.com"}
	must(t, s.SetPublicPort(t.Context(), p))
	if err := s.SetPublicPort(t.Context(), platform.PublicPort{AddonID: two.ID, Port: 5432, Sources: "x"}); platform.AsError(err).Code != "public_port_taken" {
		t.Errorf("a port for two: %v", err)
	}
	p.Port, p.Sources = 6000, "203.0.113.8/32"
	must(t, s.SetPublicPort(t.Context(), p))
	must(t, s.SetPublicPort(t.Context(), platform.PublicPort{AddonID: two.ID, Port: 5432, Sources: "x", Until: p.Until}))
	all, err := s.PublicPorts(t.Context())
	if err != nil || len(all) != 2 || all[1].Port != 6000 || all[1].Sources != "203.0.113.8/32" || !all[1].Until.Equal(p.Until) {
		t.Errorf("%+v, %v", all, err)
	}
	must(t, s.ClosePublicPort(t.Context(), two.ID))
	if err := s.ClosePublicPort(t.Context(), two.ID); platform.AsError(err).Code != "public_port_closed" {
		t.Errorf("closed twice: %v", err)
	}
	must(t, s.DeleteApp(t.Context(), one.ID))
	if all, err := s.PublicPorts(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("its add-on is gone: %+v, %v", all, err)
	}
	if err := s.SetPublicPort(t.Context(), p); !platform.IsKind(err, platform.NotFound) {
		t.Errorf("of nothing: %v", err)
	}
}
