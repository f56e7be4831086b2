package api

import (
	"math"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Event is something that happened.
type Event struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Via    string    `json:"via"`
	Source string    `json:"source"`
	Action string    `json:"action"`
	App    string    `json:"app"`
	Text   string    `json:"text"`
}

// EventsList answers GET /events and GET /apps/:app/events, the newest first;
// before is the id of the oldest event that is known already.
func (a *API) EventsList(c echo.Context) error {
	limit, err := request.Limit(c)
	if err != nil {
		return err
	}
	before, err := request.Int(c, "before", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	all, err := a.Apps.Events(ctx, actor, name, before, limit)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, EventsAnswer{list(all, func(e platform.Event) Event {
		return Event{ID: e.ID, At: e.At, Actor: e.Actor, Via: e.Via, Source: e.Source, Action: e.Action, App: e.App, Text: e.Text}
	})})
}

var beforeParam = openapi.Param{Name: "before", Type: "integer", Max: math.MaxInt64, Means: "only what happened before the event with this id"}

var eventOperations = []openapi.Operation{
	{
		Route: "GET /api/v1/events", Group: "Events", Summary: "List what happened, the newest first",
		Query: []openapi.Param{limitParam, beforeParam}, Status: http.StatusOK, Answer: EventsAnswer{},
	},
	{
		Route: "GET /api/v1/apps/:app/events", Group: "Events", Summary: "List what happened to an app, the newest first",
		Query: []openapi.Param{limitParam, beforeParam}, Status: http.StatusOK, Answer: EventsAnswer{},
	},
}
