package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Replica is a replica as the API shows it.
type Replica struct {
	Name        string                `json:"name"` // "web.1"
	Process     string                `json:"process"`
	Index       int                   `json:"index"`
	Release     int                   `json:"release"`
	State       platform.ReplicaState `json:"state"`
	ExitCode    int                   `json:"exit_code"`
	OutOfMemory bool                  `json:"out_of_memory"`
	Restarts    int                   `json:"restarts"`
	CreatedAt   time.Time             `json:"created_at"`
	StartedAt   *time.Time            `json:"started_at"`
	LastLines   []string              `json:"last_lines" doc:"the last 50 lines of one that has ended or ends again and again; else empty"`
}

func replicaBody(r platform.Replica) Replica {
	body := Replica{
		Name: fmt.Sprintf("%s.%d", r.Process, r.Index), Process: r.Process, Index: r.Index, Release: r.Release,
		State: r.State, ExitCode: r.ExitCode, OutOfMemory: r.OutOfMemory, Restarts: r.Restarts,
		CreatedAt: r.CreatedAt,
	}
	if !r.StartedAt.IsZero() {
		body.StartedAt = &r.StartedAt
	}
	return body
}

// ReplicasList answers GET /apps/:app/replicas.
func (a *API) ReplicasList(c echo.Context) error {
	all, last, err := a.Apps.ReplicasWithLastLines(actorAnd(c))
	if err != nil {
		return err
	}
	bodies := list(all, replicaBody)
	for i, r := range all {
		bodies[i].LastLines = append([]string{}, last[r.ID]...)
	}
	return c.JSON(http.StatusOK, ReplicasAnswer{bodies})
}

// LogsList answers GET /apps/:app/logs: the newest lines as JSON, or with follow=true
// the newest lines and all that come as server-sent events "log".
func (a *API) LogsList(c echo.Context) error {
	_, actor, name := actorAnd(c)
	tail, err := request.Int(c, "tail", 100, 0, 10000)
	if err != nil {
		return err
	}
	release, err := request.Int(c, "release", 0, 0, 1<<31-1)
	if err != nil {
		return err
	}
	o := app.LogOptions{Process: c.QueryParam("process"), Release: int(release), Contains: c.QueryParam("q"), Tail: int(tail), Follow: c.QueryParam("follow") == "true"}
	if o.Follow {
		return request.Serve(c, func(ctx context.Context, s *request.Stream) error {
			return a.Apps.Logs(ctx, actor, name, o, func(l platform.LogLine) error { return s.Send("log", 0, l) })
		})
	}
	lines := []platform.LogLine{}
	err = a.Apps.Logs(c.Request().Context(), actor, name, o, func(l platform.LogLine) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, LogsAnswer{lines})
}

var replicaOperations = []openapi.Operation{
	{Route: "GET /api/v1/apps/:app/replicas", Group: "Replicas and logs", Summary: "List the replicas", Status: http.StatusOK, Answer: ReplicasAnswer{}},
	{
		Route: "GET /api/v1/apps/:app/logs", Group: "Replicas and logs", Summary: "Read or follow what the app writes",
		Notes: "Of each replica that was stopped, the last 200 lines (32 KB at most) are kept, and stand among the others in the order of time. With follow=true the newest lines and all that come, as server-sent events log.",
		Query: []openapi.Param{
			{Name: "tail", Type: "integer", Max: 10000, Means: "how many of the newest lines; 100 when left out"},
			{Name: "process", Type: "string", Means: "only this process type, web for example"},
			{Name: "release", Type: "integer", Means: "only what replicas of the release with this number write"},
			{Name: "q", Type: "string", Means: "only lines with this in them, in whatever case; looked for in the newest 10000 lines of each replica"},
			{Name: "follow", Type: "boolean", Means: "true keeps the answer open"},
		},
		Status: http.StatusOK, Answer: LogsAnswer{}, Events: map[string]any{"log": platform.LogLine{}, "error": Problem},
		Errors: openapi.Codes{422: "process_type_invalid process_unknown", 503: "output_held_back"},
	},
}
