package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/console"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// safeMode is what strangers may know of a control plane that does not start; the reason is for
// people on the server.
var safeMode = platform.Errorf(platform.Unavailable, "safe_mode", "The console is in safe mode: it cannot start just now. Apps keep running.").
	WithHint("On the server, as root: lugsail service status says why and what to do. It tries again by itself every half a minute.")

// RunSafe answers every request with that, in the place of the server, until ctx ends.
func RunSafe(ctx context.Context, config Config, addresses app.Addresses, log *slog.Logger) error {
	s := &Server{config: config, log: log, now: time.Now}
	s.stopping, s.stop = context.WithCancel(context.Background())
	pages, err := console.New(console.Config{Apps: &app.Service{Addresses: addresses}, Version: config.Version, Now: time.Now})
	if err != nil {
		return err
	}
	s.pages = pages
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = ClientIP
	e.HTTPErrorHandler = s.safeTrouble
	e.Use(s.recover, s.headers, s.onlyOwnHosts)
	e.GET("/assets/:file", pages.Asset)
	e.RouteNotFound("/*", func(echo.Context) error { return safeMode })
	s.handler = e
	return s.Run(ctx)
}

// safeTrouble answers in the language of the door, without looking for a session.
func (s *Server) safeTrouble(_ error, c echo.Context) {
	c.Response().Header().Set("Retry-After", "30")
	s.answer(c, http.StatusServiceUnavailable, safeMode)
}
