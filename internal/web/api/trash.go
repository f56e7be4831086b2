package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// TrashedApp is an app in the trash.
type TrashedApp struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	TrashedAt   *time.Time `json:"trashed_at"`
	TrashEndsAt *time.Time `json:"trash_ends_at" doc:"when it is removed for good"`
	Release     int        `json:"release" doc:"the one that served, and comes back; 0 when there was none"`
}

// TrashAnswer is the list of the trash.
type TrashAnswer struct {
	Apps []TrashedApp `json:"apps"`
}

func trashTimes(a platform.App) (at, ends *time.Time) {
	if a.State != platform.AppTrashed {
		return nil, nil
	}
	end := a.TrashEnds()
	return a.TrashedAt, &end
}

// TrashList answers GET /trash.
func (a *API) TrashList(c echo.Context) error {
	apps, err := a.Apps.Trash(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, TrashAnswer{list(apps, func(app platform.App) TrashedApp {
		at, ends := trashTimes(app)
		return TrashedApp{ID: app.ID, Name: app.Name, TrashedAt: at, TrashEndsAt: ends, Release: app.CurrentRelease}
	})})
}

// AppDestroyBody is what DELETE /apps/ takes.
type AppDestroyBody struct {
	Confirm string `json:"confirm" doc:"the app's name" example:"my-shop"`
	Now     bool   `json:"now" doc:"true removes it for good, past the trash"`
}

// AppDestroy answers DELETE /apps/:app; the body repeats the name.
func (a *API) AppDestroy(c echo.Context) error {
	var body AppDestroyBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.Destroy(ctx, actor, name, body.Confirm, body.Now)
	return started(c, d, err)
}

// AppRestore answers POST /apps/:app/restore.
func (a *API) AppRestore(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.Restore(ctx, actor, name)
	return started(c, d, err)
}

var trashOperations = []openapi.Operation{
	{Route: "GET /api/v1/trash", Group: "Apps", Summary: "List the apps in the trash", Status: http.StatusOK, Answer: TrashAnswer{}},
	begins(openapi.Operation{
		Route: "DELETE /api/v1/apps/:app", Group: "Apps", Summary: "Put an app into the trash, or remove it for good",
		Notes: "confirm repeats its name. In the trash it serves nobody, keeps its name, and can come back for 14 days. With now it is removed with everything that is its own, also from the trash.",
		Body:  AppDestroyBody{}, Errors: openapi.Codes{422: "not_confirmed"},
	}),
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/restore", Group: "Apps", Summary: "Bring an app back from the trash",
		Notes:  "It comes back with the release that served, its config vars, domains, volumes and repository.",
		Errors: openapi.Codes{409: "app_not_trashed does_not_fit"},
	}),
}
