package web

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// shelf finds the volume uploads and the add-on tea in every app but "empty", and never begins what it is asked for.
type shelf struct{ refuses error }

func (shelf) PartsOf(_ context.Context, a platform.App) (parts platform.SnapshotParts, err error) {
	if a.Name == "empty" {
		return parts, nil
	}
	parts.Volumes = []platform.SnapshotVolume{{ID: "luploads", Name: "uploads", Path: "/data"}}
	parts.Addons = []platform.SnapshotAddon{{ID: "ltea", Name: "tea", Blueprint: "cache"}}
	return parts, nil
}

func (s shelf) Restorable(context.Context, platform.App, platform.Snapshot) error { return s.refuses }
func (shelf) Progress(string) string                                              { return "reads files, 40 %" }
func (shelf) Doing() string                                                       { return "" }
func (shelf) MakesDaily() bool                                                    { return true }
func (shelf) Wake()                                                               {}
func (shelf) Removed()                                                            {}

// snapshot records one of an app.
func (r *rig) snapshot(a platform.App, row platform.Snapshot) platform.Snapshot {
	r.t.Helper()
	row.AppID, row.CreatedAt = a.ID, time.Now()
	must(r.t, r.store.CreateSnapshot(r.t.Context(), &row))
	return row
}

func TestSnapshotsPage_TeachesWhereThereIsNothingYet(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	r.serving("empty")
	page := r.do(ask{path: "/apps/mine/snapshots", session: r.session}).want(t, http.StatusOK).body
	wants(t, page, "One is made each day by itself", "7 days, 4 weeks and 3 months", "The first one comes by itself within a day", "files of uploads and rows of tea", "A word on it")
	page = r.do(ask{path: "/apps/empty/snapshots", session: r.session}).want(t, http.StatusOK).body
	wants(t, page, "empty keeps nothing yet")
	wantsNone(t, page, "A word on it", "The first one comes")
	wants(t, r.do(ask{path: "/palette?q=mine+snapshots", session: r.session}).body, `href="/apps/mine/snapshots"`)
}

func TestSnapshotsPage_ShowsHowFarOneIsAndWhatEachHolds(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	parts, _ := shelf{}.PartsOf(t.Context(), mine)
	ready := r.snapshot(mine, platform.Snapshot{State: platform.SnapshotReady, Cause: markup, Bytes: 5 << 20, Parts: parts, Release: 1, Frozen: true, CreatedBy: testEmail})
	r.snapshot(mine, platform.Snapshot{State: platform.SnapshotReady, Cause: "ran", Parts: parts})
	r.snapshot(mine, platform.Snapshot{State: platform.SnapshotFailed, Cause: "broke", FailureText: "The disk is full.", FailureHint: "Remove files."})
	r.snapshot(mine, platform.Snapshot{State: platform.SnapshotMaking, Cause: "under way"})
	page := r.do(ask{path: "/apps/mine/snapshots", session: r.session}).want(t, http.StatusOK).body
	wants(t, page, "reads files, 40 %", "One is being made just now", "files of uploads and rows of tea · v1 · "+testEmail, "5 MB ·", "Made while the app ran", "The disk is full.", "Remove files.",
		"as the way back", "and v1 with its config vars", `action="/apps/mine/snapshots/`+ready.ID+`/restore"`)
	wantsNone(t, page, markup)
	page = r.do(ask{path: "/apps/mine/snapshots", session: r.viewer()}).want(t, http.StatusOK).body
	wants(t, page, "files of uploads and rows of tea · v1")
	wantsNone(t, page, "/restore", "/remove", "A word on it")
}

func TestSnapshotsPage_FormsDoWhatTheySay(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	if got := r.sends("/apps/mine/snapshots", "cause", " before the upgrade ").want(t, http.StatusSeeOther).Header.Get("Location"); got != "/apps/mine/snapshots?done=snapshot" {
		t.Errorf("making one leads to %s", got)
	}
	r.sends("/apps/mine/snapshots").want(t, http.StatusSeeOther) // twice
	all, err := r.store.SnapshotsOf(t.Context(), mine.ID)
	must(t, err)
	if len(all) != 1 || all[0].Cause != "before the upgrade" || all[0].State != platform.SnapshotMaking {
		t.Fatalf("recorded %+v", all)
	}
	wants(t, r.sends("/apps/mine/snapshots/"+all[0].ID+"/remove").want(t, http.StatusConflict).body, "being made or restored just now")
	row, err := r.store.UpdateSnapshot(t.Context(), all[0].ID, func(s *platform.Snapshot) { s.State, s.Release = platform.SnapshotReady, 1 })
	must(t, err)
	refused := r.sends("/apps/mine/snapshots/"+row.ID+"/restore", "confirm", "yours").want(t, http.StatusUnprocessableEntity).body
	wants(t, refused, "its name must be given once more", "<details open><summary>Restore")
	if got := r.sends("/apps/mine/snapshots/"+row.ID+"/restore", "confirm", "mine").want(t, http.StatusSeeOther).Header.Get("Location"); got != "/apps/mine/deployments/2" {
		t.Errorf("restoring leads to %s", got)
	}
	if d := r.newest("mine"); d.Kind != platform.DeployRewind || d.Snapshot != row.ID {
		t.Errorf("recorded %+v", d)
	}
	r.sends("/apps/mine/snapshots/before", "on", "1").want(t, http.StatusSeeOther)
	wants(t, r.do(ask{path: "/apps/mine/snapshots", session: r.session}).body, `name="on" value="1" checked`)
	r.sends("/apps/mine/snapshots/before").want(t, http.StatusSeeOther)
	wantsNone(t, r.do(ask{path: "/apps/mine/snapshots", session: r.session}).body, `value="1" checked`)
	other := r.snapshot(mine, platform.Snapshot{State: platform.SnapshotReady, Cause: "another"})
	for range 2 {
		r.sends("/apps/mine/snapshots/"+other.ID+"/remove").want(t, http.StatusSeeOther)
	}
	if _, err := r.store.SnapshotByID(t.Context(), other.ID); !platform.IsKind(err, platform.NotFound) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestSnapshotsPage_MakesANewAppOutOfOne(t *testing.T) {
	r := stacked(t)
	mine := r.serving("mine")
	row := r.snapshot(mine, platform.Snapshot{State: platform.SnapshotReady, Release: 1, Parts: platform.SnapshotParts{Volumes: []platform.SnapshotVolume{{ID: "lold", Name: "uploads", Path: "/data"}}}})
	wants(t, r.do(ask{path: "/apps/mine/snapshots", session: r.session}).body, "Make a new app out of it", "Domains are not taken along", ">pico · 256 MB</option>", ">2xlarge · 32 GB · does not fit</option>")
	refused := r.sends("/apps/mine/snapshots/"+row.ID+"/copy", "name", "mine", "plan", "pico").want(t, http.StatusConflict).body
	wants(t, refused, "There is already an app named mine", `<details open><summary>Make a new app`, `<option value="pico" selected`)
	if got := r.sends("/apps/mine/snapshots/"+row.ID+"/copy", "name", "twin", "plan", "pico").want(t, http.StatusSeeOther).Header.Get("Location"); got != "/apps/twin/deployments/1" {
		t.Errorf("it leads to %s", got)
	}
	wants(t, r.do(ask{path: "/apps/twin/deployments/1", session: r.session}).want(t, http.StatusOK).body, "snapshot of mine of", ">Save<", ">Data<")
	wants(t, r.do(ask{path: "/apps/twin/volumes", session: r.session}).body, ">uploads</span>")
	answer := r.do(ask{method: post, path: "/api/v1/apps/mine/snapshots/" + row.ID + "/copy", token: r.token("", platform.ScopeAdmin), json: `{"name":"third","plan":"pico"}`}).want(t, http.StatusAccepted).body
	wants(t, answer, `"kind":"copy"`, `"number":1`)
}
