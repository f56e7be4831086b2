package console

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
)

// accountPage is the overview: one row for each thing, which has a page of its own.
type accountPage struct {
	Security account.Security
	Sessions int
	Tokens   int
	Keys     int
	SSH      sshFacts
}

// Account answers GET /account: how one signs in, and what speaks for one.
func (c *Console) Account(e echo.Context) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	page := accountPage{SSH: c.sshFacts(actor)}
	var err error
	if page.Security, err = c.accounts.Security(ctx, actor); err != nil {
		return err
	}
	sessions, err := c.accounts.Sessions(ctx, actor)
	if err != nil {
		return err
	}
	tokens, err := c.accounts.Tokens(ctx, actor)
	if err != nil {
		return err
	}
	keys, err := c.accounts.SSHKeys(ctx, actor)
	if err != nil {
		return err
	}
	page.Sessions, page.Tokens, page.Keys = len(sessions), len(tokens), len(keys)
	return c.show(e, http.StatusOK, "account", frame{Title: "Account", Nav: "account", Data: page})
}

// answerWith shows a page of the account, with what was wrong, if anything.
func (c *Console) answerWith(e echo.Context, name string, f frame, wrong error) error {
	f.Nav = "account"
	if wrong != nil {
		return c.refuse(e, wrong, name, f)
	}
	return c.show(e, http.StatusOK, name, f)
}

// Password answers GET /account/password.
func (c *Console) Password(e echo.Context) error {
	return c.answerWith(e, "password", frame{Title: "Password"}, nil)
}

// AccountPassword answers POST /account/password.
func (c *Console) AccountPassword(e echo.Context) error {
	next := e.FormValue("password")
	err := samePassword(next, e.FormValue("again"))
	session := ""
	if err == nil {
		session, err = c.accounts.ChangePassword(e.Request().Context(), request.Actor(e), e.FormValue("current"), next)
	}
	if err != nil {
		return c.answerWith(e, "password", frame{Title: "Password"}, err)
	}
	request.KeepSession(e, session)
	return e.Redirect(http.StatusSeeOther, "/account?done=password")
}

// Browsers answers GET /account/browsers: the sessions.
func (c *Console) Browsers(e echo.Context) error {
	sessions, err := c.accounts.Sessions(e.Request().Context(), request.Actor(e))
	if err != nil {
		return err
	}
	return c.answerWith(e, "browsers", frame{Title: "Browsers", Data: struct{ Sessions []platform.Session }{sessions}}, nil)
}

// SessionEnd answers POST /account/sessions/:id/end.
func (c *Console) SessionEnd(e echo.Context) error {
	if err := c.accounts.RevokeSession(e.Request().Context(), request.Actor(e), e.Param("id")); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/account/browsers?done=ended")
}

// SessionsEnd answers POST /account/sessions/end-others.
func (c *Console) SessionsEnd(e echo.Context) error {
	if _, err := c.accounts.RevokeOtherSessions(e.Request().Context(), request.Actor(e)); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/account/browsers?done=ended-others")
}
