package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
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
	Unset []string          `json:"unset" example:"OLD_NAME"`
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

var configOperations = []openapi.Operation{
	{Route: "GET /api/v1/apps/:app/config", Group: "Config vars", Summary: "List the names", Status: http.StatusOK, Answer: ConfigNamesAnswer{}},
	{
		Route: "GET /api/v1/apps/:app/config/values", Group: "Config vars", Summary: "Show names and values",
		Notes: "The only answer with values; each look is an event.", Status: http.StatusOK, Answer: ConfigAnswer{},
	},
	begins(openapi.Operation{
		Route: "PATCH /api/v1/apps/:app/config", Group: "Config vars", Summary: "Set and unset config vars",
		Notes: "The app is deployed once for all of them.", Body: ConfigChangeBody{},
		Errors: openapi.Codes{404: "config_not_found", 422: "config_empty config_name_invalid config_name_reserved config_value_invalid config_too_large config_too_many"},
	}),
}
