package console

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform/account"
)

type loginForm struct {
	Email    string
	Next     string
	Passkeys bool // this console can be signed in to by one
}

// Login answers GET /login.
func (c *Console) Login(e echo.Context) error {
	return c.refuseLogin(e, nil, loginForm{Next: safeNext(e.QueryParam("next"))})
}

// LoginEnter answers POST /login: the first step.
func (c *Console) LoginEnter(e echo.Context) error {
	form := loginForm{Email: e.FormValue("email"), Next: safeNext(e.FormValue("next"))}
	in, err := c.accounts.EnterPassword(e.Request().Context(), form.Email, e.FormValue("password"), request.Source(e), request.UserAgent(e))
	if err != nil {
		return c.refuseLogin(e, err, form)
	}
	return enter(e, in, form.Next)
}

func (c *Console) refuseLogin(e echo.Context, wrong error, form loginForm) error {
	_, err := account.SiteOf(e.Request().Host)
	form.Passkeys = err == nil
	f := frame{Title: "Sign in", Data: form}
	if wrong != nil {
		return c.refuse(e, wrong, "login", f)
	}
	return c.show(e, http.StatusOK, "login", f)
}

// enter signs in, or leads to the second step.
func enter(e echo.Context, in account.SignIn, next string) error {
	if in.Step == "" {
		return signedIn(e, in.Session, next)
	}
	request.KeepStep(e, in.Step)
	return e.Redirect(http.StatusSeeOther, "/login/code?next="+url.QueryEscape(next))
}

func signedIn(e echo.Context, session, next string) error {
	request.KeepSession(e, session)
	if request.Step(e) != "" {
		request.KeepStep(e, "")
	}
	return e.Redirect(http.StatusSeeOther, next)
}

type codeForm struct {
	Next     string
	Recovery bool
	Passkeys bool
}

// LoginCode answers GET /login/code: the second step, for who has given the password.
func (c *Console) LoginCode(e echo.Context) error {
	if err := c.accounts.StepOpen(request.Step(e)); err != nil {
		return e.Redirect(http.StatusSeeOther, "/login?next="+url.QueryEscape(safeNext(e.QueryParam("next"))))
	}
	return c.refuseCode(e, nil, codeForm{Next: safeNext(e.QueryParam("next")), Recovery: e.QueryParam("recovery") != ""})
}

// LoginCodeEnter answers POST /login/code.
func (c *Console) LoginCodeEnter(e echo.Context) error {
	form := codeForm{Next: safeNext(e.FormValue("next")), Recovery: e.FormValue("recovery") != ""}
	step := request.Step(e)
	session, err := c.accounts.EnterCode(e.Request().Context(), step, e.FormValue("code"), request.Source(e), request.UserAgent(e))
	if err == nil {
		return signedIn(e, session, form.Next)
	}
	if c.accounts.StepOpen(step) != nil {
		request.KeepStep(e, "")
		return c.refuseLogin(e, err, loginForm{Next: form.Next})
	}
	return c.refuseCode(e, err, form)
}

func (c *Console) refuseCode(e echo.Context, wrong error, form codeForm) error {
	_, err := account.SiteOf(e.Request().Host)
	form.Passkeys = err == nil
	f := frame{Title: "Second step", Data: form}
	if wrong != nil {
		return c.refuse(e, wrong, "code", f)
	}
	return c.show(e, http.StatusOK, "code", f)
}

// Logout answers POST /logout.
func (c *Console) Logout(e echo.Context) error {
	if cookie, err := e.Cookie(request.SessionCookie); err == nil {
		if err := c.accounts.Logout(e.Request().Context(), cookie.Value); err != nil {
			return err
		}
	}
	request.KeepSession(e, "")
	return e.Redirect(http.StatusSeeOther, "/login?done=signed-out")
}
