package request

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

const (
	socketFrame = 64 << 10 // of a message that comes in
	farewell    = time.Second
)

// pulse is how a socket finds out whether somebody is still there.
type pulse struct {
	every    time.Duration // how long nothing moves before a ping is sent
	pong     time.Duration // what an answer may take
	patience time.Duration // with one that neither reads nor answers, but may: a stopped program, a pager
}

var calm = pulse{every: 10 * time.Second, pong: 10 * time.Second, patience: 10 * time.Minute}

// Socket is a WebSocket: binary messages are data, texts are JSON.
type Socket struct {
	conn    *websocket.Conn
	pulse   pulse
	busy    atomic.Bool  // a message that came is worked on, so none can be read
	writing atomic.Int32 // messages that the other side has not taken yet
	moved   atomic.Int64 // when something last came or went, in nanoseconds
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
	s := &Socket{conn: conn, pulse: calm}
	s.move()
	s.finish(s.attend(c.Request().Context(), alive(c), f))
	return nil
}

// attend runs f while the other side is there and may be.
func (s *Socket) attend(ctx context.Context, alive func(context.Context) error, f func(context.Context, *Socket) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var watchers sync.WaitGroup
	watchers.Go(func() { cancel(watch(ctx, alive)) })
	watchers.Go(func() { cancel(s.beat(ctx)) })
	err := f(ctx, s)
	if refused := new(platform.Error); errors.As(context.Cause(ctx), &refused) {
		err = refused
	}
	cancel(nil)
	watchers.Wait()
	return err
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
	s.move()
	s.busy.Store(false)
	kind, data, err := s.conn.Read(ctx)
	s.busy.Store(true)
	s.move()
	return kind == websocket.MessageText, data, err
}

// Send sends JSON.
func (s *Socket) Send(ctx context.Context, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	return s.write(ctx, websocket.MessageText, text)
}

// Write sends data.
func (s *Socket) Write(ctx context.Context, data []byte) error {
	return s.write(ctx, websocket.MessageBinary, data)
}

// write waits for a slow reader. A message that is cut off closes the connection, which still has to
// tell why it ends: when ctx ends, the message has a moment more.
func (s *Socket) write(ctx context.Context, kind websocket.MessageType, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.writing.Add(1)
	defer s.writing.Add(-1)
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.pulse.patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(farewell, cancel)
		<-limited.Done()
		late.Stop()
	})
	defer stop()
	err := s.conn.Write(limited, kind, data)
	s.move()
	return err
}

func (s *Socket) move() { s.moved.Store(time.Now().UnixNano()) }

// still is how long nothing has moved. While a message waits to be taken, nothing can be told.
func (s *Socket) still() time.Duration {
	if s.writing.Load() > 0 {
		return 0
	}
	return time.Since(time.Unix(0, s.moved.Load()))
}

// watch returns why the other side may not be here any more.
func watch(ctx context.Context, alive func(context.Context) error) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := alive(ctx); err != nil {
			return err
		}
	}
}

var errGone = errors.New("the other side has not answered for too long")

// beat returns when the other side has gone. It asks only where all is still: one that has data to
// take first cannot answer, and the library would end the connection.
func (s *Socket) beat(ctx context.Context) error {
	tick := time.NewTicker(s.pulse.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		quiet := s.pulse.every
		if s.busy.Load() { // an answer could not be heard: only a connection that is closed is found
			quiet = s.pulse.patience
		}
		if s.still() < quiet {
			continue
		}
		switch err := s.ping(ctx); {
		case err == nil:
			s.move()
		case !errors.Is(err, context.DeadlineExceeded):
			return err
		case !s.busy.Load() && s.still() > s.pulse.patience:
			return errGone
		}
	}
}

func (s *Socket) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.pulse.pong)
	defer cancel()
	return s.conn.Ping(ctx)
}

func (s *Socket) finish(err error) {
	defer func() { _ = s.conn.CloseNow() }() // the other side may have gone
	if err == nil {
		_ = s.conn.Close(websocket.StatusNormalClosure, "")
		return
	}
	status, e := Explain(err)
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	problem := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: e.Code, Message: e.Message, Hint: e.Hint}
	text, err := json.Marshal(struct {
		Type    string  `json:"type"`
		Problem Problem `json:"problem"`
	}{"error", problem})
	if err == nil && s.conn.Write(ctx, websocket.MessageText, text) == nil {
		_ = s.conn.Close(websocket.StatusPolicyViolation, e.Code)
	}
}
