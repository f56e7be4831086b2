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
	maxForm    = 512 << 10 // 64 KiB of config vars, escaped, and room
	bodyTime   = 30 * time.Second
	answerTime = 2 * time.Minute // argon2id waits in a queue of two
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 64 << 10
	stopTime   = 10 * time.Second
)

// limits bounds size and time of everything but git, which has limits of its own.
func limits(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		control := http.NewResponseController(c.Response().Writer)
		now := time.Now()
		_ = control.SetReadDeadline(now.Add(bodyTime)) // a test's recorder has no deadlines
		_ = control.SetWriteDeadline(now.Add(answerTime))
		if !strings.HasPrefix(c.Request().URL.Path, "/api/") { // the API bounds bodies as it reads them
			c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxForm)
		}
		return next(c)
	}
}
