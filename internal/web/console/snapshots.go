package console

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/plan"
)

type snapshotsPage struct {
	Snapshots []snapshotRow
	Keeping   app.Keeping
	Asked     bool            // one that a person asked for is being made
	Cause     string          // as it was filled in
	Plans     []plan.Offer    // that a new app could have
	Copy      app.CopyRequest // likewise, of the snapshot that is open
}

type snapshotRow struct {
	app.SnapshotView
	Others []string // apps whose rows return with it, too
	Open   string   // "restore" or "copy": what was filled in there was refused
}

// Snapshots answers GET /apps/:app/snapshots.
func (c *Console) Snapshots(e echo.Context) error { return c.snapshotsWith(e, snapshotsPage{}, nil) }

func (c *Console) snapshotsWith(e echo.Context, page snapshotsPage, wrong error) error {
	f, err := c.inApp(e, "snapshots", "Snapshots")
	if err != nil {
		return err
	}
	ctx, name := e.Request().Context(), f.App.App.Name
	if page.Keeping, err = c.apps.KeepingOf(ctx, f.Actor, name); err != nil {
		return err
	}
	all, err := c.apps.SnapshotsOf(ctx, f.Actor, name)
	if err != nil {
		return err
	}
	ties, err := c.apps.AllBindings(ctx, f.Actor)
	if err != nil {
		return err
	}
	capacity, err := c.apps.Plans(ctx, f.Actor)
	if err != nil {
		return err
	}
	page.Plans = capacity.Offers(false)
	open := ""
	if wrong != nil {
		open = path.Base(e.Request().URL.Path)
	}
	for _, s := range all {
		page.Asked = page.Asked || s.State == platform.SnapshotMaking && !s.Automatic()
		row := snapshotRow{s, othersOf(s, name, ties), ""}
		if s.ID == e.Param("snapshot") {
			row.Open = open
		}
		page.Snapshots = append(page.Snapshots, row)
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "snapshots", f)
	}
	return c.show(e, http.StatusOK, "snapshots", f)
}

// othersOf gives the other apps that are bound to the add-ons in a snapshot.
func othersOf(s app.SnapshotView, name string, ties []app.BindingView) []string {
	var others []string
	for _, t := range ties {
		held := slices.ContainsFunc(s.Parts.Addons, func(a platform.SnapshotAddon) bool { return a.ID == t.AddonID })
		if held && t.App != name && !slices.Contains(others, t.App) {
			others = append(others, t.App)
		}
	}
	return others
}

// SnapshotCreate answers POST /apps/:app/snapshots.
func (c *Console) SnapshotCreate(e echo.Context) error {
	page := snapshotsPage{Cause: strings.TrimSpace(e.FormValue("cause"))}
	_, err := c.apps.CreateSnapshot(e.Request().Context(), request.Actor(e), e.Param("app"), page.Cause)
	if err != nil && platform.AsError(err).Code != "snapshot_making" { // sent twice, it is as the person wanted it
		return c.snapshotsWith(e, page, err)
	}
	return e.Redirect(http.StatusSeeOther, appPath(e, "/snapshots?done=snapshot"))
}

// SnapshotFirst answers POST /apps/:app/snapshots/before: whether deployments make a snapshot first.
func (c *Console) SnapshotFirst(e echo.Context) error {
	on := e.FormValue("on") != ""
	_, err := c.apps.Configure(e.Request().Context(), request.Actor(e), e.Param("app"), app.Settings{SnapshotFirst: &on})
	if err != nil {
		return c.snapshotsWith(e, snapshotsPage{}, err)
	}
	return e.Redirect(http.StatusSeeOther, appPath(e, "/snapshots?done=saved"))
}

// SnapshotRestore answers POST /apps/:app/snapshots/:snapshot/restore; the form repeats the app's name.
func (c *Console) SnapshotRestore(e echo.Context) error {
	d, err := c.apps.RestoreSnapshot(e.Request().Context(), request.Actor(e), e.Param("app"), e.Param("snapshot"), strings.TrimSpace(e.FormValue("confirm")))
	if err != nil {
		return c.snapshotsWith(e, snapshotsPage{}, err)
	}
	return afterwards(e, d, appPath(e, "/snapshots"), "restored")
}

// SnapshotCopy answers POST /apps/:app/snapshots/:snapshot/copy: a new app out of the snapshot.
func (c *Console) SnapshotCopy(e echo.Context) error {
	ask := app.CopyRequest{Name: strings.TrimSpace(e.FormValue("name")), Plan: e.FormValue("plan")}
	d, err := c.apps.CopySnapshot(e.Request().Context(), request.Actor(e), e.Param("app"), e.Param("snapshot"), ask)
	if err != nil {
		return c.snapshotsWith(e, snapshotsPage{Copy: ask}, err)
	}
	return e.Redirect(http.StatusSeeOther, fmt.Sprintf("/apps/%s/deployments/%d", ask.Name, d.Number))
}

// SnapshotRemove answers POST /apps/:app/snapshots/:snapshot/remove.
func (c *Console) SnapshotRemove(e echo.Context) error {
	err := c.apps.RemoveSnapshot(e.Request().Context(), request.Actor(e), e.Param("app"), e.Param("snapshot"))
	if err != nil && !platform.IsKind(err, platform.NotFound) { // sent twice, it is as the person wanted it
		return c.snapshotsWith(e, snapshotsPage{}, err)
	}
	return e.Redirect(http.StatusSeeOther, appPath(e, "/snapshots?done=removed"))
}
