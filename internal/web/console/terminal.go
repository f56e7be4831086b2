package console

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

type terminalPage struct {
	Replicas []string // those that run
	Chosen   string
}

// Terminal answers GET /apps/:app/terminal: a shell in a replica, by the WebSockets of the API.
func (c *Console) Terminal(e echo.Context) error {
	f, err := c.inApp(e, "terminal", "Terminal")
	if err != nil {
		return err
	}
	replicas, err := c.apps.Replicas(e.Request().Context(), f.Actor, f.App.App.Name)
	if err != nil {
		return err
	}
	page := terminalPage{Chosen: e.QueryParam("replica")}
	for _, r := range replicas {
		if r.State == platform.ReplicaRunning {
			page.Replicas = append(page.Replicas, fmt.Sprintf("%s.%d", r.Process, r.Index))
		}
	}
	slices.Sort(page.Replicas)
	page.Replicas = slices.Compact(page.Replicas) // during a deployment two releases have one each
	f.Data = page
	return c.show(e, http.StatusOK, "terminal", f)
}
