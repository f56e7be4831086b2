package web

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/internal/flow"
	"github.com/lugsail/lugsail/platform"
)

// slowEngine runs one command, whose terminal is the test's.
type slowEngine struct {
	*enginetest.Fake
	terminal *slowTerminal
}

func (e *slowEngine) StartRun(ctx context.Context, spec platform.RunSpec) (platform.Run, platform.Terminal, error) {
	r, term, err := e.Fake.StartRun(ctx, spec)
	e.terminal.Terminal = term
	return r, e.terminal, err
}

// slowTerminal is a command that reads its input only when the test does, and writes very much.
type slowTerminal struct {
	platform.Terminal
	in      *io.PipeReader
	to      *io.PipeWriter
	size    int // of what it writes
	written chan struct{}
	close   sync.Once
}

func newSlowTerminal(size int) *slowTerminal {
	in, to := io.Pipe()
	return &slowTerminal{in: in, to: to, size: size, written: make(chan struct{})}
}

func (s *slowTerminal) Write(p []byte) (int, error) { return s.to.Write(p) }
func (s *slowTerminal) CloseInput() error           { return s.to.Close() }

func (s *slowTerminal) Output(take func(string, []byte) error) error {
	for at := 0; at < s.size; at += 50 << 10 {
		if err := take("stdout", pattern(at, min(50<<10, s.size-at))); err != nil {
			return err
		}
	}
	close(s.written)
	return s.Terminal.Output(take)
}

func (s *slowTerminal) Signal(ctx context.Context, name string) error {
	s.end()
	return s.Terminal.Signal(ctx, name)
}

func (s *slowTerminal) Close(ctx context.Context, grace time.Duration) (bool, error) {
	s.end()
	return s.Terminal.Close(ctx, grace)
}

func (s *slowTerminal) end() { s.close.Do(func() { _ = s.in.Close() }) }

// pattern is a part of text that never repeats within a megabyte.
func pattern(at, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte((at+i)>>12) ^ byte(at+i)
	}
	return p
}

// slowly starts a command with flow.
func (r *rig) slowly(size int) (*terminal, *slowTerminal) {
	r.t.Helper()
	r.serving("mine")
	s := newSlowTerminal(size)
	client := r.terminalsOf(&slowEngine{&enginetest.Fake{}, s})
	x := r.terminal(client, runPath, r.token("", platform.ScopeAdmin), map[string]any{"type": "start", "command": []string{"probe", "serve"}, "flow": true})
	if began := x.next(); began["type"] != "started" || began["window"] != float64(flow.Window) {
		r.t.Fatalf("%v", began)
	}
	return x, s
}

func TestRun_ASignalReachesACommandWhoseInputIsFull(t *testing.T) {
	r := newRig(t)
	x, _ := r.slowly(0)
	for range flow.Window / flow.Piece {
		must(t, x.conn.Write(t.Context(), websocket.MessageBinary, make([]byte, flow.Piece)))
	}
	x.send(map[string]string{"type": "signal", "signal": "INT"})
	for m := x.next(); ; m = x.next() {
		if m == nil {
			t.Fatal("the connection ended without the command's end")
		}
		if m["type"] == "exit" {
			if m["exit_code"] != 130.0 {
				t.Errorf("%v", m)
			}
			return
		}
	}
}

func TestRun_AllInputArrivesAtASlowReader(t *testing.T) {
	r := newRig(t)
	x, s := r.slowly(0)
	const size = 8 << 20
	got := make(chan int, 1)
	go func() {
		at, buffer := 0, make([]byte, 10<<10)
		for {
			n, err := s.in.Read(buffer)
			if string(buffer[:n]) != string(pattern(at, n)) {
				t.Errorf("the input is another one after byte %d", at)
			}
			if at += n; err != nil {
				break
			}
		}
		got <- at
	}()
	for at, left := 0, flow.Window; at < size; {
		for left <= 0 {
			m := x.next()
			if m == nil {
				t.Fatal("the connection has ended")
			}
			if m["type"] == "taken" {
				left += int(m["bytes"].(float64))
			}
		}
		n := min(left, flow.Piece, size-at)
		must(t, x.conn.Write(t.Context(), websocket.MessageBinary, pattern(at, n)))
		at, left = at+n, left-n
	}
	x.send(map[string]string{"type": "eof"})
	ended := make(chan struct{})
	go func() { // what is taken is told until the end
		defer close(ended)
		for m := x.next(); m != nil && m["type"] != "exit"; m = x.next() {
		}
	}()
	if n := <-got; n != size {
		t.Errorf("%d bytes arrive of %d", n, size)
	}
	x.send(map[string]string{"type": "signal", "signal": "INT"})
	<-ended
}

func TestRun_AReaderThatTakesNothingLosesNothing(t *testing.T) {
	r := newRig(t)
	const size = 8 << 20
	x, s := r.slowly(size)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	pinged := make(chan error, 1)
	arrived := make(chan []byte, 1<<10) // the reader's own heap: it takes nothing yet
	exit := make(chan string, 1)
	go func() {
		defer close(arrived)
		for {
			kind, data, err := x.conn.Read(ctx)
			if err != nil {
				return
			}
			if kind == websocket.MessageText {
				exit <- string(data)
				return
			}
			arrived <- data[1:]
		}
	}()
	at := 0
	take := func() int {
		data, ok := <-arrived
		if !ok {
			t.Fatal("the connection has ended")
		}
		if string(data) != string(pattern(at, len(data))) {
			t.Fatalf("the output is another one after byte %d", at)
		}
		at += len(data)
		return len(data)
	}
	for at < flow.Window {
		take()
	}
	go func() { pinged <- x.conn.Ping(ctx) }() // it is answered after all that was sent before
	must(t, <-pinged)
	for len(arrived) > 0 {
		take()
	}
	if at >= flow.Window+flow.Piece {
		t.Fatalf("%d bytes come unasked", at)
	}
	select {
	case <-s.written:
		t.Fatal("the command was not held up")
	default:
	}
	x.send(map[string]any{"type": "taken", "bytes": at})
	for at < size {
		n := take()
		x.send(map[string]any{"type": "taken", "bytes": n})
	}
	x.send(map[string]string{"type": "signal", "signal": "INT"})
	var m struct {
		Type string
		Code int `json:"exit_code"`
	}
	must(t, json.Unmarshal([]byte(<-exit), &m))
	if m.Type != "exit" || m.Code != 130 {
		t.Errorf("%+v", m)
	}
}

func TestRun_AClientWithoutFlowIsHeldUpAndLosesNothing(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	const size = 4 << 20
	s := newSlowTerminal(size)
	client := r.terminalsOf(&slowEngine{&enginetest.Fake{}, s})
	x := r.terminal(client, runPath, r.token("", platform.ScopeAdmin), start{"start", []string{"probe", "serve"}, false})
	if began := x.next(); began["window"] != nil {
		t.Errorf("%v", began)
	}
	x.send(map[string]any{"type": "taken", "bytes": -1}) // means nothing here
	go func() {
		<-s.written
		x.send(map[string]string{"type": "signal", "signal": "INT"})
	}()
	if end := x.next(); end["type"] != "exit" || len(x.out[1]) != size || x.out[1] != string(pattern(0, size)) {
		t.Errorf("%v after %d bytes", end, len(x.out[1]))
	}
}
