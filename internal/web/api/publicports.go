package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// PublicPort lets some addresses of the internet reach an add-on for a while.
type PublicPort struct {
	Addon     string    `json:"addon"`
	Host      string    `json:"host" doc:"the server's address or name"`
	Port      int       `json:"port" doc:"of this server"`
	Sources   []string  `json:"sources" doc:"addresses and networks that may connect"`
	Until     time.Time `json:"until" doc:"when it closes by itself"`
	Trouble   string    `json:"trouble" doc:"why it is not open; empty when it is"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

func publicPortBody(v app.PublicPortView) PublicPort {
	return PublicPort{v.Addon, v.Host, v.Port, v.Froms(), v.Until, v.Trouble, v.CreatedAt, v.CreatedBy}
}

// PublicPortsList answers GET /public-ports.
func (a *API) PublicPortsList(c echo.Context) error {
	all, err := a.Apps.PublicPortsSeen(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, PublicPortsAnswer{list(all, publicPortBody)})
}

// PublicPortBody is what PUT /apps/:app/public-port takes.
type PublicPortBody struct {
	Sources []string `json:"sources" doc:"who may connect: 1 to 20 addresses or networks, the widest /16, and /32 of IPv6" example:"203.0.113.7"`
	Seconds int64    `json:"seconds" doc:"that it stays open: 30 days at most; 0 means a day" example:"7200"`
	Port    int      `json:"port" doc:"of this server, 1024 to 65535; 0 means the add-on's own, or the next one that no other add-on has" example:"5432"`
}

// PublicPortSet answers PUT /apps/:app/public-port.
func (a *API) PublicPortSet(c echo.Context) error {
	var body PublicPortBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	longest := int64(platform.MaxPublicPortTime/time.Second) + 1
	v, err := a.Apps.OpenPort(ctx, actor, name, app.PublicPortSpec{Sources: body.Sources, Port: body.Port, Time: time.Duration(max(-1, min(body.Seconds, longest))) * time.Second})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, PublicPortAnswer{publicPortBody(v)})
}

// PublicPortRemove answers DELETE /apps/:app/public-port.
func (a *API) PublicPortRemove(c echo.Context) error {
	if err := a.Apps.ClosePort(actorAnd(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

var publicPortOperations = []openapi.Operation{
	{Route: "GET /api/v1/public-ports", Group: "Add-ons", Summary: "List the add-ons that are reached from the internet", Status: http.StatusOK, Answer: PublicPortsAnswer{}},
	{
		Route: "PUT /api/v1/apps/:app/public-port", Group: "Add-ons", Summary: "Let some addresses reach an add-on for a while",
		Notes: "Plain TCP: what the add-on's protocol does not encrypt, travels in the clear. When the time is over the port closes by itself, with all connections. An add-on has one at most; another call changes it.",
		Body:  PublicPortBody{}, Status: http.StatusOK, Answer: PublicPortAnswer{},
		Errors: openapi.Codes{404: "addon_not_found", 409: "public_port_taken public_port_unusable addon_without_port", 422: "public_port_from_invalid public_port_from_wide public_port_from_missing public_port_invalid public_port_time_invalid app_not_addon"},
	},
	{
		Route: "DELETE /api/v1/apps/:app/public-port", Group: "Add-ons", Summary: "Close an add-on to the internet", Notes: "With all connections.", Status: http.StatusNoContent,
		Errors: openapi.Codes{404: "addon_not_found public_port_closed", 422: "app_not_addon"},
	},
}
