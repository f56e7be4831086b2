package request

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lugsail/lugsail/platform"
)

// attended serves one socket and gives a client's end of it, and how it ended.
func attended(t *testing.T, p pulse, alive func(context.Context) error, f func(context.Context, *Socket) error) (*websocket.Conn, <-chan error) {
	t.Helper()
	ended := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		s := &Socket{conn: conn, pulse: p}
		s.move()
		err = s.attend(r.Context(), alive, f)
		s.finish(err)
		ended <- err
	}))
	t.Cleanup(server.Close)
	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, ended
}

func welcome(context.Context) error { return nil }

func wait(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("the socket did not end")
		return nil
	}
}

// read hears what comes, for its pings too, until the connection ends.
func read(ctx context.Context, s *Socket) error {
	for {
		if _, _, err := s.Read(ctx); err != nil {
			return err
		}
	}
}

// hasty asks early; a ping that is cut off would end the connection, so it has its time.
var hasty = pulse{every: 100 * time.Millisecond, pong: 10 * time.Second, patience: time.Hour}

func TestSocket_WhoDoesNotReadForLongLosesNothing(t *testing.T) {
	const size = 16 << 20
	stuck, all := make(chan struct{}), make(chan struct{})
	conn, ended := attended(t, hasty, welcome, func(ctx context.Context, s *Socket) error {
		go func() { _ = read(context.WithoutCancel(ctx), s) }()
		go func() {
			for s.writing.Load() == 0 || time.Since(time.Unix(0, s.moved.Load())) < 5*hasty.every {
				time.Sleep(hasty.every) // until nothing has been taken for a long time
			}
			close(stuck)
		}()
		for range size / piece {
			if err := s.Write(ctx, make([]byte, piece)); err != nil {
				return err
			}
		}
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	<-stuck
	got := 0
	for got < size {
		_, data, err := conn.Read(t.Context())
		if err != nil {
			t.Fatalf("after %d bytes of %d: %v", got, size, err)
		}
		got += len(data)
	}
	close(all)
	go func() { _, _, _ = conn.Read(context.Background()) }() // the end
	if err := wait(t, ended); err != nil {
		t.Error(err)
	}
}

const piece = 16 << 10

func TestSocket_WhoNeverAnswersIsGoneAtLast(t *testing.T) {
	impatient := pulse{every: 50 * time.Millisecond, pong: time.Second, patience: 1500 * time.Millisecond}
	_, ended := attended(t, impatient, welcome, func(ctx context.Context, s *Socket) error {
		go func() { _ = read(context.WithoutCancel(ctx), s) }()
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if err := wait(t, ended); err == nil { // errGone, or that the ping was cut off on a busy machine
		t.Error("it goes on")
	}
}

func TestSocket_WhoAnswersStays(t *testing.T) {
	quick := hasty
	quick.patience = time.Second
	conn, ended := attended(t, quick, welcome, func(ctx context.Context, s *Socket) error {
		go func() { _ = read(context.WithoutCancel(ctx), s) }()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(3 * quick.patience):
			return nil
		}
	})
	go func() { _, _, _ = conn.Read(context.Background()) }()
	if err := wait(t, ended); err != nil {
		t.Error(err)
	}
}

func TestA49_ASocketOfOneWhoReadsNothingEndsWithTheRight(t *testing.T) {
	refused := platform.Errorf(platform.Unauthenticated, "token_wrong", "This token is not valid.")
	_, ended := attended(t, calm, func(context.Context) error { return refused }, func(ctx context.Context, s *Socket) error {
		for {
			if err := s.Write(ctx, make([]byte, piece)); err != nil {
				return err
			}
		}
	})
	if err := wait(t, ended); platform.AsError(err) == nil || platform.AsError(err).Code != refused.Code {
		t.Errorf("it ended with %v", err)
	}
}
