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
