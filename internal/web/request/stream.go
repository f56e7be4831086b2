package request

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// How often a quiet stream says that it lives and whether its reader may still listen.
// Half the 5 seconds that a revoked session may stay open.
const (
	heartbeat    = 2500 * time.Millisecond
	writeTimeout = 30 * time.Second
	maxStreams   = 256 // of the whole server: each holds a follower
	maxOwn       = 64  // of one account, so that nobody takes them all
	maxOffset    = 1 << 40
)

var streams = seats{of: map[string]int{}}

// seats counts the streams that are open.
type seats struct {
	mu    sync.Mutex
	taken int
	of    map[string]int // by account
}

func (s *seats) take(account string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= maxStreams || s.of[account] >= maxOwn {
		return false
	}
	s.taken++
	s.of[account]++
	return true
}

func (s *seats) leave(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.of[account]--; s.of[account] == 0 {
		delete(s.of, account)
	}
}

// Stream is a response of server-sent events.
type Stream struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	control *http.ResponseController
}

// LastEventID is where a reader that returns wants to go on; 0 is the beginning.
// The query's "from" serves readers that cannot set the header.
func LastEventID(c echo.Context) int64 {
	text := c.Request().Header.Get("Last-Event-ID")
	if text == "" {
		text = c.QueryParam("from")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxOffset {
		return 0
	}
	return n
}

// Serve opens the stream and runs f until it returns. f's context ends when the
// reader leaves or may no longer listen. Before the first event f's error is answered
// as any other one; later it is sent as an event "error".
func Serve(c echo.Context, f func(ctx context.Context, s *Stream) error) error {
	account := Actor(c).AccountID
	if !streams.take(account) {
		return platform.Errorf(platform.TooMany, "too_many_streams", "Too many live views are open on this server.").
			WithHint("Close a few and try again.")
	}
	defer streams.leave(account)
	ctx, cancel := context.WithCancelCause(c.Request().Context())
	s := &Stream{w: c.Response(), control: http.NewResponseController(c.Response().Writer)}
	s.open(c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		cancel(s.beat(ctx, alive(c)))
	}()
	err := f(ctx, s)
	if refused := context.Cause(ctx); refused != nil {
		err = refused
	}
	cancel(nil)
	<-done
	return s.finish(c, err)
}

func (s *Stream) open(c echo.Context) {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
}

// Send writes one event. id 0 sends none, so that a reader keeps the one before.
func (s *Stream) Send(event string, id int64, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encoding event %s: %w", event, err)
	}
	frame := "event: " + event + "\n"
	if id > 0 {
		frame += "id: " + strconv.FormatInt(id, 10) + "\n"
	}
	return s.write(frame + "data: " + string(text) + "\n\n")
}

func (s *Stream) write(frame string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has deadlines
	if _, err := s.w.Write([]byte(frame)); err != nil {
		return fmt.Errorf("writing to the reader: %w", err)
	}
	return s.control.Flush()
}

// beat returns why the stream must end.
func (s *Stream) beat(ctx context.Context, alive func(context.Context) error) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := alive(ctx); err != nil {
				return err
			}
			if err := s.write(": still here\n\n"); err != nil {
				return err
			}
		}
	}
}

func (s *Stream) finish(c echo.Context, err error) error {
	if err == nil || c.Request().Context().Err() != nil {
		return nil //nolint:nilerr // the client has gone; nobody reads an error
	}
	if !c.Response().Committed {
		return err
	}
	status, e := Explain(err)
	return s.Send("error", 0, Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: e.Code, Message: e.Message, Hint: e.Hint})
}
