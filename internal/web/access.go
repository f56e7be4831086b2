package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Identities tells who a session or a token is.
type Identities interface {
	Claimed(ctx context.Context) (bool, error)
	Session(ctx context.Context, secret, source string) (platform.Actor, platform.Account, error)
	Authenticate(ctx context.Context, token, via, source string) (platform.Actor, error)
	GuardOf(ctx context.Context, actor platform.Actor) (platform.Guard, error)
}

// Directory finds an app by its name.
type Directory interface {
	AppByName(ctx context.Context, name string) (platform.App, error)
}

// guard is the one place where rights are checked: from the route, before its handler.
func (s *Server) guard(r route) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.meterSource(c); err != nil {
			return err
		}
		if err := s.onlyClaimed(c, r); err != nil {
			return err
		}
		if r.kind == public || r.kind == git {
			return r.handle(c)
		}
		actor, alive, err := s.identify(c, r)
		if err != nil {
			return err
		}
		if err := s.meterActor(c, actor); err != nil {
			return err
		}
		actor.Console = AskedHost(c.Request())
		if err := s.allow(c, r, actor); err != nil {
			return err
		}
		request.SetActor(c, actor, alive)
		if err := s.guarded(c, r, actor); err != nil {
			return err
		}
		return s.once(c, r)
	}
}

// guarded sends an owner whose time with a password alone is over to set up more. What that takes stays open, and
// so does the way out.
func (s *Server) guarded(c echo.Context, r route, actor platform.Actor) error {
	guard, err := s.identities.GuardOf(c.Request().Context(), actor)
	if err != nil {
		return err
	}
	request.SetGuard(c, guard)
	if !guard.Over || r.action == own || strings.HasSuffix(r.path, "/logout") || r.path == "/api/v1/account" {
		return nil
	}
	return platform.Errorf(platform.Forbidden, request.GuardNeeded, "An owner needs more than a password: a second factor or a passkey.").
		WithHint("Set one up under Account in the console. Apps, pushes and tokens go on meanwhile.")
}

// onlyClaimed hides everything until the first account exists. Once true it stays true.
func (s *Server) onlyClaimed(c echo.Context, r route) error {
	if r.setup || s.claimed.Load() {
		return nil
	}
	claimed, err := s.identities.Claimed(c.Request().Context())
	if err != nil {
		return err
	}
	if !claimed {
		return platform.Errorf(platform.NotFound, "not_set_up", "This server has no owner yet.").
			WithHint("Open the one-time link that the installer printed. As root, lugsail setup-link makes a new one.")
	}
	s.claimed.Store(true)
	return nil
}

func (s *Server) identify(c echo.Context, r route) (platform.Actor, func(context.Context) error, error) {
	source := request.Source(c)
	if values := c.Request().Header.Values(echo.HeaderAuthorization); r.kind == program && len(values) > 0 {
		token, via := bearer(values), request.Door(c)
		ask := func(ctx context.Context) (platform.Actor, error) {
			return s.identities.Authenticate(ctx, token, via, source)
		}
		return asked(c, ask)
	}
	secret := sessionCookie(c.Request())
	return asked(c, func(ctx context.Context) (platform.Actor, error) {
		if secret == "" {
			return platform.Actor{}, platform.Errorf(platform.Unauthenticated, "not_signed_in", "Nobody is signed in.").
				WithHint("Sign in and try again.")
		}
		actor, _, err := s.identities.Session(ctx, secret, source)
		return actor, err
	})
}

// recognize tells the page of an error who is signed in, also where no route asked for it.
func (s *Server) recognize(c echo.Context) {
	if _, ok := request.SignedIn(c); ok || sessionCookie(c.Request()) == "" {
		return
	}
	if actor, alive, err := s.identify(c, route{kind: page}); err == nil {
		request.SetActor(c, actor, alive)
	}
}

func asked(c echo.Context, ask func(context.Context) (platform.Actor, error)) (platform.Actor, func(context.Context) error, error) {
	actor, err := ask(c.Request().Context())
	return actor, func(ctx context.Context) error { _, err := ask(ctx); return err }, err
}

// bearer takes the token of exactly one Authorization header; "" is known to nobody.
func bearer(values []string) string {
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// sessionCookie is the cookie's value when there is exactly one: a second one was
// planted by somebody.
func sessionCookie(r *http.Request) string {
	cookies := r.CookiesNamed(request.SessionCookie)
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// allow checks the route's action on its app. An app out of sight does not exist.
func (s *Server) allow(c echo.Context, r route, actor platform.Actor) error {
	if !strings.Contains(r.path, ":app") {
		if r.any {
			actor.AppID = ""
		}
		return permit(actor, r.action, "")
	}
	name := c.Param("app")
	app, err := s.directory.AppByName(c.Request().Context(), name)
	if err != nil && !platform.IsKind(err, platform.NotFound) {
		return err
	}
	if err != nil || !platform.Sees(actor, app.ID) {
		return platform.Errorf(platform.NotFound, "app_not_found", "There is no app named %q.", short(name))
	}
	return permit(actor, r.action, app.ID)
}

func permit(actor platform.Actor, action platform.Action, appID string) error {
	if platform.Can(actor, action, appID) {
		return nil
	}
	return platform.Errorf(platform.Forbidden, "not_allowed", "You may not do this.").
		WithHint("Your account or token lacks the right %q. Ask the owner of this server for it.", action)
}

func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
