package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// usurp renames an app and gives its name to another one.
func usurp(t *testing.T, s *app.Service, name string) (meant, other platform.App) {
	t.Helper()
	o, err := s.Rename(t.Context(), owner, name, name+"-old")
	check(t, err)
	n, err := s.Create(t.Context(), owner, app.CreateRequest{Name: name})
	check(t, err)
	return o.App, n.App
}

func TestRename_APushUnderWayLandsInTheAppThatWasMeant(t *testing.T) {
	s, db := newService(t)
	_, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	door := app.GitDoor{Service: s}
	found, err := door.App(t.Context(), owner, "shop", true) // when the push begins
	check(t, err)
	meant, other := usurp(t, s, "shop")
	d, err := door.Deploy(t.Context(), owner, found.ID, platform.Source{Commit: strings.Repeat("c", 40)})
	if err != nil || d.AppID != meant.ID {
		t.Errorf("%+v, %v", d, err)
	}
	if all, err := db.DeploymentsOf(t.Context(), other.ID, 10); err != nil || len(all) != 0 {
		t.Errorf("the other app has %v, %v", all, err)
	}
}

func TestDeploy_OfAnAppThatLeftMeanwhileIsRefusedAndLeavesNothing(t *testing.T) {
	s, _ := newService(t)
	o, err := s.Create(t.Context(), owner, app.CreateRequest{Name: "shop"})
	check(t, err)
	tree := func() platform.Source {
		dir := filepath.Join(t.TempDir(), "tree")
		check(t, os.Mkdir(dir, 0o700))
		return platform.Source{Dir: dir}
	}
	gone := func(src platform.Source) {
		t.Helper()
		if _, err := os.Stat(src.Dir); !os.IsNotExist(err) {
			t.Errorf("the source stays: %v", err)
		}
	}
	src := tree()
	_, err = s.Deploy(t.Context(), owner, platform.NewID(), src)
	want(t, err, platform.NotFound, "app_not_found")
	gone(src)
	src = tree()
	_, err = s.Deploy(t.Context(), viewer, o.App.ID, src)
	want(t, err, platform.Forbidden, "forbidden")
	gone(src)
	src = tree()
	_, err = s.Destroy(t.Context(), owner, "shop", "shop", false)
	check(t, err)
	if _, err = s.Deploy(t.Context(), owner, o.App.ID, src); err == nil {
		t.Error("an app that is in the trash is deployed")
	}
	gone(src)
}
