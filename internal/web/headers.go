package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// contentPolicy allows our own files and nothing inline.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Server) headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set(echo.HeaderXRequestID, platform.NewID())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", referrerPolicy(c.Request().URL.Path))
		h.Set("Cache-Control", "no-store") // assets and git say otherwise
		if s.config.HSTS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// referrerPolicy keeps the one-time tokens, which stand in paths, out of every Referer.
func referrerPolicy(path string) string {
	if strings.HasPrefix(path, "/setup/") || strings.HasPrefix(path, "/recover/") {
		return "no-referrer"
	}
	return "same-origin"
}

const (
	bodyTime   = 30 * time.Second
	answerTime = 2 * time.Minute // argon2id waits in a queue of two
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 64 << 10
	stopTime   = 10 * time.Second
)

// deadlines bounds the time of a body and of an answer, anew for each request of a connection.
// Git and streams go on to set their own, as bytes come and go. A request without a body gets no
// time for one: net/http watches its connection already, and would take the end of that time for
// a client that has gone, for this request and all that follow on the connection.
func (s *Server) deadlines(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, control := c.Request(), http.NewResponseController(c.Response().Writer)
		_ = control.SetWriteDeadline(time.Now().Add(answerTime)) // a test's recorder has no deadlines
		if r.Body != http.NoBody && !strings.HasPrefix(r.URL.Path, "/git/") {
			_ = control.SetReadDeadline(time.Now().Add(s.bodyTime)) // likewise; net/http lifts it at the body's end
		}
		return next(c)
	}
}
