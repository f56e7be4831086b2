package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

type accountPage struct {
	Sessions []platform.Session
	Tokens   []tokenRow
	Apps     []string // that a token may be bound to
	Keys     []platform.SSHKey
	SSH      sshFacts
	Wrong    string // which form was refused: "password", "token" or "key"
}

type tokenRow struct {
	platform.Token
	App   string
	Scope string
}

// Account answers GET /account: password, browsers, tokens.
func (c *Console) Account(e echo.Context) error { return c.accountWith(e, "", nil) }

func (c *Console) accountWith(e echo.Context, which string, wrong error) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	page := accountPage{Wrong: which}
	var err error
	if page.Sessions, err = c.accounts.Sessions(ctx, actor); err != nil {
		return err
	}
	if err := c.tokenRows(ctx, actor, &page); err != nil {
		return err
	}
	if page.Keys, err = c.accounts.SSHKeys(ctx, actor); err != nil {
		return err
	}
	page.SSH = c.sshFacts(actor)
	f := frame{Title: "Account", Nav: "account", Data: page}
	if wrong != nil {
		return c.refuse(e, wrong, "account", f)
	}
	return c.show(e, http.StatusOK, "account", f)
}

func (c *Console) tokenRows(ctx context.Context, actor platform.Actor, page *accountPage) error {
	all, err := c.accounts.Tokens(ctx, actor)
	if err != nil {
		return err
	}
	apps, err := c.apps.Apps(ctx, actor)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, o := range apps {
		page.Apps = append(page.Apps, o.App.Name)
		names[o.App.ID] = o.App.Name
	}
	for _, t := range all {
		page.Tokens = append(page.Tokens, tokenRow{Token: t, App: names[t.AppID], Scope: scopeText(t.Scopes)})
	}
	return nil
}

func scopeText(scopes []platform.Scope) string {
	words := make([]string, 0, len(scopes))
	for _, s := range scopes {
		words = append(words, string(s))
	}
	return strings.Join(words, ", ")
}

// AccountPassword answers POST /account/password.
func (c *Console) AccountPassword(e echo.Context) error {
	next := e.FormValue("password")
	err := samePassword(next, e.FormValue("again"))
	if err == nil {
		err = c.accounts.ChangePassword(e.Request().Context(), request.Actor(e), e.FormValue("current"), next)
	}
	if err != nil {
		return c.accountWith(e, "password", err)
	}
	return e.Redirect(http.StatusSeeOther, "/account?done=password")
}

// SessionEnd answers POST /account/sessions/:id/end.
func (c *Console) SessionEnd(e echo.Context) error {
	if err := c.accounts.RevokeSession(e.Request().Context(), request.Actor(e), e.Param("id")); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/account?done=ended")
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
		return c.accountWith(e, "token", platform.Errorf(platform.Invalid, "token_life_invalid", "A token lives 1 to 3650 days."))
	}
	page := tokenPage{App: e.FormValue("app")}
	appID := ""
	if page.App != "" {
		o, err := c.apps.App(ctx, actor, page.App)
		if err != nil {
			return c.accountWith(e, "token", err)
		}
		appID, page.GitURL = o.App.ID, o.GitURL
	}
	scopes := []platform.Scope{platform.Scope(e.FormValue("scope"))}
	page.Secret, page.Token, err = c.accounts.CreateToken(ctx, actor, strings.TrimSpace(e.FormValue("name")), scopes, appID, time.Duration(days)*24*time.Hour)
	if err != nil {
		return c.accountWith(e, "token", err)
	}
	page.Scope = scopeText(page.Token.Scopes)
	return c.show(e, http.StatusCreated, "token", frame{Title: "New token", Nav: "account", Data: page})
}

// TokenRevoke answers POST /account/tokens/:id/revoke.
func (c *Console) TokenRevoke(e echo.Context) error {
	if err := c.accounts.RevokeToken(e.Request().Context(), request.Actor(e), e.Param("id")); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/account?done=revoked")
}
