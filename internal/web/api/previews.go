package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// NameGet answers GET /names/:name: whether a new app could be called so.
func (a *API) NameGet(c echo.Context) error {
	name := c.Param("name")
	if plain, err := url.PathUnescape(name); err == nil { // what the router left as it came
		name = plain
	}
	answer, err := a.Apps.NameFree(c.Request().Context(), request.Actor(c), name)
	if err != nil {
		return err
	}
	body := NameAnswer{Name: answer.Name, Free: answer.Refused == nil, Instead: answer.Instead}
	if e := answer.Refused; e != nil {
		body.Refused = &Failure{Code: e.Code, Message: e.Message, Hint: e.Hint}
	}
	return c.JSON(http.StatusOK, body)
}

// ScalePreview answers GET /apps/:app/preview/scale.
func (a *API) ScalePreview(c echo.Context) error {
	scale, err := readScale(c.QueryParam("scale"))
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	effect, err := a.Apps.ScaleEffect(ctx, actor, name, c.QueryParam("plan"), scale)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, EffectAnswer{effect})
}

// readScale reads "web=2,worker=1".
func readScale(text string) (platform.Scale, error) {
	if text == "" {
		return nil, nil
	}
	scale := platform.Scale{}
	for part := range strings.SplitSeq(text, ",") {
		process, count, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(count)
		if err != nil {
			return nil, platform.Errorf(platform.Invalid, "scale_invalid", "The number of replicas must be a whole number.").WithHint("Give scale=web=2,worker=1.")
		}
		scale[process] = n
	}
	return scale, nil
}

// StopPreview answers GET /apps/:app/preview/destroy.
func (a *API) StopPreview(c echo.Context) error {
	effect, err := a.Apps.StopEffect(actorAnd(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, EffectAnswer{effect})
}

// RollbackPreview answers GET /apps/:app/preview/rollback.
func (a *API) RollbackPreview(c echo.Context) error {
	number, err := request.Int(c, "release", 0, 0, 1<<31-1)
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	p, err := a.Apps.PreviewRollback(ctx, actor, name, int(number))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, RollbackPreviewAnswer{releaseBody(p.Release), p.Difference, p.Effect, p.Stays})
}

// ConfigPreview answers POST /apps/:app/config/preview. What it tells of guessed values is for those who may set them.
func (a *API) ConfigPreview(c echo.Context) error {
	var body ConfigChangeBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	diff, err := a.Apps.PreviewConfig(ctx, actor, name, body.edit())
	if err != nil {
		return err
	}
	effect, err := a.Apps.RestartEffect(ctx, actor, name)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ConfigPreviewAnswer{diff, effect})
}

func (b ConfigChangeBody) edit() app.ConfigEdit {
	return app.ConfigEdit{Set: b.Set, Unset: b.Unset, Later: b.Later}
}

var previewOperations = []openapi.Operation{
	{
		Route: "GET /api/v1/names/:name", Group: "Apps", Summary: "Ask whether an app can have a name",
		Notes: "Says why not: by the rule, reserved, taken, or in the trash.", Status: http.StatusOK, Answer: NameAnswer{},
	},
	{
		Route: "GET /api/v1/apps/:app/preview/scale", Group: "Apps", Summary: "Say what another plan or other replicas would do",
		Notes:  "Which replicas restart, whether visitors notice, and what it takes of the memory that is left.",
		Query:  []openapi.Param{{Name: "plan", Type: "string", Means: "empty: the one it has"}, {Name: "scale", Type: "string", Means: "web=2,worker=1"}},
		Status: http.StatusOK, Answer: EffectAnswer{},
		Errors: openapi.Codes{422: "plan_unknown scale_invalid scale_out_of_range scale_release scale_too_many process_unknown process_type_invalid"},
	},
	{Route: "GET /api/v1/apps/:app/preview/destroy", Group: "Apps", Summary: "Say what the trash would do", Status: http.StatusOK, Answer: EffectAnswer{}},
	{
		Route: "GET /api/v1/apps/:app/preview/rollback", Group: "Releases", Summary: "Say what a roll back would change",
		Query:  []openapi.Param{{Name: "release", Type: "integer", Max: 1<<31 - 1, Means: "0: the one that served before"}},
		Status: http.StatusOK, Answer: RollbackPreviewAnswer{},
		Errors: openapi.Codes{404: "release_not_found", 409: "release_serves release_never_live nothing_before"},
	},
	{
		Route: "POST /api/v1/apps/:app/config/preview", Group: "Config vars", Summary: "Say what a change of config vars would do",
		Notes: "Names only. Nothing is saved.", Body: ConfigChangeBody{}, Status: http.StatusOK, Answer: ConfigPreviewAnswer{},
		Errors: openapi.Codes{422: "config_name_invalid config_name_reserved config_value_invalid config_too_large config_too_many"},
	},
}
