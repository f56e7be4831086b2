package console

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Trash answers GET /trash: what was destroyed and can come back.
func (c *Console) Trash(e echo.Context) error { return c.trashWith(e, nil) }

func (c *Console) trashWith(e echo.Context, wrong error) error {
	apps, err := c.apps.Trash(e.Request().Context(), request.Actor(e))
	if err != nil {
		return err
	}
	f := frame{Title: "Trash", Nav: "apps", Data: apps}
	for _, a := range apps {
		if a.Name == e.QueryParam("undo") {
			f.Undo = &undo{Action: "/apps/" + a.Name + "/restore", Label: "Undo"}
		}
	}
	if wrong != nil {
		return c.refuse(e, wrong, "trash", f)
	}
	return c.show(e, http.StatusOK, "trash", f)
}

// Destroy answers POST /apps/:app/destroy; the form repeats the name. What "now" is set for does not go
// into the trash.
func (c *Console) Destroy(e echo.Context) error {
	ctx, name, now := e.Request().Context(), e.Param("app"), e.FormValue("now") != ""
	_, err := c.apps.Destroy(ctx, request.Actor(e), name, strings.TrimSpace(e.FormValue("confirm")), now)
	switch {
	case err != nil && e.FormValue("from") == "trash":
		return c.trashWith(e, err)
	case err != nil:
		return c.settingsWith(e, err)
	case now:
		return e.Redirect(http.StatusSeeOther, "/?done=destroyed")
	}
	return e.Redirect(http.StatusSeeOther, "/trash?done=trashed&undo="+name)
}

// Restore answers POST /apps/:app/restore.
func (c *Console) Restore(e echo.Context) error {
	d, err := c.apps.Restore(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return c.trashWith(e, err)
	}
	return afterwards(e, d, appPath(e, ""), "restored")
}

// BuilderSet answers POST /apps/:app/builder: what turns pushes into images.
func (c *Console) BuilderSet(e echo.Context) error {
	builder, file := e.FormValue("builder"), strings.TrimSpace(e.FormValue("dockerfile"))
	d, notice, err := c.configure(e, app.Settings{Builder: &builder, Dockerfile: &file}, "builder")
	if err != nil {
		return c.settingsWith(e, err)
	}
	return afterwards(e, d, appPath(e, "/settings"), notice)
}

// builders are the choices of the form.
func builders() []platform.BuilderName {
	return []platform.BuilderName{platform.BuilderAuto, platform.BuilderDockerfile, platform.BuilderBuildpacks}
}
