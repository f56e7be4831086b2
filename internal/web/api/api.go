// Package api is /api/v1: JSON for programs, the command line among them.
//
// It has body types of its own, so that a change of a noun inside does not change what
// programs see. Long work answers 202 with {"deployment": {…}}, or {"deployment": null}
// when nothing needs to be deployed yet. Values of config vars leave through one handler only.
package api

import (
	"context"
	"math"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
	"github.com/lugsail/lugsail/platform/app"
)

// Server is what the server says of itself.
type Server struct {
	Version       string   `json:"version"`
	ConsoleURL    string   `json:"console_url"`
	Hosts         []string `json:"hosts"`
	CAFingerprint string   `json:"ca_fingerprint"` // SHA-256 of the root certificate, hex; "" when it cannot be had
	SSH           *SSH     `json:"ssh" doc:"git over SSH; null where there is none"`
}

// SSH is how git reaches the server by SSH.
type SSH struct {
	Port        int    `json:"port"`
	Fingerprint string `json:"fingerprint" doc:"of the host key, as an SSH client shows it at the first visit"`
}

// API holds the handlers.
type API struct {
	Apps     *app.Service
	Accounts *account.Service
	Server   func(context.Context) Server // without the console's URL, which depends on who asks
}

// started answers 202 for work that goes on, or tells that there is none to do.
func started(c echo.Context, d platform.Deployment, err error) error {
	if err != nil {
		return err
	}
	if d.Number == 0 {
		return c.JSON(http.StatusAccepted, StartedAnswer{})
	}
	body := deploymentBody(d)
	return c.JSON(http.StatusAccepted, StartedAnswer{&body})
}

func list[In, Out any](in []In, body func(In) Out) []Out {
	out := make([]Out, 0, len(in))
	for _, v := range in {
		out = append(out, body(v))
	}
	return out
}

// ServerInfo answers GET /server.
func (a *API) ServerInfo(c echo.Context) error {
	server := a.Server(c.Request().Context())
	server.ConsoleURL = a.Apps.Addresses.ConsoleURL(request.Actor(c).Console)
	if server.SSH != nil {
		server.SSH.Port = a.Apps.Addresses.SSHPort
	}
	return c.JSON(http.StatusOK, server)
}

// numberedPage reads which part of a list is asked for that goes from high numbers to low.
func numberedPage(c echo.Context) (request.Page, int, error) {
	page, err := request.ReadPage(c)
	if err != nil {
		return page, 0, err
	}
	before, err := page.AfterNumber()
	return page, int(min(before, math.MaxInt32)), err
}

func actorAnd(c echo.Context) (context.Context, platform.Actor, string) {
	return c.Request().Context(), request.Actor(c), c.Param("app")
}

var serverOperations = []openapi.Operation{
	{Route: "GET /api/v1/server", Group: "Server", Summary: "Show the server", Status: http.StatusOK, Answer: Server{}},
	{
		Route: "GET /api/v1/openapi.json", Group: "Server", Summary: "Describe the API", Notes: "This document. Needs no token.",
		Status: http.StatusOK, Answer: map[string]any{}, Tagged: true, Errors: openapi.Codes{404: "not_set_up"},
	},
	{Route: "GET /api/v1/plans", Group: "Server", Summary: "List the plans, and what still fits", Query: []openapi.Param{{Name: "replicas", Type: "integer", Min: 1, Max: platform.MaxAppReplicas, Means: "how often so many of each fit; 1 when nothing is said"}}, Status: http.StatusOK, Answer: PlansAnswer{}},
}
