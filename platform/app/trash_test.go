package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

func TestDestroy_AsksForTheName(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	for _, now := range []bool{false, true} {
		_, err = s.Destroy(t.Context(), owner, "shop", "Shop", now)
		want(t, err, platform.Invalid, "not_confirmed")
	}
	_, err = s.Destroy(t.Context(), viewer, "shop", "shop", false)
	want(t, err, platform.Forbidden, "forbidden")
	d, err := s.Destroy(t.Context(), owner, "shop", "shop", true)
	if err != nil || d.Kind != platform.DeployDestroy {
		t.Errorf("deployment %+v, %v", d, err)
	}
	if a, err := db.AppByName(t.Context(), "shop"); err != nil || a.State != platform.AppDestroying {
		t.Errorf("state %s, %v", a.State, err)
	}
	_, err = s.SetConfigVars(t.Context(), owner, "shop", map[string]string{"A": "1"}, nil)
	want(t, err, platform.Conflict, "app_destroying")
	_, err = s.Restore(t.Context(), owner, "shop")
	want(t, err, platform.Conflict, "app_destroying")
}

func TestDestroy_GoesIntoTheTrashAndComesBack(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	_, err = s.SetConfigVars(t.Context(), owner, "shop", map[string]string{"A": "1"}, nil)
	check(t, err)
	live(t, db, "shop", 2)
	d, err := s.Destroy(t.Context(), owner, "shop", "shop", false)
	if err != nil || d.Kind != platform.DeployTrash {
		t.Fatalf("deployment %+v, %v", d, err)
	}
	list, err := s.Trash(t.Context(), owner)
	if err != nil || len(list) != 1 || time.Until(list[0].TrashEnds()).Round(time.Hour) != platform.TrashTime {
		t.Fatalf("trash %+v, %v", list, err)
	}
	if apps, err := s.Apps(t.Context(), owner); err != nil || len(apps) != 0 {
		t.Errorf("apps %+v, %v", apps, err)
	}
	o, err := s.App(t.Context(), owner, "shop")
	if err != nil || o.Health.Word != "In the trash" {
		t.Errorf("it can be looked at: %+v, %v", o.Health, err)
	}
	_, err = s.Scale(t.Context(), owner, "shop", platform.Scale{"web": 2})
	want(t, err, platform.Conflict, "app_trashed")
	_, err = s.Destroy(t.Context(), owner, "shop", "shop", false)
	want(t, err, platform.Conflict, "app_trashed")
	_, err = s.Restore(t.Context(), viewer, "shop")
	want(t, err, platform.Forbidden, "forbidden")
	d, err = s.Restore(t.Context(), owner, "shop")
	if err != nil || d.Kind != platform.DeployRestore {
		t.Fatalf("deployment %+v, %v", d, err)
	}
	a, err := db.AppByName(t.Context(), "shop")
	if err != nil || a.State != platform.AppActive || a.TrashedAt != nil || a.CurrentRelease != 2 {
		t.Errorf("app %+v, %v", a, err)
	}
	_, err = s.Restore(t.Context(), owner, "shop")
	want(t, err, platform.Conflict, "app_not_trashed")
	if vars, err := db.ConfigVars(t.Context(), a.ID); err != nil || vars["A"] != "1" {
		t.Errorf("config vars %v, %v", vars, err)
	}
}

func TestTrash_KeepsTheNameAndSaysSo(t *testing.T) {
	s, _ := newService(t)
	for _, name := range []string{"shop", "blog"} {
		_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: name})
		check(t, err)
	}
	_, err := s.Destroy(t.Context(), owner, "shop", "shop", false)
	check(t, err)
	_, createErr := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	_, renameErr := s.Rename(t.Context(), owner, "blog", "shop")
	for _, err := range []error{createErr, renameErr} {
		want(t, err, platform.Conflict, "app_exists")
		if e := platform.AsError(err); !strings.Contains(e.Message, "in the trash until") || !strings.Contains(e.Hint, "lugsail restore shop") {
			t.Errorf("%s → %s", e.Message, e.Hint)
		}
	}
}

func TestTrash_PromisesNoMemoryAndAsksForItAgain(t *testing.T) {
	s, db := newService(t)
	create := func(name string) error {
		_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: name, Plan: "nano"})
		return err
	}
	check(t, create("first"))
	live(t, db, "first", 1)
	full := false
	for i := range 100 {
		if err := create("app-" + strings.Repeat("x", i%30+1) + "-" + string(rune('a'+i%26))); err != nil {
			want(t, err, platform.NoRoom, "does_not_fit")
			full = true
			break
		}
	}
	if !full {
		t.Fatal("the machine of the test is never full")
	}
	_, err := s.Destroy(t.Context(), owner, "first", "first", false)
	check(t, err)
	check(t, create("instead"))
	_, err = s.Restore(t.Context(), owner, "first")
	want(t, err, platform.NoRoom, "does_not_fit")
	if a, err := db.AppByName(t.Context(), "first"); err != nil || a.State != platform.AppTrashed {
		t.Errorf("a restore that does not fit changes nothing: %s, %v", a.State, err)
	}
}

func TestTrash_AnAppWithoutReleaseComesBackAtOnce(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	_, err = s.Destroy(t.Context(), owner, "shop", "shop", false)
	check(t, err)
	d, err := s.Restore(t.Context(), owner, "shop")
	if err != nil || d.Number != 0 {
		t.Errorf("deployment %+v, %v", d, err)
	}
	if a, err := db.AppByName(t.Context(), "shop"); err != nil || a.State != platform.AppActive || a.TrashedAt != nil {
		t.Errorf("app %+v, %v", a, err)
	}
}

func TestConfigure_Builder(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	live(t, db, "shop", 1)
	text := func(s string) *string { return &s }
	d, err := s.Configure(t.Context(), owner, "shop", app.Settings{Builder: text("dockerfile"), Dockerfile: text("./docker/Dockerfile")})
	if err != nil || d.Number != 0 {
		t.Errorf("what builds the next push deploys nothing now: %+v, %v", d, err)
	}
	a, err := db.AppByName(t.Context(), "shop")
	if err != nil || a.Builder != platform.BuilderDockerfile || a.Dockerfile != "docker/Dockerfile" {
		t.Errorf("app %+v, %v", a, err)
	}
	_, err = s.Configure(t.Context(), owner, "shop", app.Settings{Builder: text("auto"), Dockerfile: text("")})
	check(t, err)
	if a, err = db.AppByName(t.Context(), "shop"); err != nil || a.Builder != platform.BuilderAuto || a.Dockerfile != "" {
		t.Errorf("app %+v, %v", a, err)
	}
	_, err = s.Configure(t.Context(), owner, "shop", app.Settings{Builder: text("kaniko")})
	want(t, err, platform.Invalid, "builder_unknown")
	_, err = s.Configure(t.Context(), owner, "shop", app.Settings{Dockerfile: text("../../etc/passwd")})
	want(t, err, platform.Invalid, "dockerfile_path_invalid")
}
