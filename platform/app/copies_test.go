package app_test

import (
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// kinds are the blueprints of a database and of a cache.
type kinds struct{}

func (kinds) Blueprints() []platform.Blueprint { return nil }

func (kinds) Blueprint(name string) (platform.Blueprint, error) {
	switch name {
	case "postgresql":
		return platform.Blueprint{Name: name, Title: "PostgreSQL", Category: "database", Plan: "db-nano", Prefix: "DATABASE", Config: map[string]string{"ADDON_PASSWORD": "{secret}"}, Volumes: []platform.BlueprintVolume{{Name: "data", Path: "/data"}}}, nil
	case "valkey":
		return platform.Blueprint{Name: name, Title: "Valkey", Category: "database", Plan: "db-pico", Prefix: "REDIS", Cache: true}, nil
	}
	return platform.Blueprint{}, platform.Errorf(platform.NotFound, "blueprint_not_found", "There is no blueprint %q.", name)
}

func (kinds) Source(string) (io.Reader, int64, error) { return strings.NewReader("tar"), 3, nil }

// newCopies is an app shop with two volumes, a database, a cache and another database that came later, of whose first
// release there is a snapshot.
func newCopies(t *testing.T) (*app.Service, *store.Store, platform.Snapshot) {
	t.Helper()
	s, db, _, shop := newShelf(t)
	s.Blueprints, s.Stacks, s.Sources, s.Uploads = kinds{}, db, trees{t, new(string)}, trees{t, new(string)}
	_, err := db.UpdateApp(t.Context(), shop.ID, func(a *platform.App) error {
		a.Scale, a.StopGrace, a.Blueprint = platform.Scale{"web": 3, "worker": 0}, 60, "gone"
		return nil
	})
	check(t, err)
	files := platform.Volume{AppID: shop.ID, Name: "files", Path: "/data", Shared: true, State: platform.VolumeActive}
	check(t, db.CreateVolume(t.Context(), &files, func([]platform.Volume) error { return nil }))
	parts := platform.SnapshotParts{Volumes: []platform.SnapshotVolume{{ID: files.ID, Name: "files", Path: "/data"}, {ID: "lgone", Name: "gone", Path: "/gone"}}}
	for _, a := range []struct{ name, kind, prefix string }{{"shop-db", "postgresql", "MAIN"}, {"cache", "valkey", "REDIS"}, {"later", "postgresql", "LATER"}} {
		n := platform.NewApp{App: platform.App{Name: a.name, State: platform.AppActive, Addon: true, Plan: "pico", Blueprint: a.kind}, Vars: map[string]string{"ADDON_PASSWORD": "old"}}
		check(t, db.CreateStack(t.Context(), []platform.NewApp{n}))
		addon, err := db.AppByName(t.Context(), a.name)
		check(t, err)
		check(t, db.CreateBinding(t.Context(), &platform.Binding{AppID: shop.ID, AddonID: addon.ID, Prefix: a.prefix}))
		if a.name == "shop-db" {
			parts.Addons = []platform.SnapshotAddon{{ID: addon.ID, Name: a.name, Blueprint: a.kind}, {ID: "lold", Name: "old-db", Blueprint: "postgresql"}}
		}
	}
	return s, db, kept(t, db, shop, platform.Snapshot{Release: 1, Bytes: 6 << 30, Parts: parts})
}

func TestCopySnapshot_LaysTheNewAppOutInOneStep(t *testing.T) {
	s, db, row := newCopies(t)
	d, err := s.CopySnapshot(t.Context(), owner, "shop", row.ID, app.CopyRequest{Name: "test", Plan: "nano"})
	check(t, err)
	made, err := db.AppByName(t.Context(), "test")
	check(t, err)
	if made.Plan != "nano" || !maps.Equal(made.Scale, platform.Scale{"web": 1, "worker": 0}) || made.StopGrace != 60 || made.Blueprint != "" || made.CurrentRelease != 0 {
		t.Errorf("made %+v", made)
	}
	if d.Kind != platform.DeployCopy || d.AppID != made.ID || d.Number != 1 || d.Snapshot != row.ID || len(d.Addons) != 3 {
		t.Errorf("recorded %+v", d)
	}
	recorded, err := db.DeploymentByNumber(t.Context(), made.ID, 1)
	check(t, err)
	if !maps.Equal(recorded.Addons, d.Addons) || recorded.Steps[1].Name != platform.StepAddons {
		t.Errorf("recorded %+v", recorded)
	}
	volumes, err := db.VolumesOf(t.Context(), made.ID)
	check(t, err)
	if len(volumes) != 2 || volumes[0].Name != "files" || !volumes[0].Shared || volumes[1].Shared || slices.ContainsFunc(row.Parts.Volumes, func(v platform.SnapshotVolume) bool { return v.ID == volumes[0].ID }) {
		t.Errorf("volumes %+v", volumes)
	}
	ties, err := db.Bindings(t.Context())
	check(t, err)
	var own []string
	for _, tie := range ties {
		if tie.AppID == made.ID {
			addon, err := db.AppByID(t.Context(), tie.AddonID)
			check(t, err)
			own = append(own, addon.Name+" "+addon.Blueprint+" "+addon.Plan+" "+tie.Prefix)
			vars, err := db.ConfigVars(t.Context(), addon.ID)
			check(t, err)
			if addon.Blueprint == "postgresql" && (vars["ADDON_PASSWORD"] == "" || vars["ADDON_PASSWORD"] == "old") {
				t.Errorf("the password of %s is %q", addon.Name, vars["ADDON_PASSWORD"])
			}
		}
	}
	slices.Sort(own)
	if want := []string{"test-cache valkey pico REDIS", "test-db postgresql pico MAIN", "test-old-db postgresql db-nano DATABASE"}; !slices.Equal(own, want) {
		t.Errorf("add-ons %q, want %q", own, want)
	}
}

func TestCopySnapshot_RefusesWhatCannotBe(t *testing.T) {
	s, db, row := newCopies(t)
	for _, test := range []struct {
		actor platform.Actor
		ask   app.CopyRequest
		kind  platform.Kind
		code  string
	}{
		{viewer, app.CopyRequest{Name: "test"}, platform.Forbidden, "forbidden"},
		{owner, app.CopyRequest{Name: "Test;id"}, platform.Invalid, "app_name_invalid"},
		{owner, app.CopyRequest{Name: "shop"}, platform.Conflict, "app_exists"},
		{owner, app.CopyRequest{Name: "test", Plan: "gigantic"}, platform.Invalid, "plan_unknown"},
		{owner, app.CopyRequest{Name: "test", Plan: "pico"}, platform.Invalid, "plan_too_small"},
		{owner, app.CopyRequest{Name: "test", Plan: "2xlarge"}, platform.NoRoom, "does_not_fit"},
	} {
		_, err := s.CopySnapshot(t.Context(), test.actor, "shop", row.ID, test.ask)
		want(t, err, test.kind, test.code)
	}
	addon, err := db.AppByName(t.Context(), "shop-db")
	check(t, err)
	_, err = s.CopySnapshot(t.Context(), owner, "shop-db", kept(t, db, addon, platform.Snapshot{Release: 1}).ID, app.CopyRequest{Name: "test"})
	want(t, err, platform.Conflict, "app_is_addon")
	_, err = db.UpdateSnapshot(t.Context(), row.ID, func(r *platform.Snapshot) { r.State = platform.SnapshotFailed })
	check(t, err)
	_, err = s.CopySnapshot(t.Context(), owner, "shop", row.ID, app.CopyRequest{Name: "test"})
	want(t, err, platform.Conflict, "snapshot_not_ready")
	apps, err := db.Apps(t.Context())
	check(t, err)
	if len(apps) != 4 {
		t.Errorf("%d apps: something was made all the same", len(apps))
	}
}

func TestEquip_MakesEachAddonOnceATry(t *testing.T) {
	s, db, row := newCopies(t)
	d, err := s.CopySnapshot(t.Context(), owner, "shop", row.ID, app.CopyRequest{Name: "test", Plan: "nano"})
	check(t, err)
	id := d.Addons[row.Parts.Addons[0].ID]
	equip := func(d platform.Deployment) error {
		t.Helper()
		ready, err := s.Equip(t.Context(), d, id)
		if ready {
			t.Error("nobody has made it")
		}
		return err
	}
	check(t, equip(d))
	check(t, equip(d))
	begun, err := db.DeploymentsOf(t.Context(), id, 0)
	check(t, err)
	if len(begun) != 1 || begun[0].Source.Blueprint != "postgresql" || begun[0].Actor != owner.Name {
		t.Fatalf("begun: %+v", begun)
	}
	_, err = db.UpdateDeployment(t.Context(), begun[0].ID, func(d *platform.Deployment) error {
		d.State, d.FailureText = platform.DeploymentFailed, "No room."
		return nil
	})
	check(t, err)
	err = equip(d)
	want(t, err, platform.Unavailable, "addon_not_made")
	if !strings.HasSuffix(platform.AsError(err).Message, "test-db could not be made: No room.") {
		t.Errorf("said %q", platform.AsError(err).Message)
	}
	_, err = db.UpdateDeployment(t.Context(), d.ID, func(d *platform.Deployment) error { d.State = platform.DeploymentFailed; return nil })
	check(t, err)
	again, err := s.Retry(t.Context(), owner, "test", 1)
	check(t, err)
	if again.Kind != platform.DeployCopy || again.Snapshot != row.ID || !maps.Equal(again.Addons, d.Addons) {
		t.Errorf("retried %+v", again)
	}
	again.CreatedAt = time.Now().Add(time.Second)
	check(t, equip(again))
	if begun, err = db.DeploymentsOf(t.Context(), id, 0); err != nil || len(begun) != 2 {
		t.Errorf("%d begun, %v", len(begun), err)
	}
	live(t, db, "test-cache", 1)
	cache, err := db.AppByName(t.Context(), "test-cache")
	check(t, err)
	if ready, err := s.Equip(t.Context(), d, cache.ID); err != nil || !ready {
		t.Errorf("%v, %v", ready, err)
	}
}
