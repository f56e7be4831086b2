package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type logsPage struct {
	Lines     []logLine
	Process   string
	Processes []string
}

const tailLines = 300

// Logs answers GET /apps/:app/logs: the newest lines; the script goes on with what comes.
func (c *Console) Logs(e echo.Context) error {
	f, err := c.inApp(e, "logs", "Logs")
	if err != nil {
		return err
	}
	page := logsPage{Process: e.QueryParam("process")}
	if f.App.Release != nil {
		for _, p := range f.App.Release.Processes {
			page.Processes = append(page.Processes, p.Type)
		}
	}
	f.Stream, f.Events = url.Values{"logs": {"live"}, "process": {page.Process}}, "line"
	o := app.LogOptions{Process: page.Process, Tail: tailLines}
	err = c.apps.Logs(e.Request().Context(), request.Actor(e), f.App.App.Name, o, func(l platform.LogLine) error {
		page.Lines = append(page.Lines, logLine{
			Time: l.At.UTC().Format(time.TimeOnly), Who: l.Replica, Stream: l.Stream, Runs: paint(l.Text),
		})
		return nil
	})
	f.Data = page
	if err != nil {
		return c.refuse(e, err, "logs", f)
	}
	return c.show(e, http.StatusOK, "logs", f)
}
