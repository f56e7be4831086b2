package console

import (
	"context"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/observe"
)

// Live answers GET /live and GET /apps/:app/live: the one stream of a tab. Its events are "change",
// upon which the page asks for its live parts anew; "log", a line of the deployment that the query
// names; "line", a line of the app's logs when the query wants them; and "measured", a new point of its
// metrics, or with measured=minute a "change" each minute for their sake.
func (c *Console) Live(e echo.Context) error {
	actor, name := request.Actor(e), e.Param("app")
	number, from := 0, request.LastEventID(e)
	since, err := request.Int(e, seenVersion, c.apps.Changes.Version(), 0, math.MaxInt64)
	if err != nil {
		return err
	}
	if text := e.QueryParam("deployment"); text != "" {
		if number, err = strconv.Atoi(text); err != nil {
			return platform.Errorf(platform.NotFound, "deployment_not_found", "There is no deployment %q.", text)
		}
	}
	return request.Serve(e, func(ctx context.Context, s *request.Stream) error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error {
			return c.apps.Watch(ctx, actor, name, since, func() error { return s.Send("change", 0, struct{}{}) })
		})
		if number > 0 {
			g.Go(func() error { return c.sendDeployment(ctx, s, actor, name, number, from) })
		}
		if name != "" && e.QueryParam("logs") != "" {
			g.Go(func() error { return c.sendLines(ctx, s, actor, name, logOptions(e)) })
		}
		if of := e.QueryParam("measured"); name != "" && of != "" {
			g.Go(func() error { return c.sendMeasured(ctx, s, actor, name, of == "points") })
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

func (c *Console) sendLines(ctx context.Context, s *request.Stream, actor platform.Actor, name string, o app.LogOptions) error {
	o.Tail, o.Follow = streamLines, true
	return c.apps.Logs(ctx, actor, name, o, func(l platform.LogLine) error {
		return s.Send("line", 0, lineEvent{At: l.At.UTC().Format(lineTime), Replica: l.Replica, Stream: l.Stream, Text: l.Text})
	})
}

// measuredEvent is a point of the last hour under the names that the API has for its series; null is not known.
type measuredEvent struct {
	At     int64               `json:"at"` // seconds since 1970, when its step began
	Values map[string]*float64 `json:"values"`
}

// looksAMinute is how many points are measured in a minute.
const looksAMinute = 6

func (c *Console) sendMeasured(ctx context.Context, s *request.Stream, actor platform.Actor, name string, points bool) error {
	looks := 0
	return c.apps.FollowMetrics(ctx, actor, name, func(at time.Time, p observe.Point) error {
		if looks++; points {
			return s.Send("measured", 0, measuredEvent{at.Unix(), valuesOf(p)})
		}
		if looks%looksAMinute != 0 {
			return nil
		}
		return s.Send("change", 0, struct{}{})
	})
}

func valuesOf(p observe.Point) map[string]*float64 {
	all := map[string]*float64{}
	for name, v := range map[string]float32{
		"cpu": p.CPU, "memory": p.Memory, "memory_limit": p.Limit, "replicas": p.Replicas, "requests": p.Requests, "refused": p.Refused,
		"errors": p.Errors, "median": p.Median, "p95": p.P95, "in": p.In, "out": p.Out,
	} {
		all[name] = nil
		if observe.Known(v) {
			exact := float64(v)
			all[name] = &exact
		}
	}
	return all
}

const lineTime = "2006-01-02T15:04:05.000Z"

// streamOf is where a page hears of changes: those of its app, or of all.
func streamOf(f frame) string {
	if f.Bare {
		return ""
	}
	at, query := url.URL{Path: "/live"}, url.Values{seenVersion: {strconv.FormatInt(f.Seen, 10)}}
	if f.App != nil {
		at.Path = "/apps/" + f.App.App.Name + "/live"
		maps.Copy(query, f.Stream)
	}
	at.RawQuery = query.Encode()
	return at.String()
}

// seenVersion is what was there when the page began to read: what came between that and its stream is told by the stream.
const seenVersion = "since"

// Reads wraps the handlers of pages, which read after it.
func (c *Console) Reads(next echo.HandlerFunc) echo.HandlerFunc {
	return func(e echo.Context) error {
		e.Set(seenVersion, c.apps.Changes.Version())
		return next(e)
	}
}

// isLive tells that only the live parts of a page are asked for.
func isLive(e echo.Context) bool {
	return e.Request().Method == http.MethodGet && e.QueryParam("part") == "live"
}
