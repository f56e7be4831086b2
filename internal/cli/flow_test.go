package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lugsail/lugsail/internal/flow"
)

const flowSize = 8 << 20

// begin runs the command line with streams of the test's own.
func (w *world) begin(stdin *os.File, stdout io.Writer, args ...string) <-chan int {
	root := New(Deps{
		Version: "1.2.3", Stdin: stdin, Stdout: stdout, Stderr: io.Discard,
		Env:   func(name string) string { return w.env[name] },
		Local: func() (string, string) { return "", "" },
	})
	code := make(chan int, 1)
	go func() { code <- Execute(w.t.Context(), root, args) }()
	return code
}

// server is the other end of a command, as the API has it.
type server struct {
	t    *testing.T
	conn *websocket.Conn
	ctx  context.Context
}

func (w *world) serves(f func(s *server)) {
	w.terminal("GET /api/v1/apps/shop/runs/terminal", func(conn *websocket.Conn, first map[string]any) {
		if first["flow"] != true {
			w.t.Errorf("it asked for %v", first)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		conn.SetReadLimit(1 << 20)
		s := &server{w.t, conn, ctx}
		s.say(map[string]any{"type": "started", "name": "run.k3f9", "window": flow.Window})
		f(s)
	})
}

func (s *server) say(m map[string]any) {
	text, err := json.Marshal(m)
	if err == nil {
		err = s.conn.Write(s.ctx, websocket.MessageText, text)
	}
	if err != nil {
		s.t.Error(err)
	}
}

// hear gives the next text, or the number of bytes of data.
func (s *server) hear() (m map[string]any, data []byte) {
	kind, data, err := s.conn.Read(s.ctx)
	if err != nil {
		s.t.Error(err)
		return map[string]any{"type": "lost"}, nil
	}
	if kind == websocket.MessageBinary {
		return nil, data
	}
	if err := json.Unmarshal(data, &m); err != nil {
		s.t.Error(err)
	}
	return m, nil
}

func numbered(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i>>12) ^ byte(i)
	}
	return p
}

func TestRun_APagerThatDoesNotReadKeepsTheConnection(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	all := numbered(flowSize)
	held := make(chan struct{})
	w.serves(func(s *server) {
		credit := flow.NewCredit(flow.Window)
		pinged := make(chan error, 1)
		go func() {
			for at := 0; at < len(all); at += 8 << 10 {
				if at == flow.Window { // nobody has read any of it
					pinged <- s.conn.Ping(s.ctx)
					close(held)
				}
				credit.Spend(8 << 10)
				if err := s.conn.Write(s.ctx, websocket.MessageBinary, append([]byte{1}, all[at:at+8<<10]...)); err != nil {
					t.Error(err)
				}
			}
			s.say(map[string]any{"type": "exit", "exit_code": 5})
		}()
		for taken := 0; taken < len(all); {
			m, _ := s.hear()
			if m["type"] == "lost" {
				return
			}
			if m["type"] == "taken" {
				taken += int(m["bytes"].(float64))
				credit.Return(int(m["bytes"].(float64)))
			}
		}
		if err := <-pinged; err != nil {
			t.Errorf("while the pager waits: %v", err)
		}
		_, _, _ = s.conn.Read(s.ctx) // until it has gone
	})
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	out, pager := io.Pipe()
	code := w.begin(null, pager, "run", "--app", "shop", "--", "dump")
	<-held
	got := make([]byte, flowSize)
	if _, err := io.ReadFull(out, got); err != nil || !bytes.Equal(got, all) {
		t.Errorf("what is shown is another text: %v", err)
	}
	if c := <-code; c != 5 {
		t.Errorf("exit code %d", c)
	}
}

func TestRun_CtrlCReachesACommandWhoseInputIsFull(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.serves(func(s *server) {
		got := 0
		for got < flow.Window {
			_, data := s.hear()
			if data == nil {
				return
			}
			got += len(data)
		}
		go func() { // the reader below hears the answer
			if err := s.conn.Ping(s.ctx); err != nil {
				t.Errorf("while the input is full: %v", err)
			}
			if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
				t.Error(err)
			}
		}()
		m, data := s.hear()
		if m["type"] != "signal" || m["signal"] != "INT" {
			t.Errorf("%v and %d bytes more than the window of %d", m, len(data), got)
		}
		s.say(map[string]any{"type": "exit", "exit_code": 130})
		_, _, _ = s.conn.Read(s.ctx) // until it has gone
	})
	in, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	go func() {
		_, _ = typed.Write(numbered(flowSize)) // cut off at the end
		_ = typed.Close()
	}()
	if c := <-w.begin(in, io.Discard, "run", "--app", "shop", "--", "psql"); c != 130 {
		t.Errorf("exit code %d", c)
	}
}

func TestRun_AllInputArrivesAtASlowCommand(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	all := numbered(flowSize)
	w.serves(func(s *server) {
		var got []byte
		for waits := 0; ; {
			m, data := s.hear()
			if m["type"] == "lost" || m["type"] == "eof" {
				break
			}
			got = append(got, data...)
			if waits += len(data); waits >= flow.Window || len(got) == len(all) { // it takes a window at a time
				s.say(map[string]any{"type": "taken", "bytes": waits})
				waits = 0
			}
		}
		if !bytes.Equal(got, all) {
			t.Errorf("%d bytes arrive of %d", len(got), len(all))
		}
		s.say(map[string]any{"type": "exit", "exit_code": 0})
		_, _, _ = s.conn.Read(s.ctx)
	})
	w.stdin = string(all)
	if code, _, errs := w.run("run", "--app", "shop", "--", "psql"); code != 0 {
		t.Errorf("%d %s", code, errs)
	}
}
