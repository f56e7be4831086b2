package request

import (
	"context"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

const (
	actorKey   = "lugsail.actor"
	aliveKey   = "lugsail.alive"
	guardKey   = "lugsail.guard"
	decodedKey = "lugsail.decoded"
)

// SetActor keeps who asks for the rest of the request. alive tells later whether the
// session or token is still good; streams ask it again and again.
func SetActor(c echo.Context, actor platform.Actor, alive func(context.Context) error) {
	c.Set(actorKey, actor)
	c.Set(aliveKey, alive)
}

// GuardNeeded is the code for an owner whose time with a password alone is over.
const GuardNeeded = "second_factor_required"

// SetGuard keeps what the actor is asked for beside the password.
func SetGuard(c echo.Context, guard platform.Guard) { c.Set(guardKey, guard) }

// Guard is what the actor is asked for beside the password; nothing on a route that is open to nobody in particular.
func Guard(c echo.Context) platform.Guard {
	guard, _ := c.Get(guardKey).(platform.Guard)
	return guard
}

// Actor is who asks. It panics on a route that is open to nobody in particular,
// since such a handler has no business with an actor.
func Actor(c echo.Context) platform.Actor {
	return c.Get(actorKey).(platform.Actor)
}

// SignedIn gives the actor of a route where nobody needs to be signed in.
func SignedIn(c echo.Context) (platform.Actor, bool) {
	actor, ok := c.Get(actorKey).(platform.Actor)
	return actor, ok
}

func alive(c echo.Context) func(context.Context) error {
	if f, ok := c.Get(aliveKey).(func(context.Context) error); ok {
		return f
	}
	return func(context.Context) error { return nil }
}

// Source is the client's IP address as the proxy saw it.
func Source(c echo.Context) string { return c.RealIP() }

// UserAgent is what the client calls itself.
func UserAgent(c echo.Context) string { return c.Request().UserAgent() }

// Door names the door of a program for the events: the command line says who it is.
func Door(c echo.Context) string {
	if strings.HasPrefix(c.Request().UserAgent(), "lugsail/") {
		return "cli"
	}
	return "api"
}
