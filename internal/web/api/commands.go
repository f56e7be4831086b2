package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Run is a command in a container of its own, as the API shows it.
type Run struct {
	Name      string                `json:"name"` // "run.k3f9"
	By        string                `json:"by"`
	Release   int                   `json:"release"`
	Attached  bool                  `json:"attached"`
	State     platform.ReplicaState `json:"state"`
	ExitCode  int                   `json:"exit_code"`
	CreatedAt time.Time             `json:"created_at"`
	EndsBy    time.Time             `json:"ends_by"`
}

func runBody(r platform.Run) Run {
	return Run{
		Name: r.Name, By: r.By, Release: r.Release, Attached: r.Attached, State: r.State, ExitCode: r.ExitCode, CreatedAt: r.CreatedAt, EndsBy: r.Until,
	}
}

// RunsList answers GET /apps/:app/runs.
func (a *API) RunsList(c echo.Context) error {
	all, err := a.Apps.Runs(actorAnd(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, RunsAnswer{list(all, runBody)})
}

// RunRequest is the body of a command that goes on by itself.
type RunRequest struct {
	Command []string `json:"command" openapi:"required" doc:"the program and its arguments; one word with a space in it is a line for the container's shell"`
}

// RunCreate answers POST /apps/:app/runs.
func (a *API) RunCreate(c echo.Context) error {
	var body RunRequest
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	r, err := a.Apps.RunDetached(ctx, actor, name, body.Command)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, RunAnswer{runBody(r)})
}

// RunStop answers DELETE /apps/:app/runs/:run.
func (a *API) RunStop(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	if err := a.Apps.StopRun(ctx, actor, name, c.Param("run")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// RunTerminal answers GET /apps/:app/runs/terminal, a WebSocket.
func (a *API) RunTerminal(c echo.Context) error {
	_, actor, name := actorAnd(c)
	return terminal(c, func(ctx context.Context, ask app.RunRequest) (*app.Session, error) {
		return a.Apps.Run(ctx, actor, name, ask)
	})
}

// anyReplica stands for the first replica that runs.
const anyReplica = "first"

// ExecTerminal answers GET /apps/:app/replicas/:replica/terminal, a WebSocket.
func (a *API) ExecTerminal(c echo.Context) error {
	_, actor, name := actorAnd(c)
	replica := c.Param("replica")
	if replica == anyReplica {
		replica = ""
	}
	return terminal(c, func(ctx context.Context, ask app.RunRequest) (*app.Session, error) {
		return a.Apps.Exec(ctx, actor, name, app.ExecRequest{RunRequest: ask, Replica: replica})
	})
}

const terminalNotes = "A WebSocket. The first message is a text {\"type\":\"start\",\"command\":[…],\"tty\":true,\"columns\":80,\"rows\":24}; " +
	"then binary messages are the command's input, and texts {\"type\":\"resize\",\"columns\":…,\"rows\":…}, {\"type\":\"eof\"} and " +
	"{\"type\":\"signal\",\"signal\":\"INT\"} (TERM, QUIT, HUP) what happens to it. The server sends a text {\"type\":\"started\",\"name\":…}, " +
	"binary messages with output, whose first byte is 1 for standard output and 2 for standard error, and at last {\"type\":\"exit\",\"exit_code\":…,\"out_of_memory\":…} " +
	"or {\"type\":\"error\",\"problem\":{…}}. " +
	"A client whose start says \"flow\":true is told a window in the text started: each side sends that many bytes of data and no more, until the other says " +
	"{\"type\":\"taken\",\"bytes\":…} of what has been consumed; so a full input or a slow reader holds up neither signals nor pings. The command ends when the connection ends."

var commandOperations = []openapi.Operation{
	{Route: "GET /api/v1/apps/:app/runs", Group: "Commands", Summary: "List the commands in containers of their own", Status: http.StatusOK, Answer: RunsAnswer{}},
	{
		Route: "POST /api/v1/apps/:app/runs", Group: "Commands", Summary: "Run a command in a container of its own",
		Notes: "It goes on by itself, for 24 hours at most; what it says is in the app's logs.",
		Body:  RunRequest{}, Status: http.StatusCreated, Answer: RunAnswer{},
		Errors: openapi.Codes{
			409: "nothing_serves app_destroying start_refused image_missing", 422: "command_missing command_invalid command_too_long", 429: "too_many_commands",
		},
	},
	{
		Route: "DELETE /api/v1/apps/:app/runs/:run", Group: "Commands", Summary: "Stop a command", Status: http.StatusNoContent,
		Errors: openapi.Codes{404: "run_not_found", 409: "app_destroying"},
	},
	{
		Route: "GET /api/v1/apps/:app/runs/terminal", Group: "Commands", Summary: "Run a command with a terminal", Notes: terminalNotes,
		Status: http.StatusSwitchingProtocols, Errors: openapi.Codes{403: "cross_origin", 426: "upgrade_required", 429: "too_many_streams"},
	},
	{
		Route: "GET /api/v1/apps/:app/replicas/:replica/terminal", Group: "Commands", Summary: "Run a command in a running replica",
		Notes:  "The replica is one such as web.1, or first for the first that runs. " + terminalNotes,
		Status: http.StatusSwitchingProtocols, Errors: openapi.Codes{403: "cross_origin", 426: "upgrade_required", 429: "too_many_streams"},
	},
}
