package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type deployments interface {
	Redeploy(ctx context.Context, actor platform.Actor, name string) (platform.Deployment, error)
	Cancel(ctx context.Context, actor platform.Actor, name string, number int) (platform.Deployment, error)
	Deployments(ctx context.Context, actor platform.Actor, name string, limit int) ([]platform.Deployment, error)
	Deployment(ctx context.Context, actor platform.Actor, name string, number int) (platform.Deployment, error)
	FollowDeployment(ctx context.Context, actor platform.Actor, name string, number int, from int64, fn func(app.Progress) error) (platform.Deployment, error)
}

type deploymentsPage struct {
	Deployments []platform.Deployment
}

// Deployments answers GET /apps/:app/deployments.
func (c *Console) Deployments(e echo.Context) error {
	f, err := c.inApp(e, "deployments", "Deployments")
	if err != nil {
		return err
	}
	all, err := c.apps.Deployments(e.Request().Context(), f.Actor, f.App.App.Name, 100)
	if err != nil {
		return err
	}
	f.Data = deploymentsPage{Deployments: all}
	return c.show(e, http.StatusOK, "deployments", f)
}

// Redeploy answers POST /apps/:app/deployments: the newest commit again.
func (c *Console) Redeploy(e echo.Context) error {
	d, err := c.apps.Redeploy(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return err
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
	Offset     int64 // where the script goes on
	Events     string
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
	page := deploymentPage{Events: "/api/v1" + e.Request().URL.Path + "/events"}
	if e.QueryParam("part") == "live" {
		page.Deployment, err = c.apps.Deployment(e.Request().Context(), f.Actor, f.App.App.Name, number)
	} else {
		err = c.readLog(e.Request().Context(), f, number, &page)
	}
	if err != nil {
		return err
	}
	f.Title = deploymentTitle(page.Deployment) + " · " + f.App.App.Name
	f.Data = page
	return c.show(e, http.StatusOK, "deployment", f)
}

// glance is how long a page waits for what an unfinished log holds already.
const glance = 150 * time.Millisecond

func (c *Console) readLog(ctx context.Context, f frame, number int, page *deploymentPage) error {
	var err error
	name := f.App.App.Name
	if page.Deployment, err = c.apps.Deployment(ctx, f.Actor, name, number); err != nil {
		return err
	}
	brief, cancel := context.WithTimeout(ctx, glance)
	if page.Deployment.State.Ended() {
		cancel()
		brief, cancel = context.WithTimeout(ctx, 10*time.Second)
	}
	defer cancel()
	d, err := c.apps.FollowDeployment(brief, f.Actor, name, number, 0, func(p app.Progress) error {
		page.take(p)
		return nil
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if err == nil {
		page.Deployment = d
	}
	return nil
}

func (p *deploymentPage) take(progress app.Progress) {
	if progress.Deployment != nil {
		p.Deployment = *progress.Deployment
		return
	}
	p.Offset = progress.Offset
	if len(p.Lines) == maxShown {
		p.Lines, p.Cut = append(p.Lines[:0], p.Lines[1:]...), true
	}
	p.Lines = append(p.Lines, buildLine(progress.Line))
}

func deploymentTitle(d platform.Deployment) string {
	if d.Source.Title != "" {
		return d.Source.Title
	}
	return d.Cause
}
