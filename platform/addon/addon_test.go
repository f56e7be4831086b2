package addon_test

import (
	"context"
	"slices"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/addon"
)

// rows is a store of two apps and one database.
type rows struct {
	apps     map[string]platform.App
	bindings []platform.Binding
	next     map[string]string // config vars that the add-on's next release gets
	serving  map[string]string // those of the release that serves
}

func (r rows) Bindings(context.Context) ([]platform.Binding, error) { return r.bindings, nil }
func (r rows) AppByID(_ context.Context, id string) (platform.App, error) {
	a, ok := r.apps[id]
	if !ok {
		return a, platform.Errorf(platform.NotFound, "app_not_found", "none")
	}
	return a, nil
}
func (r rows) ConfigVars(context.Context, string) (map[string]string, error) { return r.next, nil }
func (r rows) ReleaseByNumber(_ context.Context, _ string, n int) (platform.Release, error) {
	return platform.Release{Number: n, ConfigVars: r.serving}, nil
}

func (r rows) Blueprint(string) (platform.Blueprint, error) {
	return platform.Blueprint{Name: "db", Category: "database", Gives: map[string]string{
		"URL": "db://{addon_user}:{addon_password}@{host}/x", "HOST": "{host}",
	}}, nil
}

func sample() rows {
	return rows{
		apps: map[string]platform.App{
			"a": {ID: "a", Name: "shop", State: platform.AppActive}, "b": {ID: "b", Name: "blog", State: platform.AppTrashed},
			"d": {ID: "d", Name: "shop-db", State: platform.AppActive, Addon: true, Blueprint: "db", CurrentRelease: 1},
		},
		bindings: []platform.Binding{{ID: "1", AppID: "a", AddonID: "d", Prefix: "DATABASE"}, {ID: "2", AppID: "b", AddonID: "d", Prefix: "OLD"}},
		next:     map[string]string{"ADDON_USER": "app", "ADDON_PASSWORD": "new"},
		serving:  map[string]string{"ADDON_USER": "app", "ADDON_PASSWORD": "old"},
	}
}

func TestBound_IsWhatTheServingReleaseWasStartedWith(t *testing.T) {
	r := sample()
	got, err := (&addon.Service{Store: r, Blueprints: r}).Bound(t.Context(), "a")
	if err != nil || got["DATABASE_URL"] != "db://app:old@shop-db/x" || got["DATABASE_HOST"] != "shop-db" || len(got) != 2 {
		t.Errorf("%v %v", got, err)
	}
	db := r.apps["d"]
	db.CurrentRelease = 0
	r.apps["d"] = db
	got, err = (&addon.Service{Store: r, Blueprints: r}).Bound(t.Context(), "a")
	if err != nil || got["DATABASE_URL"] != "db://app:new@shop-db/x" {
		t.Errorf("before the first release: %v %v", got, err)
	}
	if got, err = (*addon.Service)(nil).Bound(t.Context(), "a"); err != nil || len(got) != 0 {
		t.Errorf("without add-ons: %v %v", got, err)
	}
}

func TestLinksOf_LeavesOutWhatIsInTheTrash(t *testing.T) {
	r := sample()
	s := &addon.Service{Store: r, Blueprints: r}
	for id, want := range map[string][]string{"a": {"a"}, "d": {"a"}, "b": {"a", "b"}} { // b is just being started
		links, err := s.LinksOf(t.Context(), id)
		if err != nil || len(links) != 1 || links[0].AddonID != "d" || links[0].Name != "shop-db" || !slices.Equal(links[0].Apps, want) {
			t.Errorf("%s: %+v %v", id, links, err)
		}
	}
	r.bindings = nil
	s = &addon.Service{Store: r, Blueprints: r}
	if links, err := s.LinksOf(t.Context(), "a"); err != nil || len(links) != 0 {
		t.Errorf("an app without: %+v %v", links, err)
	}
	if links, err := s.LinksOf(t.Context(), "d"); err != nil || len(links) != 1 || len(links[0].Apps) != 0 {
		t.Errorf("an add-on without: %+v %v", links, err)
	}
}

func TestSum_TellsSetsApart(t *testing.T) {
	seen := map[string]bool{}
	for _, vars := range []map[string]string{nil, {"A": ""}, {"A": "b"}, {"A": "b", "C": ""}, {"AC": "b"}, {"A": "bC"}} {
		sum := addon.Sum(vars)
		if seen[sum] || len(sum) != 32 {
			t.Errorf("%v has the sum %s", vars, sum)
		}
		seen[sum] = true
	}
}
