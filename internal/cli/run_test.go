package cli

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// terminal lets the server answer as it does for a command: f has the connection after the first message.
func (w *world) terminal(pattern string, f func(conn *websocket.Conn, first map[string]any)) {
	w.mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(rw, r, nil)
		if err != nil {
			w.t.Error(err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		_, text, err := conn.Read(r.Context())
		if err != nil {
			w.t.Error(err)
			return
		}
		var first map[string]any
		if err := json.Unmarshal(text, &first); err != nil {
			w.t.Error(err)
		}
		f(conn, first)
	})
}

// echo answers with what comes in, until the input has ended, and then with an exit code.
func (w *world) echo(code string) func(*websocket.Conn, map[string]any) {
	return func(conn *websocket.Conn, first map[string]any) {
		ctx := w.t.Context()
		send := func(kind websocket.MessageType, data string) {
			if err := conn.Write(ctx, kind, []byte(data)); err != nil {
				w.t.Error(err)
			}
		}
		send(websocket.MessageText, `{"type":"started","name":"run.k3f9"}`)
		for {
			kind, data, err := conn.Read(ctx)
			if err != nil {
				w.t.Error(err)
				return
			}
			if kind == websocket.MessageText {
				break
			}
			send(websocket.MessageBinary, "\x01"+string(data))
		}
		send(websocket.MessageBinary, "\x02oh\n")
		send(websocket.MessageText, `{"type":"exit","exit_code":`+code+`,"out_of_memory":false}`)
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}
}

func TestRun_InputOutputAndExitCodeGoThrough(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	var first map[string]any
	w.terminal("GET /api/v1/apps/shop/runs/terminal", func(conn *websocket.Conn, m map[string]any) {
		first = m
		w.echo("7")(conn, m)
	})
	w.stdin = "a line\n"
	code, out, errs := w.run("run", "--app", "shop", "--", "psql", "--app", "x")
	if code != 7 || out != "a line\n" || errs != "oh\n" {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if words := first["command"].([]any); len(words) != 3 || words[1] != "--app" || first["tty"] != nil {
		t.Errorf("it asked for %v", first)
	}
	if w.tokens[0] != "Bearer lgs_test" {
		t.Error(w.tokens)
	}
	if code, _, _ := w.run("run", "--app", "shop", "npm", "-v"); code != 7 || first["command"].([]any)[1] != "-v" {
		t.Errorf("without --: %d %v", code, first)
	}
}

func TestRun_AProgramThatIsNotThereComesWithWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.terminal("GET /api/v1/apps/shop/runs/terminal", w.echo("127"))
	code, out, errs := w.run("run", "--app", "shop", "--", "nosuch")
	if code != 127 || out != "" || errs != "oh\n→ Exit code 127: a program is not there. Look around in the image: lugsail run --app shop\n" {
		t.Errorf("%d %q %q", code, out, errs)
	}
}

func TestRun_ErrorsAreSentences(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.terminal("GET /api/v1/apps/shop/runs/terminal", func(conn *websocket.Conn, _ map[string]any) {
		_ = conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"error","problem":{"status":409,"code":"nothing_serves","message":"shop has no release yet.","hint":"Deploy it first."}}`))
	})
	if code, _, errs := w.run("run", "--app", "shop", "ls"); code != ExitConflict || !strings.Contains(errs, "no release yet") || !strings.Contains(errs, "Deploy it first") {
		t.Errorf("%d %s", code, errs)
	}
	w.terminal("GET /api/v1/apps/lost/runs/terminal", func(*websocket.Conn, map[string]any) {})
	if code, _, errs := w.run("run", "--app", "lost", "ls"); code != ExitUnavailable || !strings.Contains(errs, "was ended with it") {
		t.Errorf("%d %s", code, errs)
	}
	w.says("GET /api/v1/apps/other/runs/terminal", 403, `{"code":"not_allowed","message":"You may not do this."}`)
	if code, _, errs := w.run("run", "--app", "other", "ls"); code != ExitForbidden || !strings.Contains(errs, "may not") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestExec_NamesReplicas(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.terminal("GET /api/v1/apps/shop/replicas/{replica}/terminal", w.echo("0"))
	for flag, want := range map[string]string{"": "first", "2": "web.2", "worker.1": "worker.1", "../x": "..%2Fx"} {
		w.asked = nil
		args := []string{"exec", "--app", "shop", "ls"}
		if flag != "" {
			args = []string{"exec", "--app", "shop", "--replica", flag, "ls"}
		}
		if code, _, errs := w.run(args...); code != 0 || len(w.asked) != 1 || !strings.Contains(w.asked[0], "/replicas/"+want+"/terminal") {
			t.Errorf("%q: %d %s %v", flag, code, errs, w.asked)
		}
	}
}

func TestRun_DetachedAndStopped(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("POST /api/v1/apps/shop/runs", 201, `{"run":{"name":"run.k3f9"}}`)
	w.says("DELETE /api/v1/apps/shop/runs/run.k3f9", 204, "")
	code, out, errs := w.run("run", "--app", "shop", "--detach", "node", "import.js")
	if code != 0 || !strings.Contains(out, "run.k3f9") || !strings.Contains(w.asked[0], `{"command":["node","import.js"]}`) {
		t.Errorf("%d %s %s %v", code, out, errs, w.asked)
	}
	if code, out, errs := w.run("run", "--app", "shop", "--stop", "run.k3f9"); code != 0 || !strings.Contains(out, "Stopped") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if code, out, _ := w.run("run", "--app", "shop", "--stop", "run.k3f9", "--json"); code != 0 || strings.Join(strings.Fields(out), "") != `{"stopped":"run.k3f9"}` {
		t.Errorf("as JSON: %d %s", code, out)
	}
	if code, _, _ := w.run("run", "--app", "shop", "--detach"); code != ExitUsage {
		t.Error(code)
	}
}

func TestPs_ShowsRunsAndLastLines(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/replicas", 200, `{"replicas":[{"name":"worker.1","release":2,"state":"restarting","exit_code":1,"restarts":7,"last_lines":["no queue","at QUEUE_URL"]}]}`)
	w.says("GET /api/v1/apps/shop/runs", 200, `{"runs":[{"name":"run.k3f9","by":"ada@example.com","release":2,"state":"running"}]}`)
	code, out, errs := w.run("ps", "shop")
	for _, want := range []string{"worker.1", "run.k3f9", "by ada@example.com", "last lines of worker.1, which ended with exit code 1", "  no queue\n  at QUEUE_URL"} {
		if !strings.Contains(out, want) {
			t.Errorf("%d: no %q in %s%s", code, want, out, errs)
		}
	}
	var all struct{ Replicas, Runs []any }
	if _, out, _ := w.run("ps", "shop", "--json"); json.Unmarshal([]byte(out), &all) != nil || len(all.Replicas) != 1 || len(all.Runs) != 1 {
		t.Error(out)
	}
}

func TestScale_SetsTheTimeToEnd(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("PATCH /api/v1/apps/shop", 202, `{"deployment":null}`)
	if code, out, errs := w.run("scale", "--app", "shop", "--stop-grace", "90"); code != 0 || !strings.Contains(out, "90 s to end") || !strings.Contains(w.asked[0], `{"stop_grace":90}`) {
		t.Errorf("%d %s %s %v", code, out, errs, w.asked)
	}
}
