package console

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
)

type loginForm struct {
	Email string
	Next  string
}

// Login answers GET /login.
func (c *Console) Login(e echo.Context) error {
	return c.show(e, http.StatusOK, "login", frame{Title: "Sign in", Data: loginForm{Next: safeNext(e.QueryParam("next"))}})
}

// LoginEnter answers POST /login.
func (c *Console) LoginEnter(e echo.Context) error {
	form := loginForm{Email: e.FormValue("email"), Next: safeNext(e.FormValue("next"))}
	session, err := c.accounts.Login(e.Request().Context(), form.Email, e.FormValue("password"), request.Source(e), request.UserAgent(e))
	if err != nil {
		return c.refuse(e, err, "login", frame{Title: "Sign in", Data: form})
	}
	request.KeepSession(e, session)
	return e.Redirect(http.StatusSeeOther, form.Next)
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
