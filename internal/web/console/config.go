package console

import (
	"maps"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

type configPage struct {
	Names    []string
	Revealed string // the one name whose value is shown
	Value    string
	Name     string // with Typed and Lines: what the form holds after it was refused
	Typed    string
	Lines    string
}

// Config answers GET /apps/:app/config: names only.
func (c *Console) Config(e echo.Context) error {
	return c.configWith(e, configPage{}, nil)
}

func (c *Console) configWith(e echo.Context, page configPage, wrong error) error {
	f, err := c.inApp(e, "config", "Config vars")
	if err != nil {
		return err
	}
	if page.Names, err = c.apps.ConfigNames(e.Request().Context(), f.Actor, f.App.App.Name); err != nil {
		return err
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "config", f)
	}
	return c.show(e, http.StatusOK, "config", f)
}

// ConfigSet answers POST /apps/:app/config: one name and value, or the lines of an .env file, or both.
func (c *Console) ConfigSet(e echo.Context) error {
	form := configPage{Name: strings.TrimSpace(e.FormValue("name")), Typed: e.FormValue("value"), Lines: e.FormValue("lines")}
	set, err := platform.ParseDotenv(form.Lines)
	if form.Name != "" {
		maps.Copy(set, map[string]string{form.Name: strings.ReplaceAll(form.Typed, "\r\n", "\n")})
	}
	if err == nil && len(set) == 0 {
		err = platform.Errorf(platform.Invalid, "config_empty", "There is nothing to save.").
			WithHint("Give a name and a value, or paste lines such as NAME=value.")
	}
	if err != nil {
		return c.configWith(e, form, err)
	}
	d, err := c.apps.SetConfigVars(e.Request().Context(), request.Actor(e), e.Param("app"), set, nil)
	if err != nil {
		return c.configWith(e, form, err)
	}
	return afterwards(e, d, appPath(e, "/config"), "saved")
}

// ConfigRemove answers POST /apps/:app/config/remove.
func (c *Console) ConfigRemove(e echo.Context) error {
	d, err := c.apps.SetConfigVars(e.Request().Context(), request.Actor(e), e.Param("app"), nil, []string{e.FormValue("name")})
	if err != nil {
		return c.configWith(e, configPage{}, err)
	}
	return afterwards(e, d, appPath(e, "/config"), "removed")
}

// ConfigReveal answers POST /apps/:app/config/reveal: the page with one value in it.
func (c *Console) ConfigReveal(e echo.Context) error {
	name := e.FormValue("name")
	vars, err := c.apps.ConfigVars(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return err
	}
	value, ok := vars[name]
	if !ok {
		return c.configWith(e, configPage{}, platform.Errorf(platform.NotFound, "config_not_found", "There is no config var of that name."))
	}
	return c.configWith(e, configPage{Revealed: name, Name: name, Value: value, Typed: value}, nil)
}
