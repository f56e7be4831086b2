package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type deploymentsPage struct {
	Deployments []platform.Deployment
	State       string // the only one that is shown; "" means all
	Older       int    // where the next page begins; 0 when there is none
}

const deploymentsShown = 30

// Deployments answers GET /apps/:app/deployments.
func (c *Console) Deployments(e echo.Context) error {
	f, err := c.inApp(e, "deployments", "Deployments")
	if err != nil {
		return err
	}
	before, err := request.Int(e, "before", 0, 0, 1<<31-1)
	if err != nil {
		return err
	}
	page := deploymentsPage{State: e.QueryParam("state")}
	filter := platform.DeploymentFilter{State: platform.DeploymentState(page.State)}
	page.Deployments, err = c.apps.DeploymentsLike(e.Request().Context(), f.Actor, f.App.App.Name, filter, int(before), deploymentsShown)
	if err != nil {
		return err
	}
	if len(page.Deployments) == deploymentsShown {
		page.Older = page.Deployments[deploymentsShown-1].Number
	}
	f.Data = page
	return c.show(e, http.StatusOK, "deployments", f)
}

// Redeploy answers POST /apps/:app/deployments: the newest commit again, or with renew the blueprint with today's packages.
func (c *Console) Redeploy(e echo.Context) error {
	d, err := c.apps.Redeploy(e.Request().Context(), request.Actor(e), e.Param("app"), e.FormValue("renew") == "true")
	if err != nil {
		return c.overviewWith(e, err)
	}
	return afterwards(e, d, appPath(e, ""), "unchanged")
}

// DeploymentCancel answers POST /apps/:app/deployments/:number/cancel.
func (c *Console) DeploymentCancel(e echo.Context) error {
	number, err := request.Number(e, "number")
	if err != nil {
		return err
	}
	d, err := c.apps.Cancel(e.Request().Context(), request.Actor(e), e.Param("app"), number)
	if err != nil {
		return err
	}
	return afterwards(e, d, appPath(e, ""), "unchanged")
}

type deploymentPage struct {
	Deployment platform.Deployment
	Lines      []logLine
	Cut        bool  // earlier lines were left out
	Offset     int64 // where the stream goes on
	Retry      app.Retrial
	Branch     string // that a push goes to
}

// maxShown bounds the lines of a page.
const maxShown = 3000

// Deployment answers GET /apps/:app/deployments/:number.
func (c *Console) Deployment(e echo.Context) error {
	number, err := request.Number(e, "number")
	if err != nil {
		return err
	}
	f, err := c.inApp(e, "deployments", "")
	if err != nil {
		return err
	}
	page := deploymentPage{}
	if isLive(e) {
		page.Deployment, err = c.apps.Deployment(e.Request().Context(), f.Actor, f.App.App.Name, number)
	} else {
		err = c.readLog(e.Request().Context(), f, number, &page)
	}
	if err != nil {
		return err
	}
	f.Title = deploymentTitle(page.Deployment) + " · " + f.App.App.Name
	if ended := page.Deployment.EndedAt; ended != nil && time.Since(*ended) < justNow { // perhaps after the app was read
		if f.App.Overview, err = c.apps.App(e.Request().Context(), f.Actor, f.App.App.Name); err != nil {
			return err
		}
	}
	if page.Retry, err = c.apps.CanRetry(e.Request().Context(), f.Actor, f.App.App.Name, page.Deployment); err != nil {
		return err
	}
	page.Branch = cmp.Or(f.App.App.DeployBranch, page.Deployment.Source.Branch, "main")
	if !page.Deployment.State.Ended() {
		f.Stream = url.Values{"deployment": {strconv.Itoa(number)}, "from": {strconv.FormatInt(page.Offset, 10)}}
		f.Events = "log"
	}
	f.Data = page
	return c.show(e, http.StatusOK, "deployment", f)
}

const (
	glance  = 150 * time.Millisecond // how long a page waits for what an unfinished log holds already
	justNow = 10 * time.Second       // longer than the page's parts are read
)

func (c *Console) readLog(ctx context.Context, f frame, number int, page *deploymentPage) error {
	var err error
	name := f.App.App.Name
	if page.Deployment, err = c.apps.Deployment(ctx, f.Actor, name, number); err != nil {
		return err
	}
	limit, ended := glance, page.Deployment.State.Ended()
	if ended {
		limit = 10 * time.Second
	}
	brief, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	lines := make([]string, 0, maxShown) // a ring: the newest, from the place of the next one on
	next := 0
	d, err := c.apps.FollowDeployment(brief, f.Actor, name, number, 0, func(p app.Progress) error {
		switch {
		case p.Deployment != nil:
			page.Deployment = *p.Deployment
			return nil
		case len(lines) < maxShown:
			lines = append(lines, p.Line)
		default:
			lines[next], page.Cut = p.Line, true
			next = (next + 1) % maxShown
		}
		page.Offset = p.Offset
		return nil
	})
	if err != nil && (brief.Err() == nil || ctx.Err() != nil) { // else the time for reading is over
		return err
	}
	if err == nil {
		page.Deployment = d
	} else if !ended && page.Deployment.State.Ended() { // meanwhile: now the log has an end
		*page = deploymentPage{}
		return c.readLog(ctx, f, number, page)
	}
	for _, line := range slices.Concat(lines[next:], lines[:next]) {
		page.Lines = append(page.Lines, buildLine(line))
	}
	return nil
}

func deploymentTitle(d platform.Deployment) string {
	if d.Source.Title != "" {
		return d.Source.Title
	}
	return d.Cause
}
