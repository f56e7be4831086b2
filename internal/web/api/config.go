package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
)

// ConfigList answers GET /apps/:app/config: the names.
func (a *API) ConfigList(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	names, err := a.Apps.ConfigNames(ctx, actor, name)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ConfigNamesAnswer{append([]string{}, names...)})
}

// ConfigValues answers GET /apps/:app/config/values: names and values, for those who may see secrets.
func (a *API) ConfigValues(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	vars, err := a.Apps.ConfigVars(ctx, actor, name)
	if err != nil {
		return err
	}
	if vars == nil {
		vars = map[string]string{}
	}
	return c.JSON(http.StatusOK, ConfigAnswer{vars})
}

// ConfigChangeBody is what PATCH /apps/ takes.
type ConfigChangeBody struct {
	Set   map[string]string `json:"set"`
	Unset []string          `json:"unset"`
}

// ConfigChange answers PATCH /apps/:app/config.
func (a *API) ConfigChange(c echo.Context) error {
	var body ConfigChangeBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.SetConfigVars(ctx, actor, name, body.Set, body.Unset)
	return started(c, d, err)
}
