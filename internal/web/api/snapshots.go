package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Snapshot is a copy of what an app keeps at one moment.
type Snapshot struct {
	ID        string                 `json:"id"`
	State     platform.SnapshotState `json:"state"`
	Cause     string                 `json:"cause"`
	Automatic bool                   `json:"automatic" doc:"made by the server: once a day, or before a restore or a deployment; it goes when its time is over"`
	Release   int                    `json:"release" doc:"that served then"`
	Bytes     int64                  `json:"bytes" doc:"of all in it; what several snapshots hold is stored once"`
	Volumes   []string               `json:"volumes" doc:"whose files are in it, by name"`
	Addons    []string               `json:"addons" doc:"whose rows are in it, by name"`
	Frozen    bool                   `json:"frozen" doc:"the app stood still for it, so files and rows belong to one moment"`
	Progress  string                 `json:"progress" doc:"what is being done for it; empty when nothing is"`
	Failure   string                 `json:"failure" doc:"why it could not be made"`
	Hint      string                 `json:"hint" doc:"what to do about that"`
	CreatedAt time.Time              `json:"created_at"`
	CreatedBy string                 `json:"created_by"`
	EndedAt   *time.Time             `json:"ended_at"`
}

func snapshotBody(v app.SnapshotView) Snapshot {
	body := Snapshot{
		ID: v.ID, State: v.State, Cause: v.Cause, Automatic: v.Automatic(), Release: v.Release, Bytes: v.Bytes, Volumes: []string{}, Addons: []string{}, Frozen: v.Frozen,
		Progress: v.Progress, Failure: v.FailureText, Hint: v.FailureHint, CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy, EndedAt: v.EndedAt,
	}
	for _, p := range v.Parts.Volumes {
		body.Volumes = append(body.Volumes, p.Name)
	}
	for _, p := range v.Parts.Addons {
		body.Addons = append(body.Addons, p.Name)
	}
	return body
}

// SnapshotsList answers GET /apps/:app/snapshots.
func (a *API) SnapshotsList(c echo.Context) error {
	all, err := a.Apps.SnapshotsOf(actorAnd(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, SnapshotsAnswer{list(all, snapshotBody)})
}

// SnapshotCreateBody is what POST /apps/:app/snapshots takes.
type SnapshotCreateBody struct {
	Cause string `json:"cause" doc:"one line on what it is for; may be empty" example:"before the upgrade"`
}

// SnapshotCreate answers POST /apps/:app/snapshots.
func (a *API) SnapshotCreate(c echo.Context) error {
	var body SnapshotCreateBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	made, err := a.Apps.CreateSnapshot(ctx, actor, name, body.Cause)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, SnapshotAnswer{snapshotBody(made)})
}

// SnapshotRemove answers DELETE /apps/:app/snapshots/:snapshot.
func (a *API) SnapshotRemove(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	if err := a.Apps.RemoveSnapshot(ctx, actor, name, c.Param("snapshot")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// SnapshotRestoreBody is what POST /apps/:app/snapshots/:snapshot/restore takes.
type SnapshotRestoreBody struct {
	Confirm string `json:"confirm" doc:"the app's name" example:"my-shop"`
}

// SnapshotRestore answers POST /apps/:app/snapshots/:snapshot/restore; the body repeats the app's name.
func (a *API) SnapshotRestore(c echo.Context) error {
	var body SnapshotRestoreBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.RestoreSnapshot(ctx, actor, name, c.Param("snapshot"), body.Confirm)
	return started(c, d, err)
}

// SnapshotCopyBody is what POST /apps/:app/snapshots/:snapshot/copy takes.
type SnapshotCopyBody struct {
	Name string `json:"name" doc:"of the new app" example:"my-shop-test"`
	Plan string `json:"plan" doc:"empty for that of the app in the snapshot" example:"micro"`
}

// SnapshotCopy answers POST /apps/:app/snapshots/:snapshot/copy.
func (a *API) SnapshotCopy(c echo.Context) error {
	var body SnapshotCopyBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.CopySnapshot(ctx, actor, name, c.Param("snapshot"), app.CopyRequest{Name: body.Name, Plan: body.Plan})
	return started(c, d, err)
}

var snapshotOperations = []openapi.Operation{
	{Route: "GET /api/v1/apps/:app/snapshots", Group: "Snapshots", Summary: "List an app's snapshots, the newest first", Status: http.StatusOK, Answer: SnapshotsAnswer{}},
	{
		Route: "POST /api/v1/apps/:app/snapshots", Group: "Snapshots", Summary: "Make a snapshot of an app's volumes and add-ons",
		Notes: "It is made in the background: first while the app runs, then what is new while it stands still, a minute at most. What caches hold is not part of it.",
		Body:  SnapshotCreateBody{}, Status: http.StatusAccepted, Answer: SnapshotAnswer{},
		Errors: openapi.Codes{409: "nothing_serves nothing_to_keep snapshot_making snapshots_too_many", 422: "snapshot_cause_invalid"},
	},
	{
		Route: "DELETE /api/v1/apps/:app/snapshots/:snapshot", Group: "Snapshots", Summary: "Remove a snapshot for good", Status: http.StatusNoContent,
		Errors: openapi.Codes{404: "snapshot_not_found", 409: "snapshot_in_use"},
	},
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/snapshots/:snapshot/restore", Group: "Snapshots", Summary: "Bring an app back to a snapshot",
		Notes:  "Its files, the rows of its add-ons, and the release that served then with its config vars. A snapshot of what there is now is made first. When something fails, all is as it was before.",
		Body:   SnapshotRestoreBody{},
		Errors: openapi.Codes{404: "snapshot_not_found release_not_found", 409: "snapshot_not_ready snapshot_volume_gone snapshot_addon_gone release_never_live nothing_before", 422: "not_confirmed"},
	}),
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/snapshots/:snapshot/copy", Group: "Snapshots", Summary: "Make a new app out of a snapshot",
		Notes:  "It gets volumes and add-ons of its own with the files and rows of then, and the release that served then with its config vars; no domains. The app in the snapshot stays as it is. The deployment is the new app's first one.",
		Body:   SnapshotCopyBody{},
		Errors: openapi.Codes{404: "snapshot_not_found release_not_found", 409: "app_is_addon snapshot_not_ready app_exists does_not_fit", 422: "app_name_invalid app_name_reserved plan_unknown plan_too_small"},
	}),
}
