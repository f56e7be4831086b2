package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Live answers GET /live and GET /apps/:app/live: the one stream of a tab. Its events are "change",
// upon which the page asks for its live parts anew; "log", a line of the deployment that the query
// names; and "line", a line of the app's logs when the query wants them.
func (c *Console) Live(e echo.Context) error {
	actor, name := request.Actor(e), e.Param("app")
	number, from := 0, request.LastEventID(e)
	if text := e.QueryParam("deployment"); text != "" {
		var err error
		if number, err = strconv.Atoi(text); err != nil {
			return platform.Errorf(platform.NotFound, "deployment_not_found", "There is no deployment %q.", text)
		}
	}
	return request.Serve(e, func(ctx context.Context, s *request.Stream) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error {
			return c.apps.Watch(ctx, actor, name, func() error { return s.Send("change", 0, struct{}{}) })
		})
		if number > 0 {
			g.Go(func() error { return c.sendDeployment(ctx, s, actor, name, number, from) })
		}
		if name != "" && e.QueryParam("logs") != "" {
			g.Go(func() error { return c.sendLines(ctx, s, actor, name, e.QueryParam("process")) })
		}
		return g.Wait()
	})
}

type logEvent struct {
	Line string `json:"line"`
}

// sendDeployment sends the rest of a deployment's log. Its steps are changes.
func (c *Console) sendDeployment(ctx context.Context, s *request.Stream, actor platform.Actor, name string, number int, from int64) error {
	_, err := c.apps.FollowDeployment(ctx, actor, name, number, from, func(p app.Progress) error {
		if p.Deployment != nil {
			return nil
		}
		return s.Send("log", p.Offset, logEvent{Line: p.Line})
	})
	if platform.IsKind(err, platform.NotFound) {
		return nil // it went with its app, which the page says
	}
	return err
}

type lineEvent struct {
	At      string `json:"at"`
	Replica string `json:"replica"`
	Stream  string `json:"stream"`
	Text    string `json:"text"`
}

func (c *Console) sendLines(ctx context.Context, s *request.Stream, actor platform.Actor, name, process string) error {
	o := app.LogOptions{Process: process, Tail: tailLines, Follow: true}
	return c.apps.Logs(ctx, actor, name, o, func(l platform.LogLine) error {
		return s.Send("line", 0, lineEvent{At: l.At.UTC().Format(lineTime), Replica: l.Replica, Stream: l.Stream, Text: l.Text})
	})
}

const lineTime = "2006-01-02T15:04:05.000Z"

// streamOf is where a page hears of changes: those of its app, or of all.
func streamOf(f frame) string {
	switch {
	case f.Bare:
		return ""
	case f.App == nil:
		return "/live"
	}
	at := url.URL{Path: "/apps/" + f.App.App.Name + "/live", RawQuery: f.Stream.Encode()}
	return at.String()
}

// isLive tells that only the live parts of a page are asked for.
func isLive(e echo.Context) bool {
	return e.Request().Method == http.MethodGet && e.QueryParam("part") == "live"
}
