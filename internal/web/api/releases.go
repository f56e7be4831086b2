package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Release is a release as the API shows it: never with config vars.
type Release struct {
	Number      int                      `json:"number"`
	Current     bool                     `json:"current"` // it serves
	State       platform.DeploymentState `json:"state"`   // of the deployment that made it: only what was live can be returned to
	Cause       string                   `json:"cause"`
	Image       string                   `json:"image"`
	Processes   []Process                `json:"processes"`
	Plan        string                   `json:"plan"`
	Health      platform.Health          `json:"health"`
	Commit      string                   `json:"commit"`
	CommitTitle string                   `json:"commit_title"`
	CreatedAt   time.Time                `json:"created_at"`
	CreatedBy   string                   `json:"created_by"`
}

// Process is a process type and its command.
type Process struct {
	Type    string `json:"type"`
	Command string `json:"command"`
}

func releaseBody(r platform.Release) Release {
	return Release{
		Number: r.Number, State: r.State, Cause: r.Cause, Image: r.Image, Plan: r.Plan, Health: r.Health,
		Commit: r.Commit, CommitTitle: r.CommitTitle, CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy,
		Processes: list(r.Processes, func(p platform.Process) Process { return Process{Type: p.Type, Command: p.Command} }),
	}
}

// ReleasesList answers GET /apps/:app/releases, the newest first.
func (a *API) ReleasesList(c echo.Context) error {
	page, before, err := numberedPage(c)
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	o, err := a.Apps.App(ctx, actor, name)
	if err != nil {
		return err
	}
	all, err := a.Apps.Releases(ctx, actor, name, before, page.Limit+1)
	if err != nil {
		return err
	}
	all, next := request.Cut(page, all, func(r platform.Release) string { return strconv.Itoa(r.Number) })
	return c.JSON(http.StatusOK, ReleasesAnswer{list(all, func(r platform.Release) Release {
		body := releaseBody(r)
		body.Current = r.Number == o.App.CurrentRelease
		return body
	}), next})
}

// ReleaseRollbackBody is what POST /apps/ takes.
type ReleaseRollbackBody struct {
	Release int `json:"release"`
}

// ReleaseRollback answers POST /apps/:app/rollback; release 0 is the one before.
func (a *API) ReleaseRollback(c echo.Context) error {
	var body ReleaseRollbackBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.Rollback(ctx, actor, name, body.Release)
	return started(c, d, err)
}

var releaseOperations = []openapi.Operation{
	{
		Route: "GET /api/v1/apps/:app/releases", Group: "Releases", Summary: "List releases, the newest first",
		Query: pageParams, Status: http.StatusOK, Answer: ReleasesAnswer{},
	},
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/rollback", Group: "Releases", Summary: "Bring an older release live again",
		Notes: "Release 0, or none, means the one that served before.", Body: ReleaseRollbackBody{},
		Errors: openapi.Codes{404: "release_not_found", 409: "release_serves release_never_live nothing_before nothing_serves push_under_way image_missing does_not_fit", 422: "release_invalid"},
	}),
}
