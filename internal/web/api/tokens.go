package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Token is an API token without its secret.
type Token struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Scopes     []platform.Scope `json:"scopes"`
	App        string           `json:"app"` // "": every app
	CreatedAt  time.Time        `json:"created_at"`
	ExpiresAt  *time.Time       `json:"expires_at"`
	LastUsedAt *time.Time       `json:"last_used_at"`
}

func tokenBody(t platform.Token, app string) Token {
	return Token{
		ID: t.ID, Name: t.Name, Scopes: append([]platform.Scope{}, t.Scopes...), App: app,
		CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, LastUsedAt: t.LastUsedAt,
	}
}

// TokensList answers GET /tokens: one's own.
func (a *API) TokensList(c echo.Context) error {
	ctx, actor := c.Request().Context(), request.Actor(c)
	all, err := a.Accounts.Tokens(ctx, actor)
	if err != nil {
		return err
	}
	names, err := a.appNames(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, TokensAnswer{list(all, func(t platform.Token) Token {
		return tokenBody(t, names[t.AppID])
	})})
}

func (a *API) appNames(c echo.Context) (map[string]string, error) {
	all, err := a.Apps.Apps(c.Request().Context(), request.Actor(c))
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, o := range all {
		names[o.App.ID] = o.App.Name
	}
	return names, nil
}

// maxTokenDays is ten years; 0 asks for the default of 90 days.
const maxTokenDays = 3650

// TokenCreateBody is what POST /tokens. The secret is in this answer and nowhere else takes.
type TokenCreateBody struct {
	Name        string           `json:"name" example:"ci"`
	Scopes      []platform.Scope `json:"scopes"`
	App         string           `json:"app" doc:"only this app; empty: every app" example:"my-shop"`
	ExpiresDays int              `json:"expires_days" doc:"0 means 90 days"`
}

// TokenCreate answers POST /tokens. The secret is in this answer and nowhere else.
func (a *API) TokenCreate(c echo.Context) error {
	var body TokenCreateBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	if body.ExpiresDays < 0 || body.ExpiresDays > maxTokenDays {
		return platform.Errorf(platform.Invalid, "token_life_invalid", "A token lives 1 to %d days.", maxTokenDays)
	}
	ctx, actor := c.Request().Context(), request.Actor(c)
	appID := ""
	if body.App != "" {
		o, err := a.Apps.App(ctx, actor, body.App)
		if err != nil {
			return err
		}
		appID = o.App.ID
	}
	secret, token, err := a.Accounts.CreateToken(ctx, actor, body.Name, body.Scopes, appID, time.Duration(body.ExpiresDays)*24*time.Hour)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, NewTokenAnswer{Secret: secret, Token: tokenBody(token, body.App)})
}

// TokenRevoke answers DELETE /tokens/:id.
func (a *API) TokenRevoke(c echo.Context) error {
	if err := a.Accounts.RevokeToken(c.Request().Context(), request.Actor(c), c.Param("id")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

var tokenOperations = []openapi.Operation{
	{Route: "GET /api/v1/tokens", Group: "Tokens", Summary: "List your tokens", Status: http.StatusOK, Answer: TokensAnswer{}},
	{
		Route: "POST /api/v1/tokens", Group: "Tokens", Summary: "Create a token",
		Notes: "expires_days 0 means 90 days. A token may do what its scopes say and its account may.",
		Body:  TokenCreateBody{}, Status: http.StatusCreated, Answer: NewTokenAnswer{},
		Errors: openapi.Codes{404: "app_not_found", 409: "tokens_too_many", 422: "token_life_invalid token_name_invalid token_scope_unknown token_scopes_missing"},
	},
	{
		Route: "DELETE /api/v1/tokens/:id", Group: "Tokens", Summary: "Revoke a token", Status: http.StatusNoContent,
		Errors: openapi.Codes{404: "token_not_found"},
	},
}
