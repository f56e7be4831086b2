package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// ConfigList answers GET /apps/:app/config: the names.
func (a *API) ConfigList(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	names, err := a.Apps.ConfigNames(ctx, actor, name)
	if err != nil {
		return err
	}
	waiting, err := a.Apps.ConfigWaiting(ctx, actor, name)
	if err != nil {
		return err
	}
	ties, err := a.Apps.BindingsOf(ctx, actor, name)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ConfigNamesAnswer{append([]string{}, names...), waiting, list(ties, bindingBody)})
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
	Later bool              `json:"later" doc:"true keeps what runs as it is until the next deployment"`
}

// ConfigChange answers PATCH /apps/:app/config.
func (a *API) ConfigChange(c echo.Context) error {
	var body ConfigChangeBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.ChangeConfig(ctx, actor, name, body.edit())
	return started(c, d, err)
}

// ConfigChange is one change of config vars: names, never values.
type ConfigChange struct {
	Number      int       `json:"number"`
	At          time.Time `json:"at"`
	Actor       string    `json:"actor"`
	Via         string    `json:"via"`
	Added       []string  `json:"added"`
	Changed     []string  `json:"changed"`
	Removed     []string  `json:"removed"`
	FromRelease int       `json:"from_release" doc:"the release whose config vars came back; 0 when they were set"`
	Later       bool      `json:"later" doc:"it was saved for the next deployment"`
	Release     int       `json:"release" doc:"the newest release that has the config vars as they were left; 0 when none has"`
}

// ConfigHistory answers GET /apps/:app/config/history.
func (a *API) ConfigHistory(c echo.Context) error {
	page, before, err := numberedPage(c)
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	all, err := a.Apps.ConfigHistory(ctx, actor, name, before, page.Limit+1)
	if err != nil {
		return err
	}
	all, next := request.Cut(page, all, func(ch platform.ConfigChange) string { return strconv.Itoa(ch.Number) })
	return c.JSON(http.StatusOK, ConfigHistoryAnswer{list(all, func(ch platform.ConfigChange) ConfigChange {
		return ConfigChange{ch.Number, ch.At, ch.Actor, ch.Via, append([]string{}, ch.Added...), append([]string{}, ch.Changed...), append([]string{}, ch.Removed...), ch.FromRelease, ch.Later, ch.Release}
	}), next})
}

// ConfigRestoreBody is what POST /apps/ takes.
type ConfigRestoreBody struct {
	Release int  `json:"release" doc:"whose config vars come back" example:"12"`
	Later   bool `json:"later" doc:"true keeps what runs as it is until the next deployment"`
}

// ConfigRestore answers POST /apps/:app/config/restore.
func (a *API) ConfigRestore(c echo.Context) error {
	var body ConfigRestoreBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	if body.Release < 1 {
		return platform.Errorf(platform.Invalid, "release_invalid", "No release was named whose config vars shall come back.").WithHint("Give release, for example 12.")
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.ChangeConfig(ctx, actor, name, app.ConfigEdit{FromRelease: body.Release, Later: body.Later})
	return started(c, d, err)
}

// ConfigApply answers POST /apps/:app/config/apply.
func (a *API) ConfigApply(c echo.Context) error {
	if err := request.Decode(c, &struct{}{}); err != nil {
		return err
	}
	d, err := a.Apps.ApplyConfig(actorAnd(c))
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
		Notes: "The app is deployed once for all of them; with later, nothing is deployed.", Body: ConfigChangeBody{},
		Errors: openapi.Codes{404: "config_not_found", 422: "config_empty config_name_invalid config_name_reserved config_value_invalid config_too_large config_too_many"},
	}),
	{
		Route: "GET /api/v1/apps/:app/config/history", Group: "Config vars", Summary: "List who changed config vars, the newest first",
		Notes: "Names, never values.", Query: pageParams, Status: http.StatusOK, Answer: ConfigHistoryAnswer{},
	},
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/config/restore", Group: "Config vars", Summary: "Bring back the config vars of a release", Body: ConfigRestoreBody{},
		Errors: openapi.Codes{404: "release_not_found", 422: "release_invalid"},
	}),
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/config/apply", Group: "Config vars", Summary: "Deploy config vars that were saved for later",
		Notes: "Nothing is deployed when what runs has them.", Body: struct{}{},
	}),
}
