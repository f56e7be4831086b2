package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// pages reads a whole list, this many at a time, and gives a field of each thing.
func (r *rig) pages(path, list, field string, limit int) []string {
	r.t.Helper()
	var all []string
	cursor := ""
	for range 100 {
		got := r.do(ask{path: fmt.Sprintf("%s?limit=%d&cursor=%s", path, limit, cursor), session: r.session}).want(r.t, http.StatusOK)
		var answer map[string]json.RawMessage
		got.decode(r.t, &answer)
		var things []map[string]any
		must(r.t, json.Unmarshal(answer[list], &things))
		if len(things) > limit {
			r.t.Fatalf("%s: %d of at most %d", path, len(things), limit)
		}
		for _, thing := range things {
			all = append(all, fmt.Sprint(thing[field]))
		}
		var next *string
		must(r.t, json.Unmarshal(answer["next"], &next))
		if next == nil {
			return all
		}
		cursor = *next
	}
	r.t.Fatalf("%s has no end", path)
	return nil
}

func TestAPI_ListsComeInPages(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	for i := range 6 {
		_, err := r.apps.Create(t.Context(), r.owner, app.CreateRequest{Name: fmt.Sprintf("app-%d", i), Plan: "pico"})
		must(t, err)
		_, _, err = r.apps.AddDomain(t.Context(), r.owner, "mine", fmt.Sprintf("www%d.other.test", i))
		must(t, err)
		_, _, err = r.apps.CreateVolume(t.Context(), r.owner, "mine", fmt.Sprintf("v%d", i), app.VolumeRequest{Path: fmt.Sprintf("/v%d", i), Shared: true})
		must(t, err)
		r.end(r.deployment(mine, "again"), platform.DeploymentFailed, nil)
	}
	for _, c := range []struct{ path, list, field string }{
		{"/api/v1/apps", "apps", "name"},
		{"/api/v1/apps/mine/deployments", "deployments", "number"},
		{"/api/v1/apps/mine/releases", "releases", "number"},
		{"/api/v1/apps/mine/domains", "domains", "host"},
		{"/api/v1/apps/mine/volumes", "volumes", "name"},
		{"/api/v1/apps/mine/events", "events", "id"},
		{"/api/v1/events", "events", "id"},
	} {
		whole := r.pages(c.path, c.list, c.field, 200)
		if len(whole) == 0 {
			t.Errorf("%s is empty", c.path)
		}
		for _, limit := range []int{1, 2, 3, len(whole), len(whole) + 1} {
			if got := r.pages(c.path, c.list, c.field, limit); !slices.Equal(got, whole) {
				t.Errorf("%s by %d: %v, at once %v", c.path, limit, got, whole)
			}
		}
	}
}

func TestAPI_APageStaysWhereItIsWhenTheListChanges(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"bravo", "charlie", "delta"} {
		_, err := r.apps.Create(t.Context(), r.owner, app.CreateRequest{Name: name, Plan: "pico"})
		must(t, err)
	}
	type page struct {
		Apps []struct{ Name string }
		Next string
	}
	var first, rest page
	r.do(ask{path: "/api/v1/apps?limit=2", session: r.session}).want(t, http.StatusOK).decode(t, &first)
	_, err := r.apps.Create(t.Context(), r.owner, app.CreateRequest{Name: "alpha", Plan: "pico"})
	must(t, err)
	charlie, err := r.store.AppByName(t.Context(), "charlie")
	must(t, err)
	must(t, r.store.DeleteApp(t.Context(), charlie.ID))
	r.do(ask{path: "/api/v1/apps?limit=2&cursor=" + first.Next, session: r.session}).want(t, http.StatusOK).decode(t, &rest)
	if len(rest.Apps) != 1 || rest.Apps[0].Name != "delta" {
		t.Errorf("behind charlie: %v", rest.Apps)
	}
}

func TestA76_CursorsThatNobodyGaveAreRefused(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	for _, cursor := range []string{"x", "\x00", "LTE", "MA", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "KHNlbGVjdCAxKQ", "' or 1=1"} {
		for _, path := range []string{"/api/v1/apps/mine/deployments", "/api/v1/apps/mine/releases", "/api/v1/events"} {
			got := r.do(ask{path: path + "?cursor=" + url.QueryEscape(cursor), session: r.session})
			if got.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("%s with cursor %q: %d", path, cursor, got.StatusCode)
			}
		}
	}
}
