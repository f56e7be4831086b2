package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/flow"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// message is a text of a terminal's WebSocket. Each type has fields of its own.
type message struct {
	Type    string   `json:"type"`
	Command []string `json:"command,omitempty"` // start
	TTY     bool     `json:"tty,omitempty"`     // start
	Columns uint16   `json:"columns,omitempty"` // start, resize
	Rows    uint16   `json:"rows,omitempty"`    // start, resize
	Signal  string   `json:"signal,omitempty"`  // signal
	Flow    bool     `json:"flow,omitempty"`    // start: it tells what it has taken
	Bytes   int      `json:"bytes,omitempty"`   // taken
}

// startedMessage and exitMessage are what the server sends.
type (
	startedMessage struct {
		Type   string `json:"type"`
		Name   string `json:"name"`
		Window int    `json:"window,omitempty"` // where the start says flow
	}
	takenMessage struct {
		Type  string `json:"type"`
		Bytes int    `json:"bytes"`
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
		first, err := firstMessage(ctx, s)
		if err != nil {
			return err
		}
		session, err := open(ctx, app.RunRequest{Command: first.Command, TTY: first.TTY, Size: platform.Size{Columns: first.Columns, Rows: first.Rows}})
		if err != nil {
			return err
		}
		x := &conversation{socket: s, terminal: session.Terminal, input: flow.NewQueue()}
		started := startedMessage{Type: "started", Name: session.Name}
		if first.Flow {
			started.Window, x.credit = flow.Window, flow.NewCredit(flow.Window)
		}
		if err := s.Send(ctx, started); err != nil {
			return errors.Join(err, endSession(ctx, session))
		}
		return x.run(ctx, session)
	})
}

func endSession(ctx context.Context, session *app.Session) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return session.End(ctx)
}

var errMessage = platform.Errorf(platform.Invalid, "message_invalid", "A message could not be understood.").
	WithHint("The first one is a text such as {\"type\":\"start\",\"command\":[\"ls\",\"-l\"]}; the API's reference has the others.")

func firstMessage(ctx context.Context, s *request.Socket) (message, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	text, data, err := s.Read(ctx)
	if err != nil {
		return message{}, err
	}
	m, err := parseMessage(data)
	if err != nil || !text || m.Type != "start" {
		return message{}, errMessage
	}
	return m, nil
}

func parseMessage(data []byte) (message, error) {
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		return m, errMessage.Because(err)
	}
	return m, nil
}

// conversation carries a command's input and output. All that comes is read at once, so that signals
// and pings are heard while the command reads no input.
type conversation struct {
	socket   *request.Socket
	terminal platform.Terminal
	input    *flow.Queue
	credit   *flow.Credit // of the output; nil where the client does not tell what it has taken
}

// run ends when the command has ended, its time is up, or the person has gone: then the command is ended.
func (x *conversation) run(ctx context.Context, session *app.Session) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(time.Until(session.Until), func() { cancel(errTimeUp) })
	defer late.Stop()
	// A read whose context ends closes the connection, which still has to tell why: it ends with the connection.
	go func() { cancel(x.read(context.WithoutCancel(ctx))) }()
	feeding, output := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(feeding)
		x.feed(ctx)
	}()
	go func() { output <- x.write(ctx) }()
	var err error
	select {
	case err = <-output:
		err = errors.Join(err, endSession(ctx, session))
	case <-ctx.Done():
		x.stopSending()
		err = endSession(ctx, session)
		<-output // it ends with its command
	}
	x.input.Drop()
	<-feeding // likewise
	if cause := platform.AsError(context.Cause(ctx)); cause != nil && (cause.Code == errTimeUp.Code || cause.Code == errMessage.Code) {
		return cause
	}
	return err
}

var errTimeUp = platform.Errorf(platform.Conflict, "command_time_up", "The command ran for 24 hours, which is the longest, and was ended.").
	WithHint("What shall run for ever is a worker: name it in the Procfile.")

// read returns why no more messages come.
func (x *conversation) read(ctx context.Context) error {
	for {
		text, data, err := x.socket.Read(ctx)
		if err != nil {
			return err
		}
		if !text {
			x.input.Put(0, data)
			continue
		}
		m, err := parseMessage(data)
		if err != nil {
			return err
		}
		if err := x.obey(ctx, m); err != nil {
			return err
		}
	}
}

func (x *conversation) obey(ctx context.Context, m message) error {
	switch m.Type {
	case "eof":
		x.input.End()
	case "taken":
		if x.credit != nil {
			x.credit.Return(m.Bytes)
		}
	case "resize":
		_ = x.terminal.Resize(ctx, platform.Size{Columns: m.Columns, Rows: m.Rows}) // it may end in this moment
	case "signal":
		if err := x.terminal.Signal(ctx, m.Signal); platform.IsKind(err, platform.Invalid) {
			return errMessage
		}
	default:
		return errMessage
	}
	return nil
}

// feed gives the command its input as it reads it. What does not read any more ends soon.
func (x *conversation) feed(ctx context.Context) {
	for {
		_, data, ok := x.input.Take()
		if !ok {
			_ = x.terminal.CloseInput() // likewise
			return
		}
		_, _ = x.terminal.Write(data) // likewise
		if x.credit != nil {
			_ = x.socket.Send(ctx, takenMessage{"taken", len(data)}) // a connection that has ended is found by read
		}
	}
}

func (x *conversation) stopSending() {
	if x.credit != nil {
		x.credit.End()
	}
}

// Data is told by its first byte.
const (
	stdoutData = 1
	stderrData = 2
)

var errStopped = errors.New("nothing may be sent any more")

func (x *conversation) write(ctx context.Context) error {
	err := x.terminal.Output(func(stream string, data []byte) error {
		from := byte(stdoutData)
		if stream == "stderr" {
			from = stderrData
		}
		for len(data) > 0 {
			n := min(len(data), flow.Piece)
			if x.credit != nil && !x.credit.Spend(n) {
				return errStopped
			}
			if err := x.socket.Write(ctx, append([]byte{from}, data[:n]...)); err != nil {
				return err
			}
			data = data[n:]
		}
		return nil
	})
	if err != nil || ctx.Err() != nil {
		return err
	}
	end, err := x.terminal.End(ctx)
	if err != nil {
		return err
	}
	return x.socket.Send(ctx, exitMessage{"exit", end.ExitCode, end.OutOfMemory})
}
