package console

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type settingsPage struct {
	Restart app.Effect // of a changed health check
	Stop    app.Effect
	Users   []app.BindingView // apps that are bound to the add-on
	Built   string            // what the last build found and chose; "" before the first
}

// Settings answers GET /apps/:app/settings.
func (c *Console) Settings(e echo.Context) error { return c.settingsWith(e, nil) }

func (c *Console) settingsWith(e echo.Context, wrong error) error {
	f, err := c.inApp(e, "settings", "Settings")
	if err != nil {
		return err
	}
	page := settingsPage{}
	if page.Restart, err = c.apps.RestartEffect(e.Request().Context(), f.Actor, f.App.App.Name); err != nil {
		return err
	}
	if page.Stop, err = c.apps.StopEffect(e.Request().Context(), f.Actor, f.App.App.Name); err != nil {
		return err
	}
	if page.Built, err = c.apps.LastBuild(e.Request().Context(), f.Actor, f.App.App.Name); err != nil {
		return err
	}
	if f.App.App.Addon {
		if page.Users, err = c.apps.BindingsOf(e.Request().Context(), f.Actor, f.App.App.Name); err != nil {
			return err
		}
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "settings", f)
	}
	return c.show(e, http.StatusOK, "settings", f)
}

// SettingsSave answers POST /apps/:app/settings: deploy branch, health check and time to end.
func (c *Console) SettingsSave(e echo.Context) error {
	branch := strings.TrimSpace(e.FormValue("branch"))
	health := platform.Health{Path: strings.TrimSpace(e.FormValue("path"))}
	if text := strings.TrimSpace(e.FormValue("timeout")); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 1 {
			return c.settingsWith(e, platform.Errorf(platform.Invalid, "health_timeout_invalid",
				"The health timeout must be between 1 and 900 seconds."))
		}
		health.TimeoutSeconds = seconds
	}
	set := app.Settings{DeployBranch: &branch, Health: &health}
	if text := strings.TrimSpace(e.FormValue("grace")); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 1 {
			return c.settingsWith(e, platform.Errorf(platform.Invalid, "stop_grace_invalid", "The time to end must be between 1 and %d seconds.", platform.MaxStopGrace))
		}
		set.StopGrace = &seconds
	}
	d, err := c.apps.Configure(e.Request().Context(), request.Actor(e), e.Param("app"), set)
	if err != nil {
		return c.settingsWith(e, err)
	}
	return afterwards(e, d, appPath(e, "/settings"), "saved")
}

// Rename answers POST /apps/:app/rename.
func (c *Console) Rename(e echo.Context) error {
	o, err := c.apps.Rename(e.Request().Context(), request.Actor(e), e.Param("app"), strings.TrimSpace(e.FormValue("name")))
	if err != nil {
		return c.settingsWith(e, err)
	}
	return e.Redirect(http.StatusSeeOther, "/apps/"+o.App.Name+"/settings?done=renamed")
}
