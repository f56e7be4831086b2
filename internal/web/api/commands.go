package api

import (
	"context"
	"encoding/json"
	"errors"
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

// message is a text of a terminal's WebSocket. Each type has fields of its own.
type message struct {
	Type    string   `json:"type"`
	Command []string `json:"command,omitempty"` // start
	TTY     bool     `json:"tty,omitempty"`     // start
	Columns uint16   `json:"columns,omitempty"` // start, resize
	Rows    uint16   `json:"rows,omitempty"`    // start, resize
	Signal  string   `json:"signal,omitempty"`  // signal
}

// startedMessage and exitMessage are what the server sends.
type (
	startedMessage struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}
	exitMessage struct {
		Type        string `json:"type"`
		ExitCode    int    `json:"exit_code"`
		OutOfMemory bool   `json:"out_of_memory"`
	}
)

// startTime is how long a client may take to say what it wants.
const startTime = 10 * time.Second

func terminal(c echo.Context, open func(context.Context, app.RunRequest) (*app.Session, error)) error {
	return request.ServeSocket(c, func(ctx context.Context, s *request.Socket) error {
		ask, err := firstMessage(ctx, s)
		if err != nil {
			return err
		}
		session, err := open(ctx, ask)
		if err != nil {
			return err
		}
		if err := s.Send(ctx, startedMessage{"started", session.Name}); err != nil {
			return errors.Join(err, endSession(ctx, session))
		}
		return converse(ctx, s, session)
	})
}

func endSession(ctx context.Context, session *app.Session) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return session.End(ctx)
}

var errMessage = platform.Errorf(platform.Invalid, "message_invalid", "A message could not be understood.").
	WithHint("The first one is a text such as {\"type\":\"start\",\"command\":[\"ls\",\"-l\"]}; the API's reference has the others.")

func firstMessage(ctx context.Context, s *request.Socket) (app.RunRequest, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	text, data, err := s.Read(ctx)
	if err != nil {
		return app.RunRequest{}, err
	}
	m, err := parseMessage(data)
	if err != nil || !text || m.Type != "start" {
		return app.RunRequest{}, errMessage
	}
	return app.RunRequest{Command: m.Command, TTY: m.TTY, Size: platform.Size{Columns: m.Columns, Rows: m.Rows}}, nil
}

func parseMessage(data []byte) (message, error) {
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		return m, errMessage.Because(err)
	}
	return m, nil
}

// converse carries input and output until the command has ended, its time is up, or the person has
// gone: then the command is ended.
func converse(ctx context.Context, s *request.Socket, session *app.Session) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(time.Until(session.Until), func() { cancel(errTimeUp) })
	defer late.Stop()
	// A read whose context ends closes the connection, which still has to tell why: it ends with the connection.
	go func() { cancel(readInput(context.WithoutCancel(ctx), s, session.Terminal)) }()
	output := make(chan error, 1)
	go func() { output <- writeOutput(ctx, s, session.Terminal) }()
	select {
	case err := <-output:
		return errors.Join(err, endSession(ctx, session))
	case <-ctx.Done():
	}
	err := endSession(ctx, session)
	<-output // it ends with its command
	if cause := context.Cause(ctx); errors.Is(cause, errTimeUp) || errors.Is(cause, errMessage) {
		return cause
	}
	return err
}

var errTimeUp = platform.Errorf(platform.Conflict, "command_time_up", "The command ran for 24 hours, which is the longest, and was ended.").
	WithHint("What shall run for ever is a worker: name it in the Procfile.")

// readInput returns why no more input comes.
func readInput(ctx context.Context, s *request.Socket, t platform.Terminal) error {
	for {
		text, data, err := s.Read(ctx)
		if err != nil {
			return err
		}
		if !text {
			_, _ = t.Write(data) // what does not read any more ends soon
			continue
		}
		m, err := parseMessage(data)
		if err != nil {
			return err
		}
		switch m.Type {
		case "eof":
			_ = t.CloseInput() // likewise
		case "resize":
			_ = t.Resize(ctx, platform.Size{Columns: m.Columns, Rows: m.Rows}) // it may end in this moment
		case "signal":
			if err := t.Signal(ctx, m.Signal); platform.IsKind(err, platform.Invalid) {
				return errMessage
			}
		default:
			return errMessage
		}
	}
}

// Data is told by its first byte.
const (
	stdoutData = 1
	stderrData = 2
)

func writeOutput(ctx context.Context, s *request.Socket, t platform.Terminal) error {
	err := t.Output(func(stream string, data []byte) error {
		from := byte(stdoutData)
		if stream == "stderr" {
			from = stderrData
		}
		return s.Write(ctx, append([]byte{from}, data...))
	})
	if err != nil || ctx.Err() != nil {
		return err
	}
	end, err := t.End(ctx)
	if err != nil {
		return err
	}
	return s.Send(ctx, exitMessage{"exit", end.ExitCode, end.OutOfMemory})
}

const terminalNotes = "A WebSocket. The first message is a text {\"type\":\"start\",\"command\":[…],\"tty\":true,\"columns\":80,\"rows\":24}; " +
	"then binary messages are the command's input, and texts {\"type\":\"resize\",\"columns\":…,\"rows\":…}, {\"type\":\"eof\"} and " +
	"{\"type\":\"signal\",\"signal\":\"INT\"} (TERM, QUIT, HUP) what happens to it. The server sends a text {\"type\":\"started\",\"name\":…}, " +
	"binary messages with output, whose first byte is 1 for standard output and 2 for standard error, and at last {\"type\":\"exit\",\"exit_code\":…,\"out_of_memory\":…} " +
	"or {\"type\":\"error\",\"problem\":{…}}. The command ends when the connection ends."

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
