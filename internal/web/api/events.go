package api

import (
	"net/http"
	"strconv"
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

// EventsList answers GET /events and GET /apps/:app/events, the newest first.
func (a *API) EventsList(c echo.Context) error {
	page, err := request.ReadPage(c)
	if err != nil {
		return err
	}
	before, err := page.AfterNumber()
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	all, err := a.Apps.EventsLike(ctx, actor, name, c.QueryParam("topic"), before, page.Limit+1)
	if err != nil {
		return err
	}
	all, next := request.Cut(page, all, func(e platform.Event) string { return strconv.FormatInt(e.ID, 10) })
	return c.JSON(http.StatusOK, EventsAnswer{list(all, func(e platform.Event) Event {
		return Event{ID: e.ID, At: e.At, Actor: e.Actor, Via: e.Via, Source: e.Source, Action: e.Action, App: e.App, Text: e.Text}
	}), next})
}

var topicParams = append([]openapi.Param{{Name: "topic", Type: "string", Means: "only what begins so: app, deployment, config, domain …"}}, pageParams...)

var eventOperations = []openapi.Operation{
	{
		Route: "GET /api/v1/events", Group: "Events", Summary: "List what happened, the newest first",
		Query: topicParams, Status: http.StatusOK, Answer: EventsAnswer{}, Errors: openapi.Codes{422: "topic_unknown"},
	},
	{
		Route: "GET /api/v1/apps/:app/events", Group: "Events", Summary: "List what happened to an app, the newest first",
		Query: topicParams, Status: http.StatusOK, Answer: EventsAnswer{}, Errors: openapi.Codes{422: "topic_unknown"},
	},
}
