package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/coder/websocket"
	"golang.org/x/term"

	"github.com/lugsail/lugsail/internal/flow"
	"github.com/lugsail/lugsail/platform"
)

// terminalMessage is a text on a command's connection.
type terminalMessage struct {
	Type     string   `json:"type"`
	Command  []string `json:"command,omitempty"`
	TTY      bool     `json:"tty,omitempty"`
	Columns  uint16   `json:"columns,omitempty"`
	Rows     uint16   `json:"rows,omitempty"`
	Signal   string   `json:"signal,omitempty"`
	Name     string   `json:"name,omitempty"`
	Flow     bool     `json:"flow,omitempty"`
	Window   int      `json:"window,omitempty"`
	Bytes    int      `json:"bytes,omitempty"`
	ExitCode int      `json:"exit_code,omitempty"`
	OOM      bool     `json:"out_of_memory,omitempty"`
	Problem  *struct {
		Status              int
		Code, Message, Hint string
	} `json:"problem,omitempty"`
}

const (
	inputPiece  = 16 << 10
	largestText = 1 << 20
	stderrData  = 2 // the first byte of what a command writes there
)

// remoteCommand is a command that runs elsewhere, as this side has it.
type remoteCommand struct {
	p    *program
	conn *websocket.Conn
	tty  bool
	fd   int // of the person's terminal
	from io.Reader
	to   io.Writer

	shown   *flow.Queue   // what the command wrote, until it is shown
	started chan struct{} // closed when it has
	credit  *flow.Credit  // of the input; nil where the server does not tell what it has taken
}

// terminal runs a command with this program's input and output, and ends with its exit code.
func (p *program) terminal(ctx context.Context, c *client, at string, words []string, wantTTY bool) error {
	return p.attach(ctx, c, at, words, wantTTY, p.Stdin, p.Stdout)
}

// attach does so with another input and output.
func (p *program) attach(ctx context.Context, c *client, at string, words []string, wantTTY bool, from io.Reader, to io.Writer) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // Ctrl-C is the command's
	defer cancel()
	fd, in := isTerminal(p.Stdin)
	_, out := isTerminal(p.Stdout)
	r := &remoteCommand{p: p, from: from, to: to, tty: wantTTY && in && out, fd: fd, shown: flow.NewQueue(), started: make(chan struct{})}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGWINCH)
	defer signal.Stop(signals)
	var err error
	if r.conn, err = c.socket(ctx, at); err != nil {
		return err
	}
	defer func() { _ = r.conn.CloseNow() }() // the other side has ended, or we leave
	if err := r.send(ctx, r.size(terminalMessage{Type: "start", Command: words, TTY: r.tty, Flow: true})); err != nil {
		return c.unreachable(err)
	}
	if r.tty {
		before, err := term.MakeRaw(fd)
		if err != nil {
			return fmt.Errorf("preparing the terminal: %w", err)
		}
		defer func() { _ = term.Restore(fd, before) }()
	}
	go r.input(ctx)
	go r.signals(ctx, cancel, signals)
	return r.output(ctx, c)
}

// socket opens a WebSocket, which HTTP/2 cannot carry here.
func (c *client) socket(ctx context.Context, at string) (*websocket.Conn, error) {
	header := http.Header{"User-Agent": {c.agent}}
	if c.token != "" {
		header.Set("Authorization", "Bearer "+c.token)
	}
	client := *c.http
	if t, ok := c.http.Transport.(*http.Transport); ok {
		only := t.Clone()
		only.ForceAttemptHTTP2, only.TLSNextProto = false, map[string]func(string, *tls.Conn) http.RoundTripper{}
		if only.TLSClientConfig != nil {
			only.TLSClientConfig.NextProtos = []string{"http/1.1"}
		}
		client.Transport = only
	}
	conn, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(c.base, "http")+at, &websocket.DialOptions{HTTPClient: &client, HTTPHeader: header}) //nolint:bodyclose // the connection has it, or c.problem closes it
	if err != nil && res != nil && res.StatusCode >= 300 {
		return nil, c.problem(res)
	}
	if err != nil {
		return nil, c.unreachable(err)
	}
	conn.SetReadLimit(largestText)
	return conn, nil
}

func (r *remoteCommand) send(ctx context.Context, m terminalMessage) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	return r.conn.Write(ctx, websocket.MessageText, text)
}

func (r *remoteCommand) size(m terminalMessage) terminalMessage {
	if columns, rows, err := term.GetSize(r.fd); r.tty && err == nil {
		m.Columns, m.Rows = uint16(columns), uint16(rows)
	}
	return m
}

// input sends what is typed or piped in. It may stay behind, reading, when the program ends.
func (r *remoteCommand) input(ctx context.Context) {
	select {
	case <-r.started:
	case <-ctx.Done():
		return
	}
	buffer := make([]byte, inputPiece)
	for {
		n, err := r.from.Read(buffer)
		if n > 0 && (r.credit != nil && !r.credit.Spend(n) || r.conn.Write(ctx, websocket.MessageBinary, buffer[:n]) != nil) {
			return // the other side has gone, which output tells
		}
		if err != nil {
			_ = r.send(ctx, terminalMessage{Type: "eof"}) // likewise
			return
		}
	}
}

// signals passes on what this program is told. Who is told to end twice, ends.
func (r *remoteCommand) signals(ctx context.Context, leave context.CancelFunc, told <-chan os.Signal) {
	names := map[os.Signal]string{os.Interrupt: "INT", syscall.SIGTERM: "TERM"}
	for asked := 0; ; {
		select {
		case <-ctx.Done():
			return
		case s := <-told:
			if s == syscall.SIGWINCH {
				if r.tty {
					go r.tell(ctx, r.size(terminalMessage{Type: "resize"}))
				}
				continue
			}
			if asked++; asked > 1 || names[s] == "" {
				leave()
				return
			}
			go r.tell(ctx, terminalMessage{Type: "signal", Signal: names[s]})
		}
	}
}

// tell is send where a connection that does not take it must not keep anybody from leaving.
func (r *remoteCommand) tell(ctx context.Context, m terminalMessage) {
	_ = r.send(ctx, m) // when the other side has gone, read tells
}

// output shows what the command writes, to its end. It reads all that comes at once: who is slow to
// take what is shown, as a pager is, holds up neither the connection's pings nor signals.
func (r *remoteCommand) output(ctx context.Context, c *client) error {
	var end error
	go func() {
		defer r.shown.End()
		end = r.read(ctx, c)
	}()
	shown := make(chan error, 1)
	go func() { shown <- r.showAll(ctx) }()
	select {
	case err := <-shown:
		if err != nil {
			return err
		}
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return exitStatus(ExitInterrupted)
	}
	if errors.Is(end, errMemory) {
		r.p.note("The command ran out of memory. Give it a larger plan: lugsail scale --plan small\n")
	}
	if code, ok := statusOf(end); ok && code == notFoundCode {
		r.p.note("→ Exit code %d: a program is not there. Look around in the image: lugsail run%s\n", code, r.p.named())
	}
	return end
}

// notFoundCode is how shells, and the container's init, end where there is no such program.
const notFoundCode = 127

// read returns how the command ended.
func (r *remoteCommand) read(ctx context.Context, c *client) error {
	for {
		kind, data, err := r.conn.Read(ctx)
		if err != nil {
			return platform.Errorf(platform.Unavailable, "connection_lost", "The connection to %s was lost, and the command was ended with it.", c.base).
				WithHint("Run it again. What must go on without you: lugsail run --detach").Because(err)
		}
		if kind == websocket.MessageBinary {
			if len(data) > 0 {
				r.shown.Put(data[0], data[1:])
			}
			continue
		}
		var m terminalMessage
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("reading a message: %w", err)
		}
		switch {
		case m.Type == "started":
			r.start(m)
		case m.Type == "taken" && r.credit != nil:
			r.credit.Return(m.Bytes)
		case m.Type == "exit" && m.OOM:
			return errors.Join(endedWith(max(m.ExitCode, 1)), errMemory)
		case m.Type == "exit":
			return endedWith(m.ExitCode)
		case m.Type == "error" && m.Problem != nil:
			return &platform.Error{Kind: kindOf(m.Problem.Status), Code: m.Problem.Code, Message: m.Problem.Message, Hint: m.Problem.Hint}
		}
	}
}

// start lets the input go.
func (r *remoteCommand) start(m terminalMessage) {
	select {
	case <-r.started:
		return
	default:
	}
	if m.Window > 0 {
		r.credit = flow.NewCredit(m.Window)
	}
	close(r.started)
}

// errMemory stands beside the exit code of a command that ran out of memory.
var errMemory = errors.New("out of memory")

func (r *remoteCommand) showAll(ctx context.Context) error {
	for {
		kind, data, ok := r.shown.Take()
		if !ok {
			return nil
		}
		to := r.to
		if kind == stderrData {
			to = r.p.Stderr
		}
		if _, err := to.Write(data); err != nil {
			return fmt.Errorf("showing what the command writes: %w", err)
		}
		if r.credit != nil { // an older server knows no windows
			r.tell(ctx, terminalMessage{Type: "taken", Bytes: len(data)})
		}
	}
}
