package console

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform/app"
)

// appFrame is what stands around every page of an app.
type appFrame struct {
	app.Overview
	Tab string
}

// Addresses are the URLs by which the app is reached, the main one first.
func (f appFrame) Addresses() []string {
	var all []string
	for _, host := range f.Hosts {
		all = append(all, strings.Replace(f.URL, f.Hosts[0], host, 1))
	}
	return all
}

// inApp makes the frame of an app's page.
func (c *Console) inApp(e echo.Context, tab, title string) (frame, error) {
	o, err := c.apps.App(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return frame{}, err
	}
	f := frame{Title: o.App.Name, Nav: "apps", Actor: request.Actor(e), App: &appFrame{Overview: o, Tab: tab}}
	if title != "" {
		f.Title = title + " · " + o.App.Name
	}
	return f, nil
}

func appPath(e echo.Context, rest string) string { return "/apps/" + e.Param("app") + rest }
