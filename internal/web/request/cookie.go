package request

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// SessionCookie is the name of the cookie of a signed-in browser. Its prefix binds it to
// this host: no app under a neighbouring name can plant one.
const SessionCookie = "__Host-lugsail"

const sessionLife = 30 * 24 * time.Hour

// KeepSession gives the browser its session; "" takes it away.
func KeepSession(c echo.Context, secret string) {
	cookie := &http.Cookie{
		Name: SessionCookie, Value: secret, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(sessionLife / time.Second),
	}
	if secret == "" {
		cookie.MaxAge = -1
	}
	c.SetCookie(cookie)
}

// stepCookie is the name of the cookie of somebody between the password and the second factor. It opens nothing.
const stepCookie = "__Host-lugsail-step"

const stepLife = 10 * time.Minute

// KeepStep lets the browser go on with the second step of signing in; "" ends it.
func KeepStep(c echo.Context, secret string) {
	cookie := &http.Cookie{
		Name: stepCookie, Value: secret, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: int(stepLife / time.Second),
	}
	if secret == "" {
		cookie.MaxAge = -1
	}
	c.SetCookie(cookie)
}

// Step is the secret of the second step, when there is exactly one: another was planted by somebody.
func Step(c echo.Context) string {
	cookies := c.Request().CookiesNamed(stepCookie)
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}
