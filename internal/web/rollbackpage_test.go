package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// release gives an app a release that has gone live.
func (r *rig) release(a platform.App, change func(*platform.Release)) platform.Release {
	r.t.Helper()
	ctx := r.t.Context()
	d := r.deployment(a, "Say hello")
	vars, err := r.store.ConfigVars(ctx, a.ID)
	must(r.t, err)
	release := platform.Release{
		AppID: a.ID, DeploymentID: d.ID, Image: "127.0.0.1:5005/apps/x@sha256:00", Plan: "nano", CommitTitle: "Say hello", Commit: strings.Repeat("1", 40),
		Processes: []platform.Process{{Type: "web", Command: "node server.js"}}, ConfigVars: vars, CreatedAt: time.Now(), CreatedBy: testEmail,
	}
	change(&release)
	must(r.t, r.store.AppendRelease(ctx, &release))
	must(r.t, r.store.CommitSwitch(ctx, a.ID, release.Number, d.ID))
	return release
}

// changesOn reads the table of what changes: what stands in each row.
func changesOn(page string) string {
	_, table, _ := strings.Cut(page, `<table class="changes">`)
	table, _, _ = strings.Cut(table, "</table>")
	return regexp.MustCompile(`\s+`).ReplaceAllString(regexp.MustCompile(`<[^>]+>`).ReplaceAllString(table, " "), " ")
}

func TestRollbackPage_PreviewsWhatChangesAndWhatStays(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine") // v1: SECRET_KEY, nano
	_, _, err := r.apps.AddDomain(t.Context(), r.owner, "mine", "shop.ada.dev")
	must(t, err)
	_, err = r.apps.ChangeConfig(t.Context(), r.owner, "mine", app.ConfigEdit{Set: map[string]string{"SECRET_KEY": "newer-" + canary, "COLOUR": "sea"}, Later: true})
	must(t, err)
	r.release(a, func(v *platform.Release) {
		v.Image, v.Plan, v.CommitTitle, v.Commit = "127.0.0.1:5005/apps/x@sha256:11", "micro", "Say it <i>louder</i>", strings.Repeat("9f", 20)
		v.Processes = []platform.Process{{Type: "web", Command: "node loud.js"}, {Type: "worker", Command: "node worker.js"}}
	})
	_, err = r.store.UpdateApp(t.Context(), a.ID, func(a *platform.App) error { a.Scale = platform.Scale{"web": 1, "worker": 1}; return nil })
	must(t, err)
	page := r.page("/apps/mine/rollback?release=1")
	changes := changesOn(page)
	for _, row := range []string{
		"v2, live now v1", "Code 9f9f9f9 Say it louder 1a2b3c4 Say hello", "Process type web node loud.js node server.js", "Process type worker node worker.js –",
		"Plan micro nano", "newer values of SECRET_KEY older values", "has COLOUR –",
	} {
		if !strings.Contains(changes, row) {
			t.Errorf("the preview does not say %q:\n%s", row, changes)
		}
	}
	for _, said := range []string{
		"Domains and the number of replicas stay as they are", "Nothing is built.", "Roll back to v1</button>",
		"Restarts 1 replica, stops 1 replica, no downtime, gives 1.5 GB back. Each replica then has plan nano: 512 MB of memory instead of 1 GB; one that needs more is ended and started again. Nothing is built.",
	} {
		if !strings.Contains(page, said) {
			t.Errorf("the page does not say %q", said)
		}
	}
	raw := r.do(ask{path: "/apps/mine/rollback", session: r.session}).want(t, http.StatusOK).body // without a number: the one before
	if strings.Contains(raw, canary) || strings.Contains(raw, "<i>louder</i>") || !strings.Contains(raw, "Roll back to v1") {
		t.Error("the preview shows a value, makes markup of a commit, or is not of the release before")
	}
	if viewer := r.do(ask{path: "/apps/mine/rollback?release=1", session: r.viewer()}).want(t, http.StatusOK).body; strings.Contains(viewer, "Roll back to v1</button>") || !strings.Contains(viewer, "You may look, but not roll back.") {
		t.Error("a viewer is offered the roll back")
	}
	if now, err := r.store.AppByName(t.Context(), "mine"); err != nil || now.CurrentRelease != 2 {
		t.Errorf("the preview has changed something: %+v, %v", now, err)
	}

	to := r.submit("/apps/mine/rollback", url.Values{"release": {"1"}}).want(t, http.StatusSeeOther).Header.Get("Location")
	if d := r.newest("mine"); to != fmt.Sprintf("/apps/mine/deployments/%d", d.Number) || d.Kind != platform.DeployRollback || d.FromRelease != 1 {
		t.Errorf("it leads to %s, recorded as %+v", to, d)
	}
	if domains := r.page("/apps/mine/domains"); !strings.Contains(domains, "shop.ada.dev") {
		t.Error("the domain did not stay")
	}
}

func TestRollbackPage_SaysWhenNothingChangesAndRefusesWhatCannotReturn(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	if page := r.do(ask{path: "/apps/mine/rollback", session: r.session}).want(t, http.StatusConflict).body; !strings.Contains(page, "no earlier release") || !strings.Contains(page, "No other release has been live yet.") {
		t.Error("nothing to go back to is not told")
	}
	r.release(a, func(v *platform.Release) { v.Commit, v.CommitTitle = "1a2b3c4d5e6f", "Say hello" })
	if page := r.page("/apps/mine/rollback?release=1"); !strings.Contains(page, "v2 and v1 hold the same") {
		t.Error("two that are the same are not called so")
	}
	for path, status := range map[string]int{"?release=2": 409, "?release=77": 404, "?release=x": 422} {
		got := r.do(ask{path: "/apps/mine/rollback" + path, session: r.session}).want(t, status)
		if strings.Contains(got.body, "Nothing is built.") {
			t.Errorf("%s is offered", path)
		}
	}
}
