package console

import (
	"bufio"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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
	Release   int
	Releases  []int // that replicas run
	Query     string
	Download  string
}

const (
	tailLines     = 300    // of the page itself
	streamLines   = 1000   // which its script begins with
	downloadLines = 10_000 // of a file
)

// logOptions are what the page, its stream and the file that is downloaded want alike.
func logOptions(e echo.Context) app.LogOptions {
	release, err := strconv.Atoi(e.QueryParam("release"))
	if err != nil || release < 0 {
		release = 0
	}
	return app.LogOptions{Process: e.QueryParam("process"), Release: release, Contains: e.QueryParam("q")}
}

func logQuery(o app.LogOptions) url.Values {
	query := url.Values{}
	if o.Process != "" {
		query.Set("process", o.Process)
	}
	if o.Release > 0 {
		query.Set("release", strconv.Itoa(o.Release))
	}
	if o.Contains != "" {
		query.Set("q", o.Contains)
	}
	return query
}

// Logs answers GET /apps/:app/logs: the newest lines; the script goes on with what comes.
func (c *Console) Logs(e echo.Context) error {
	f, err := c.inApp(e, "logs", "Logs")
	if err != nil {
		return err
	}
	o := logOptions(e)
	page := logsPage{Process: o.Process, Release: o.Release, Query: o.Contains}
	if f.App.Release != nil {
		for _, p := range f.App.Release.Processes {
			page.Processes = append(page.Processes, p.Type)
		}
	}
	ctx := e.Request().Context()
	replicas, err := c.apps.Replicas(ctx, f.Actor, f.App.App.Name)
	if err != nil {
		return err
	}
	for _, r := range replicas {
		page.Releases = append(page.Releases, r.Release)
	}
	if o.Release > 0 {
		page.Releases = append(page.Releases, o.Release)
	}
	slices.Sort(page.Releases)
	page.Releases = slices.Compact(page.Releases)
	query := logQuery(o)
	page.Download = appPath(e, "/logs.txt")
	if len(query) > 0 {
		page.Download += "?" + query.Encode()
	}
	query.Set("logs", "live")
	f.Stream, f.Events = query, "line"
	o.Tail = tailLines
	err = c.apps.Logs(ctx, f.Actor, f.App.App.Name, o, func(l platform.LogLine) error {
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

// LogsText answers GET /apps/:app/logs.txt: the newest lines as a file.
func (c *Console) LogsText(e echo.Context) error {
	o := logOptions(e)
	o.Tail = downloadLines
	file := textFile{e: e, name: e.Param("app") + ".log.txt"}
	err := c.apps.Logs(e.Request().Context(), request.Actor(e), e.Param("app"), o, func(l platform.LogLine) error {
		return file.line(l.At.UTC().Format(lineTime) + " " + l.Replica + ": " + plain(l.Text))
	})
	return file.end(err)
}

// DeploymentText answers GET /apps/:app/deployments/:number/log.txt: all that a deployment has written so far.
func (c *Console) DeploymentText(e echo.Context) error {
	number, err := request.Number(e, "number")
	if err != nil {
		return err
	}
	file := textFile{e: e, name: e.Param("app") + "-deployment-" + strconv.Itoa(number) + ".log.txt"}
	err = c.apps.DeploymentLog(e.Request().Context(), request.Actor(e), e.Param("app"), number, func(line string) error {
		return file.line(plain(line))
	})
	return file.end(err)
}

// textFile is a file that is downloaded. It begins with its first line, so what fails before is a page.
type textFile struct {
	e    echo.Context
	name string
	out  *bufio.Writer
}

func (t *textFile) begin() {
	if t.out != nil {
		return
	}
	h := t.e.Response().Header()
	h.Set(echo.HeaderContentType, "text/plain; charset=utf-8")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+t.name+`"`)
	t.e.Response().WriteHeader(http.StatusOK)
	t.out = bufio.NewWriter(t.e.Response())
}

func (t *textFile) line(text string) error {
	t.begin()
	_, err := t.out.WriteString(text + "\n")
	return err
}

func (t *textFile) end(err error) error {
	if err != nil && t.out == nil {
		return err
	}
	t.begin()
	if err != nil {
		return err
	}
	return t.out.Flush()
}
