package request

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

const (
	socketFrame = 64 << 10 // of a message that comes in
	pingEvery   = 4        // heartbeats
	pongTime    = 10 * time.Second
)

// Socket is a WebSocket: binary messages are data, texts are JSON.
type Socket struct {
	conn *websocket.Conn
	busy atomic.Bool // a message that came is worked on, so none can be read
}

// ServeSocket opens a WebSocket and runs f until it returns. f's context ends when the other side has
// gone, may not be here any more, or the server stops. f's error is sent as a message {"type": "error"}.
func ServeSocket(c echo.Context, f func(ctx context.Context, s *Socket) error) error {
	if err := upgradable(c.Request()); err != nil {
		return err
	}
	account := Actor(c).AccountID
	if !streams.take(account) {
		return platform.Errorf(platform.TooMany, "too_many_streams", "Too many live views are open on this server.").
			WithHint("Close a few and try again.")
	}
	defer streams.leave(account)
	conn, err := websocket.Accept(c.Response(), c.Request(), nil) // it looks at the origin once more
	if err != nil {
		return nil // it has answered already
	}
	conn.SetReadLimit(socketFrame)
	s := &Socket{conn: conn}
	ctx, cancel := context.WithCancelCause(c.Request().Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		cancel(s.beat(ctx, alive(c)))
	}()
	err = f(ctx, s)
	if refused := new(platform.Error); errors.As(context.Cause(ctx), &refused) {
		err = refused
	}
	cancel(nil)
	<-done
	s.finish(err)
	return nil
}

// upgradable refuses what is no WebSocket, and what another site's page opens in a browser: such a
// request is a GET, which the check of all others lets pass.
func upgradable(r *http.Request) error {
	if r.Header.Get("Upgrade") == "" {
		return WithStatus(http.StatusUpgradeRequired, platform.Errorf(platform.Invalid, "upgrade_required", "This address is for WebSockets.").
			WithHint("Use the command line: lugsail run or lugsail exec."))
	}
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	if origin != "" && (err != nil || u.Host != r.Host) || origin == "" && r.Header.Get("Authorization") == "" {
		return WithStatus(http.StatusForbidden,
			platform.Errorf(platform.Forbidden, "cross_origin", "This request came from another site's page, so it was refused.").
				WithHint("Open the console itself and do it there."))
	}
	return nil
}

// Read gives the next message; text says that it is JSON. Until the caller asks for the next one, it
// counts as at work on this.
func (s *Socket) Read(ctx context.Context) (text bool, data []byte, err error) {
	s.busy.Store(false)
	kind, data, err := s.conn.Read(ctx)
	s.busy.Store(true)
	return kind == websocket.MessageText, data, err
}

// Send sends JSON.
func (s *Socket) Send(ctx context.Context, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	return s.conn.Write(ctx, websocket.MessageText, text)
}

// Write sends data. One that is cut off would close the connection, which still has to tell why it ends.
func (s *Socket) Write(ctx context.Context, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageBinary, data)
}

// beat returns why the socket must end.
func (s *Socket) beat(ctx context.Context, alive func(context.Context) error) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := alive(ctx); err != nil {
			return err
		}
		if n%pingEvery != 0 {
			continue
		}
		if err := s.ping(ctx); err != nil {
			return err
		}
	}
}

// ping finds out whether the other side is still there. While a message is worked on, no answer can be heard.
func (s *Socket) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pongTime)
	defer cancel()
	err := s.conn.Ping(ctx)
	if errors.Is(err, context.DeadlineExceeded) && s.busy.Load() {
		return nil
	}
	return err
}

func (s *Socket) finish(err error) {
	defer func() { _ = s.conn.CloseNow() }() // the other side may have gone
	if err == nil {
		_ = s.conn.Close(websocket.StatusNormalClosure, "")
		return
	}
	status, e := Explain(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	problem := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: e.Code, Message: e.Message, Hint: e.Hint}
	if s.Send(ctx, struct {
		Type    string  `json:"type"`
		Problem Problem `json:"problem"`
	}{"error", problem}) == nil {
		_ = s.conn.Close(websocket.StatusPolicyViolation, e.Code)
	}
}
