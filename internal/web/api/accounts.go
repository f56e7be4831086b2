package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Account is who asks, as the API shows it.
type Account struct {
	Email  string           `json:"email"`
	Role   platform.Role    `json:"role"`
	Scopes []platform.Scope `json:"scopes" openapi:"null" doc:"null: all that the role allows"`
	App    string           `json:"app" doc:"empty: every app"`
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
	Token    string `json:"token" doc:"of the one-time link"`
	Email    string `json:"email" example:"ada@example.com"`
	Password string `json:"password" example:"a long sentence"`
	Name     string `json:"name" doc:"of the API token" example:"laptop"`
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
	Email    string `json:"email" example:"ada@example.com"`
	Password string `json:"password" example:"a long sentence"`
	Code     string `json:"code" doc:"of the second factor, or a recovery code; empty while there is none" example:"123456"`
	Name     string `json:"name" doc:"of the API token" example:"laptop"`
}

// AccountLogin answers POST /login: a token named after the client.
func (a *API) AccountLogin(c echo.Context) error {
	var body AccountLoginBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	session, err := a.Accounts.Login(c.Request().Context(), body.Email, body.Password, body.Code, request.Source(c), request.UserAgent(c))
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

var accountOperations = []openapi.Operation{
	{
		Route: "POST /api/v1/setup", Group: "Account", Summary: "Claim a new server",
		Notes: "Makes the first account with the one-time link's token, and an API token for the client that asks.",
		Body:  AccountSetupBody{}, Status: http.StatusCreated, Answer: SignedInAnswer{},
		Errors: openapi.Codes{
			404: "link_invalid", 409: "already_set_up link_used account_exists",
			422: "email_invalid password_short password_long password_invalid password_common password_guessable token_name_invalid", 429: "too_many_tries",
		},
	},
	{
		Route: "POST /api/v1/login", Group: "Account", Summary: "Sign in",
		Notes: "Gives an API token named after the client. Where the account has a second factor, the answer without code is second_factor_needed: ask for the code and send all again.",
		Body:  AccountLoginBody{}, Status: http.StatusCreated, Answer: SignedInAnswer{},
		Errors: openapi.Codes{401: "wrong_credentials second_factor_needed second_factor_wrong", 409: "tokens_too_many", 422: "token_name_invalid", 429: "too_many_tries"},
	},
	{
		Route: "POST /api/v1/logout", Group: "Account", Summary: "Sign out",
		Notes: "Ends the token or session that asks.", Body: struct{}{}, Status: http.StatusNoContent,
		Errors: openapi.Codes{404: "token_not_found session_not_found"},
	},
	{Route: "GET /api/v1/account", Group: "Account", Summary: "Show who asks", Status: http.StatusOK, Answer: AccountAnswer{}},
}
