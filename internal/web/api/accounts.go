package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Account is who asks, as the API shows it.
type Account struct {
	Email  string           `json:"email"`
	Role   platform.Role    `json:"role"`
	Scopes []platform.Scope `json:"scopes"` // null: all that the role allows
	App    string           `json:"app"`    // "": every app
	Via    string           `json:"via"`
}

// AccountGet answers GET /account.
func (a *API) AccountGet(c echo.Context) error {
	actor := request.Actor(c)
	app, err := a.appName(c.Request().Context(), actor, actor.AppID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, AccountAnswer{Account{
		Email: actor.Name, Role: actor.Role, Scopes: actor.Scopes, App: app, Via: actor.Via,
	}})
}

// appName finds the name of an app that the actor sees; "" for none.
func (a *API) appName(ctx context.Context, actor platform.Actor, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	all, err := a.Apps.Apps(ctx, actor)
	for _, o := range all {
		if o.App.ID == id {
			return o.App.Name, nil
		}
	}
	return "", err
}

// AccountSetupBody is what POST /setup takes.
type AccountSetupBody struct {
	Token    string `json:"token"`
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"` // of the API token
}

// AccountSetup answers POST /setup: the first account, and a token for the client that made it.
func (a *API) AccountSetup(c echo.Context) error {
	var body AccountSetupBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	session, err := a.Accounts.Claim(c.Request().Context(), body.Token, body.Email, body.Password, request.Source(c), request.UserAgent(c))
	if err != nil {
		return err
	}
	return a.tokenFor(c, session, body.Name)
}

// AccountLoginBody is what POST /login takes.
type AccountLoginBody struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Name     string `json:"name"`
}

// AccountLogin answers POST /login: a token named after the client.
func (a *API) AccountLogin(c echo.Context) error {
	var body AccountLoginBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	session, err := a.Accounts.Login(c.Request().Context(), body.Email, body.Password, request.Source(c), request.UserAgent(c))
	if err != nil {
		return err
	}
	return a.tokenFor(c, session, body.Name)
}

// tokenFor trades a session that was just opened for a token, since programs keep no cookies.
func (a *API) tokenFor(c echo.Context, session, name string) error {
	ctx := c.Request().Context()
	actor, account, err := a.Accounts.Session(ctx, session, request.Source(c))
	if err != nil {
		return err
	}
	actor.Via = request.Door(c)
	if name == "" {
		name = "API client"
	}
	secret, token, err := a.Accounts.CreateToken(ctx, actor, name, []platform.Scope{platform.ScopeAdmin}, "", 0)
	if err := errors.Join(err, a.Accounts.Logout(context.WithoutCancel(ctx), session)); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, SignedInAnswer{
		Secret: secret, Token: tokenBody(token, ""),
		Account: Account{Email: account.Email, Role: account.Role, Scopes: token.Scopes, Via: actor.Via},
	})
}

// AccountLogout answers POST /logout: the token or session that asks ends itself.
func (a *API) AccountLogout(c echo.Context) error {
	if err := request.Decode(c, &struct{}{}); err != nil {
		return err
	}
	actor, end := request.Actor(c), a.Accounts.RevokeToken
	if actor.Scopes == nil { // a session: it has no scopes
		end = a.Accounts.RevokeSession
	}
	if err := end(c.Request().Context(), actor, actor.SessionID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
