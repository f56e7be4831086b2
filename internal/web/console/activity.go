package console

import (
	"math"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

type activityPage struct {
	Events []platform.Event
	Older  int64 // where the next page begins; 0 when there is none
}

const eventsShown = 50

// Activity answers GET /activity: who did what, newest first.
func (c *Console) Activity(e echo.Context) error {
	before, err := request.Int(e, "before", 0, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	all, err := c.apps.Events(e.Request().Context(), request.Actor(e), "", before, eventsShown)
	if err != nil {
		return err
	}
	page := activityPage{Events: all}
	if len(all) == eventsShown {
		page.Older = all[len(all)-1].ID
	}
	return c.show(e, http.StatusOK, "activity", frame{Title: "Activity", Nav: "activity", Data: page})
}
