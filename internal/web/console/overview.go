package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/observe"
)

type overviewPage struct {
	Failed   *platform.Deployment // the newest, when it failed
	Timeline []moment
	Replicas []replicaRow
	Branch   string
	Hints    []observe.Finding // what is wrong, and what to do
	LastHour *lastHour         // nil when nothing is measured
}

// moment is an entry of the timeline: a release, or a deployment that made none.
type moment struct {
	At         time.Time
	Release    *platform.Release    // nil when the deployment made none
	Deployment *platform.Deployment // nil when it is too long ago
	Current    bool
	Returnable bool // the person may go back to it
}

type replicaRow struct {
	platform.Replica
	Name   string
	Colour string
	Said   string
}

// Colour tells how it went.
func (m moment) Colour() string {
	switch {
	case m.Current:
		return "ok"
	case m.state() == platform.DeploymentFailed:
		return "bad"
	case !m.state().Ended():
		return "pending"
	}
	return "quiet"
}

func (m moment) state() platform.DeploymentState {
	if m.Release != nil {
		return m.Release.State
	}
	return m.Deployment.State
}

// Overview answers GET /apps/:app.
func (c *Console) Overview(e echo.Context) error { return c.overviewWith(e, nil) }

func (c *Console) overviewWith(e echo.Context, wrong error) error {
	f, err := c.inApp(e, "overview", "")
	if err != nil {
		return err
	}
	if f.App.App.Addon {
		return c.addonWith(e, f, false, wrong)
	}
	ctx, actor, name := e.Request().Context(), f.Actor, f.App.App.Name
	releases, err := c.apps.Releases(ctx, actor, name, 0, 20)
	if err != nil {
		return err
	}
	deployments, err := c.apps.Deployments(ctx, actor, name, 0, 30)
	if err != nil {
		return err
	}
	page := overviewPage{Timeline: timeline(f, releases, deployments), Branch: f.App.App.DeployBranch}
	if page.Branch == "" {
		page.Branch = "main"
	}
	if replicas, err := c.apps.Replicas(ctx, actor, name); err == nil { // the state's sentence tells when the engine is away
		page.Replicas = replicaRows(f.App.App, replicas)
	}
	if l := f.App.Latest; l != nil && l.State == platform.DeploymentFailed {
		page.Failed = l
	}
	page.Hints = c.hints(e, f)
	if page.LastHour, err = c.lastHour(e, f); err != nil {
		return err
	}
	f.Stream = url.Values{"measured": {"minute"}}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "overview", f)
	}
	return c.show(e, http.StatusOK, "overview", f)
}

// timeline joins releases with the deployments that made none, newest first, 12 at most.
func timeline(f frame, releases []platform.Release, deployments []platform.Deployment) []moment {
	var line []moment
	byID := map[string]*platform.Deployment{}
	made := map[string]bool{}
	for i := range deployments {
		byID[deployments[i].ID] = &deployments[i]
	}
	for i := range releases {
		r := &releases[i]
		made[r.DeploymentID] = true
		current := r.Number == f.App.App.CurrentRelease
		line = append(line, moment{
			At: r.CreatedAt, Release: r, Deployment: byID[r.DeploymentID], Current: current,
			Returnable: !current && r.State == platform.DeploymentLive && f.May("deploy"),
		})
	}
	for i := range deployments {
		if d := &deployments[i]; !made[d.ID] {
			line = append(line, moment{At: d.CreatedAt, Deployment: d})
		}
	}
	slices.SortStableFunc(line, func(a, b moment) int { return b.At.Compare(a.At) }) // the newest first
	return line[:min(len(line), 12)]
}

func replicaRows(a platform.App, replicas []platform.Replica) []replicaRow {
	var rows []replicaRow
	for _, r := range replicas {
		if retired(a, r) {
			continue
		}
		row := replicaRow{Replica: r, Name: r.Process + "." + strconv.Itoa(r.Index), Colour: "pending", Said: "starting"}
		switch {
		case r.OutOfMemory:
			row.Colour, row.Said = "bad", "ran out of memory"
		case r.State == platform.ReplicaRunning:
			row.Colour, row.Said = "ok", "running"
		case r.State == platform.ReplicaRestarting:
			row.Colour, row.Said = "warn", "starting again"
		case r.State == platform.ReplicaPaused:
			row.Colour, row.Said = "asleep", "asleep"
		case r.State == platform.ReplicaExited:
			row.Colour, row.Said = "bad", "ended with code "+strconv.Itoa(r.ExitCode)
		}
		rows = append(rows, row)
	}
	return rows
}

// retired tells of a replica that was stopped on purpose: of an older release, or one too many.
// Its exit code is no news.
func retired(a platform.App, r platform.Replica) bool {
	return r.State == platform.ReplicaExited && (r.Release < a.CurrentRelease || r.Index > a.Scale.Of(r.Process))
}

// Rollback answers POST /apps/:app/rollback.
func (c *Console) Rollback(e echo.Context) error {
	number, err := strconv.Atoi(e.FormValue("release"))
	if err != nil || number < 0 {
		return platform.Errorf(platform.Invalid, "release_invalid", "There is no such release.").
			WithHint("Choose one from the list of releases.")
	}
	d, err := c.apps.Rollback(e.Request().Context(), request.Actor(e), e.Param("app"), number)
	if err != nil {
		return c.overviewWith(e, err)
	}
	return afterwards(e, d, appPath(e, ""), "unchanged")
}
