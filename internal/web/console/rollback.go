package console

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type rollbackPage struct {
	app.RollbackPreview
	Others []platform.Release // that can be returned to, the newest first
}

// releasesOffered bounds the list of releases to choose from.
const releasesOffered = 30

// RollbackLook answers GET /apps/:app/rollback: what a roll back would change, before it is done.
func (c *Console) RollbackLook(e echo.Context) error {
	number, err := request.Int(e, "release", 0, 0, 1<<31-1)
	if err != nil {
		return err
	}
	return c.rollbackWith(e, int(number), nil)
}

func (c *Console) rollbackWith(e echo.Context, number int, wrong error) error {
	f, err := c.inApp(e, "deployments", "Roll back")
	if err != nil {
		return err
	}
	ctx, name := e.Request().Context(), f.App.App.Name
	page := rollbackPage{}
	if wrong == nil {
		page.RollbackPreview, wrong = c.apps.PreviewRollback(ctx, f.Actor, name, number)
	}
	all, err := c.apps.Releases(ctx, f.Actor, name, 0, releasesOffered)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.State == platform.DeploymentLive && r.Number != f.App.App.CurrentRelease {
			page.Others = append(page.Others, r)
		}
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "rollback", f)
	}
	return c.show(e, http.StatusOK, "rollback", f)
}

// DeploymentRetry answers POST /apps/:app/deployments/:number/retry.
func (c *Console) DeploymentRetry(e echo.Context) error {
	number, err := request.Number(e, "number")
	if err != nil {
		return err
	}
	d, err := c.apps.Retry(e.Request().Context(), request.Actor(e), e.Param("app"), number)
	if err != nil {
		return err
	}
	return afterwards(e, d, appPath(e, "/deployments/"+strconv.Itoa(number)), "unchanged")
}
