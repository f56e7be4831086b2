package console

import (
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestPalette_BestPlaceIsFirst(t *testing.T) {
	apps := []platform.App{{ID: "a", Name: "blog"}, {ID: "b", Name: "shop"}}
	owner := platform.Actor{AccountID: "o", Role: platform.RoleOwner}
	for query, want := range map[string]string{
		"blog":       "/apps/blog",
		"blog log":   "/apps/blog/logs",
		"log shop":   "/apps/shop/logs",
		"shop roll":  "/apps/shop#releases",
		"new":        "/create",
		"trash":      "/trash",
		"blog check": "/apps/blog/checkup",
	} {
		found := find(owner, apps, query)
		if len(found) == 0 || found[0].To != want {
			t.Errorf("%q: %+v, want %s first", query, found, want)
		}
	}
	if found := find(owner, apps, "blog nowhere"); len(found) != 0 {
		t.Errorf("every word counts: %+v", found)
	}
}
