package console

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

type tokensPage struct {
	Tokens []tokenRow
	Apps   []string // that a token may be bound to
	Typed  tokenForm
}

type tokenForm struct{ Name, Scope, App, Days string }

type tokenRow struct {
	platform.Token
	App   string
	Scope string
}

// Tokens answers GET /account/tokens.
func (c *Console) Tokens(e echo.Context) error { return c.tokensWith(e, nil) }

func (c *Console) tokensWith(e echo.Context, wrong error) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	all, err := c.accounts.Tokens(ctx, actor)
	if err != nil {
		return err
	}
	apps, err := c.apps.Apps(ctx, actor)
	if err != nil {
		return err
	}
	page := tokensPage{Typed: tokenForm{Name: e.FormValue("name"), Scope: e.FormValue("scope"), App: e.FormValue("app"), Days: e.FormValue("days")}}
	if page.Typed.Days == "" {
		page.Typed.Days = "90"
	}
	names := map[string]string{}
	for _, o := range apps {
		page.Apps = append(page.Apps, o.App.Name)
		names[o.App.ID] = o.App.Name
	}
	for _, t := range all {
		page.Tokens = append(page.Tokens, tokenRow{Token: t, App: names[t.AppID], Scope: scopeText(t.Scopes)})
	}
	return c.answerWith(e, "tokens", frame{Title: "Tokens", Data: page}, wrong)
}

func scopeText(scopes []platform.Scope) string {
	words := make([]string, 0, len(scopes))
	for _, s := range scopes {
		words = append(words, string(s))
	}
	return strings.Join(words, ", ")
}

type tokenPage struct {
	Secret string
	Token  platform.Token
	App    string
	Scope  string
	GitURL string // with the token in it, for one app's deploy token
}

// TokenCreate answers POST /account/tokens: the only page that ever shows the secret.
func (c *Console) TokenCreate(e echo.Context) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	days, err := strconv.Atoi(e.FormValue("days"))
	if err != nil || days < 1 || days > 3650 {
		return c.tokensWith(e, platform.Errorf(platform.Invalid, "token_life_invalid", "A token lives 1 to 3650 days."))
	}
	page := tokenPage{App: e.FormValue("app")}
	appID := ""
	if page.App != "" {
		o, err := c.apps.App(ctx, actor, page.App)
		if err != nil {
			return c.tokensWith(e, err)
		}
		appID, page.GitURL = o.App.ID, o.GitURL
	}
	scopes := []platform.Scope{platform.Scope(e.FormValue("scope"))}
	page.Secret, page.Token, err = c.accounts.CreateToken(ctx, actor, strings.TrimSpace(e.FormValue("name")), scopes, appID, time.Duration(days)*24*time.Hour)
	if err != nil {
		return c.tokensWith(e, err)
	}
	page.Scope = scopeText(page.Token.Scopes)
	return c.show(e, http.StatusCreated, "token", frame{Title: "New token", Nav: "account", Data: page})
}

// TokenRevoke answers POST /account/tokens/:id/revoke.
func (c *Console) TokenRevoke(e echo.Context) error {
	if err := c.accounts.RevokeToken(e.Request().Context(), request.Actor(e), e.Param("id")); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/account/tokens?done=revoked")
}
