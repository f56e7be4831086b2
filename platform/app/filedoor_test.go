package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

func TestFileDoor_ShowsVolumesOfAppsThatOneManages(t *testing.T) {
	s, db := newService(t)
	s.Volumes = db
	door := app.FileDoor{Service: s}
	for _, name := range []string{"shop", "blog"} {
		_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: name})
		check(t, err)
	}
	db1 := platform.App{Name: "shop-db", Plan: "micro", State: platform.AppActive, Addon: true}
	check(t, db.CreateApp(t.Context(), &db1))
	shop, err := db.AppByName(t.Context(), "shop")
	check(t, err)
	since, ids := time.Now(), map[string]string{}
	for name, state := range map[string]platform.VolumeState{"uploads": platform.VolumeActive, "other": platform.VolumeActive, "old": platform.VolumeTrashed} {
		v := platform.Volume{AppID: shop.ID, Name: name, Path: "/" + name, State: state, TrashedAt: &since}
		check(t, db.CreateVolume(t.Context(), &v, func([]platform.Volume) error { return nil }))
		ids[name] = v.ID
	}
	key := platform.Actor{AccountID: "ada", Name: "ada@example.com", Role: platform.RoleDeveloper, Via: "git", Scopes: []platform.Scope{platform.ScopeDeploy}}
	viewer := key
	viewer.Role = platform.RoleViewer
	if err := door.Enter(t.Context(), key); err != nil {
		t.Error(err)
	}
	want(t, door.Enter(t.Context(), viewer), platform.Forbidden, "forbidden")
	if names, err := door.Apps(t.Context(), key); err != nil || !slices.Equal(names, []string{"blog", "shop"}) {
		t.Errorf("%v, %v", names, err)
	}
	if names, err := door.Apps(t.Context(), viewer); err != nil || len(names) > 0 {
		t.Errorf("a viewer has %v, %v", names, err)
	}
	if names, err := door.Volumes(t.Context(), key, "shop"); err != nil || !slices.Equal(names, []string{"other", "uploads"}) {
		t.Errorf("%v, %v", names, err)
	}
	if id, err := door.Volume(t.Context(), key, "shop", "uploads"); err != nil || id != ids["uploads"] {
		t.Errorf("%s, %v", id, err)
	}
	_, err = door.Volume(t.Context(), key, "shop", "old")
	want(t, err, platform.Conflict, "volume_trashed")
	_, err = door.Volume(t.Context(), viewer, "shop", "uploads")
	want(t, err, platform.Forbidden, "forbidden")
	_, err = door.Volumes(t.Context(), key, "shop-db")
	want(t, err, platform.NotFound, "addon_files")
	door.Changed(t.Context(), key, "shop", "uploads")
	events, err := s.EventsLike(t.Context(), owner, "shop", "", 0, 5)
	if err != nil || len(events) == 0 || events[0].Action != "volume.files-changed" || events[0].Via != "sftp" || !strings.Contains(events[0].Text, "by SFTP") {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestAddresses_TellTheCommandOfSFTP(t *testing.T) {
	a := app.Addresses{Consoles: []string{"console.example.com", "console.localhost"}, SSHPort: 2222}
	for asked, want := range map[string]string{"": "sftp -P 2222 lugsail@console.example.com:/shop/uploads", "console.localhost": "sftp -P 2222 lugsail@localhost:/shop/uploads"} {
		if got := a.SFTP("shop", "uploads", asked); got != want {
			t.Errorf("asked at %q: %s", asked, got)
		}
	}
	if got := (app.Addresses{}).SFTP("shop", "uploads", ""); got != "" {
		t.Errorf("without SSH: %s", got)
	}
}
