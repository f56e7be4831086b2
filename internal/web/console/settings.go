package console

import (
	"net/http"
	"net/url"
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
	Fields  map[string]string
}

// settingsFields is what the forms hold: what is kept, and of a form that was refused what was typed.
func settingsFields(a platform.App, typed url.Values) map[string]string {
	fields := map[string]string{
		"branch": a.DeployBranch, "path": a.Health.Path, "timeout": seconds(a.Health.TimeoutSeconds),
		"grace": seconds(a.StopGrace), "name": a.Name, "dockerfile": a.Dockerfile,
	}
	for field := range fields {
		if typed.Has(field) {
			fields[field] = typed.Get(field)
		}
	}
	return fields
}

// seconds is a number in a form; "" stands for the default.
func seconds(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
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
	var typed url.Values
	if wrong != nil {
		typed = e.Request().PostForm
	}
	page.Fields = settingsFields(f.App.App, typed)
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "settings", f)
	}
	return c.show(e, http.StatusOK, "settings", f)
}

// SettingsSave answers POST /apps/:app/settings: deploy branch, health check and time to end.
func (c *Console) SettingsSave(e echo.Context) error {
	branch := strings.TrimSpace(e.FormValue("branch"))
	timeout, ok := typedSeconds(e, "timeout")
	if !ok {
		return c.settingsWith(e, platform.Errorf(platform.Invalid, "health_timeout_invalid",
			"The health timeout must be between 1 and 900 seconds."))
	}
	grace, ok := typedSeconds(e, "grace")
	if !ok {
		return c.settingsWith(e, platform.Errorf(platform.Invalid, "stop_grace_invalid", "The time to end must be between 1 and %d seconds.", platform.MaxStopGrace))
	}
	health := platform.Health{Path: strings.TrimSpace(e.FormValue("path")), TimeoutSeconds: timeout}
	set := app.Settings{DeployBranch: &branch, Health: &health, StopGrace: &grace}
	d, notice, err := c.configure(e, set, "saved")
	if err != nil {
		return c.settingsWith(e, err)
	}
	return afterwards(e, d, appPath(e, "/settings"), notice)
}

// typedSeconds reads a field of seconds; an empty one is 0, the default.
func typedSeconds(e echo.Context, field string) (n int, ok bool) {
	text := strings.TrimSpace(e.FormValue(field))
	if text == "" {
		return 0, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1
}

// Rename answers POST /apps/:app/rename.
func (c *Console) Rename(e echo.Context) error {
	o, err := c.apps.Rename(e.Request().Context(), request.Actor(e), e.Param("app"), strings.TrimSpace(e.FormValue("name")))
	if err != nil {
		return c.settingsWith(e, err)
	}
	notice := "renamed"
	if o.App.Name == e.Param("app") {
		notice = "same"
	}
	return e.Redirect(http.StatusSeeOther, "/apps/"+o.App.Name+"/settings?done="+notice)
}
