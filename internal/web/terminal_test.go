package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lugsail/lugsail/internal/enginetest"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

// terminals lets the rig's application run commands, on an engine in memory.
func (r *rig) terminals() (*enginetest.Fake, *http.Client) {
	r.t.Helper()
	engine := &enginetest.Fake{}
	return engine, r.terminalsOf(engine)
}

func (r *rig) terminalsOf(commands run.Commands) *http.Client {
	r.t.Helper()
	r.apps.Conductor.Replicas = &run.Service{Commands: commands}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.apps.RunCommands(ctx) }()
	client := r.listen() // the server ends first
	r.t.Cleanup(func() {})
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	return client
}

// terminal is a client's end of a command.
type terminal struct {
	t    testing.TB
	conn *websocket.Conn
	out  map[byte]string
	last map[string]any // the last text
}

func (r *rig) dial(client *http.Client, path string, header http.Header) (*websocket.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	return websocket.Dial(ctx, "ws://"+testHost+path, &websocket.DialOptions{HTTPClient: &http.Client{Transport: client.Transport}, HTTPHeader: header})
}

func (r *rig) terminal(client *http.Client, path, token string, first any) *terminal {
	r.t.Helper()
	conn, _, err := r.dial(client, path, http.Header{"Authorization": {"Bearer " + token}})
	must(r.t, err)
	r.t.Cleanup(func() { _ = conn.CloseNow() })
	x := &terminal{t: r.t, conn: conn, out: map[byte]string{}}
	x.send(first)
	return x
}

func (x *terminal) send(v any) {
	x.t.Helper()
	text, err := json.Marshal(v)
	must(x.t, err)
	must(x.t, x.conn.Write(x.t.Context(), websocket.MessageText, text))
}

// next reads until the next text; nil when the connection has ended.
func (x *terminal) next() map[string]any {
	x.t.Helper()
	for {
		ctx, cancel := context.WithTimeout(x.t.Context(), 20*time.Second)
		kind, data, err := x.conn.Read(ctx)
		late := ctx.Err() != nil
		cancel()
		if late {
			x.t.Fatal("waited in vain for a message")
		}
		if err != nil {
			return nil
		}
		if kind == websocket.MessageBinary {
			x.out[data[0]] += string(data[1:])
			continue
		}
		x.last = nil
		must(x.t, json.Unmarshal(data, &x.last))
		return x.last
	}
}

// refused reads the problem that the connection ends with.
func (x *terminal) refused() string {
	x.t.Helper()
	for m := x.next(); m != nil; m = x.next() {
		if m["type"] == "error" {
			problem := m["problem"].(map[string]any)
			if problem["message"] == "" || problem["status"].(float64) >= 500 {
				x.t.Errorf("the problem is %v", problem)
			}
			return problem["code"].(string)
		}
	}
	return ""
}

type start struct {
	Type    string   `json:"type"`
	Command []string `json:"command"`
	TTY     bool     `json:"tty"`
}

const runPath = "/api/v1/apps/mine/runs/terminal"

func TestRun_InputOutputAndExitCodeGoThrough(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	engine, client := r.terminals()
	x := r.terminal(client, runPath, r.token("", platform.ScopeAdmin), start{"start", []string{"probe", "say=hello", "complain=oh", "env=SECRET_KEY", "cat", "exit=3"}, false})
	began := x.next()
	if began["type"] != "started" || !strings.HasPrefix(began["name"].(string), "run.") {
		t.Fatalf("%v", began)
	}
	must(t, x.conn.Write(t.Context(), websocket.MessageBinary, []byte("typed\n")))
	x.send(map[string]string{"type": "eof"})
	if end := x.next(); end["type"] != "exit" || end["exit_code"] != 3.0 {
		t.Errorf("%v", end)
	}
	if x.out[1] != "hello\n"+canary+"\ntyped\n" || x.out[2] != "oh\n" {
		t.Errorf("%q", x.out)
	}
	r.poll(func() bool { runs, err := engine.Runs(t.Context(), mine.ID); return err == nil && len(runs) == 0 })
	if events := r.do(ask{path: "/api/v1/apps/mine/events", session: r.session}); !strings.Contains(events.body, "run.started") || strings.Contains(events.body, "env=SECRET") {
		t.Error(events.body)
	}
}

func TestA47_TerminalsRefuseStrangers(t *testing.T) {
	r := newRig(t)
	mine, other := r.serving("mine"), r.serving("other")
	engine, client := r.terminals()
	admin := r.token("", platform.ScopeAdmin)
	token := func(t string) http.Header { return http.Header{"Authorization": {"Bearer " + t}} }
	cookie := func(session, origin string) http.Header {
		h := http.Header{"Cookie": {"__Host-lugsail=" + session}}
		if origin != "" {
			h.Set("Origin", origin)
		}
		return h
	}
	for _, path := range []string{runPath, "/api/v1/apps/mine/replicas/web.1/terminal"} {
		for name, c := range map[string]struct {
			header http.Header
			status int
		}{
			"nobody":                  {nil, 401},
			"a wrong token":           {token("lgs_wrong"), 401},
			"a token of another app":  {token(r.token(other.ID, platform.ScopeAdmin)), 404},
			"a deploy token":          {token(r.token(mine.ID, platform.ScopeDeploy)), 403},
			"a read token":            {token(r.token("", platform.ScopeRead)), 403},
			"a viewer":                {cookie(r.viewerOnce(), "http://"+testHost), 403},
			"another site":            {cookie(r.session, "https://evil.example"), 403},
			"a site with our name":    {cookie(r.session, "https://"+testHost+".evil.example"), 403},
			"an app on a subdomain":   {cookie(r.session, "https://mine.example.test"), 403},
			"a cookie and no origin":  {cookie(r.session, ""), 403},
			"another site with token": {http.Header{"Authorization": {"Bearer " + admin}, "Origin": {"https://evil.example"}}, 403},
		} {
			conn, res, err := r.dial(client, path, c.header)
			if err == nil {
				_ = conn.CloseNow()
				t.Errorf("%s reaches %s", name, path)
			} else if res == nil || res.StatusCode != c.status {
				t.Errorf("%s at %s: %v, want %d", name, path, err, c.status)
			}
		}
	}
	if got := r.do(ask{path: runPath, session: r.session}).want(t, http.StatusUpgradeRequired); got.code() != "upgrade_required" {
		t.Error(got.body)
	}
	runs, err := engine.Runs(t.Context(), "")
	must(t, err)
	if len(runs) != 0 {
		t.Errorf("something was run: %+v", runs)
	}
}

// viewerOnce is one viewer for a whole test.
func (r *rig) viewerOnce() string {
	session, err := r.accounts.Login(r.t.Context(), "vic@example.test", testPassword, "", "198.51.100.8", "Another Browser")
	if err != nil {
		return r.viewer()
	}
	return session
}

func TestA47_AReplicaIsFoundAmongTheAppsOwn(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	other := r.serving("other")
	engine, client := r.terminals()
	for _, a := range []platform.App{mine, other} { // the engine that executes knows them under its own ids
		started, err := engine.Start(t.Context(), platform.ReplicaSpec{AppID: a.ID, App: a.Name, Release: 1, Process: "web", Index: 1})
		must(t, err)
		i := slices.IndexFunc(r.engine.replicas, func(p platform.Replica) bool { return p.AppID == a.ID })
		r.engine.replicas[i].ID = started.ID
	}
	token := r.token(mine.ID, platform.ScopeAdmin)
	theirs := r.engine.replicas[1].ID
	for _, name := range []string{theirs, "other-1", "web.2", "web.01", "web.", ".*", "web.1%3Bid", "..%2Fother", "web.1%00", "$(id)", strings.Repeat("a", 300)} {
		x := r.terminal(client, "/api/v1/apps/mine/replicas/"+name+"/terminal", token, start{"start", []string{"probe", "say=in"}, false})
		if code := x.refused(); code != "replica_not_found" || x.out[1] != "" {
			t.Errorf("%q: code %q, output %q", name, code, x.out)
		}
	}
	for _, name := range []string{"web.1", "first"} {
		x := r.terminal(client, "/api/v1/apps/mine/replicas/"+name+"/terminal", token, start{"start", []string{"probe", "say=in", "exit=5"}, true})
		if began := x.next(); began["name"] != "web.1" {
			t.Errorf("%v", began)
		}
		if end := x.next(); end["exit_code"] != 5.0 || x.out[1] != "in\n" {
			t.Errorf("%v %q", end, x.out)
		}
	}
}

func TestA49_ATerminalEndsWithItsToken(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	engine, client := r.terminals()
	secret := r.token(mine.ID, platform.ScopeAdmin)
	x := r.terminal(client, runPath, secret, start{"start", []string{"probe", "ignore-term", "say=ready", "serve"}, true})
	x.next()
	must(t, r.accounts.RevokeToken(t.Context(), r.owner, secret[4:12]))
	began := time.Now()
	if code := x.refused(); code != "token_wrong" {
		t.Errorf("it ended with %q", code)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("after %v", took)
	}
	r.poll(func() bool { runs, err := engine.Runs(t.Context(), ""); return err == nil && len(runs) == 0 })
}

func TestRun_EndsWithItsPerson(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	engine, client := r.terminals()
	x := r.terminal(client, runPath, r.token("", platform.ScopeAdmin), start{"start", []string{"probe", "serve"}, true})
	x.next()
	if runs, err := engine.Runs(t.Context(), ""); err != nil || len(runs) != 1 {
		t.Fatalf("%+v, %v", runs, err)
	}
	must(t, x.conn.CloseNow())
	r.poll(func() bool { runs, err := engine.Runs(t.Context(), ""); return err == nil && len(runs) == 0 })
}

func TestRun_SignalsAndNonsense(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	engine, client := r.terminals()
	token := r.token("", platform.ScopeAdmin)
	x := r.terminal(client, runPath, token, start{"start", []string{"probe", "serve"}, false})
	x.next()
	x.send(map[string]string{"type": "signal", "signal": "INT"})
	if end := x.next(); end["exit_code"] != 130.0 {
		t.Errorf("%v", end)
	}
	for name, first := range map[string]any{
		"no start": map[string]string{"type": "resize"}, "no object": 7, "no command": start{"start", nil, false},
		"empty command": start{"start", []string{" "}, false}, "NUL": start{"start", []string{"a\x00b"}, false},
		"too many words": start{"start", make([]string, 300), false}, "too long": start{"start", []string{strings.Repeat("x", 33<<10)}, false},
	} {
		if code := r.terminal(client, runPath, token, first).refused(); !strings.HasPrefix(code, "message_") && !strings.HasPrefix(code, "command_") {
			t.Errorf("%s: %q", name, code)
		}
	}
	x = r.terminal(client, runPath, token, start{"start", []string{"probe", "serve"}, false})
	x.next()
	x.send(map[string]string{"type": "signal", "signal": "KILL; id"})
	if code := x.refused(); code != "message_invalid" {
		t.Errorf("an unknown signal: %q", code)
	}
	r.poll(func() bool { runs, err := engine.Runs(t.Context(), ""); return err == nil && len(runs) == 0 })
}

func TestRun_NotTooManyAtOnce(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	_, client := r.terminals()
	token := r.token("", platform.ScopeAdmin)
	body := `{"command": ["probe", "serve"]}`
	for range 2 {
		r.do(ask{method: post, path: "/api/v1/apps/mine/runs", token: token, json: body}).want(t, http.StatusCreated)
	}
	for range 3 {
		r.terminal(client, runPath, token, start{"start", []string{"probe", "serve"}, false}).next()
	}
	if code := r.terminal(client, runPath, token, start{"start", []string{"probe", "serve"}, false}).refused(); code != "too_many_commands" {
		t.Errorf("the sixth: %q", code)
	}
	got := r.do(ask{method: post, path: "/api/v1/apps/mine/runs", token: token, json: body}).want(t, http.StatusTooManyRequests)
	if got.code() != "too_many_commands" {
		t.Error(got.body)
	}
	var runs struct{ Runs []struct{ Name, By string } }
	r.do(ask{path: "/api/v1/apps/mine/runs", token: token}).want(t, http.StatusOK).decode(t, &runs)
	if len(runs.Runs) != 5 || runs.Runs[0].By != testEmail {
		t.Errorf("%+v", runs)
	}
	r.do(ask{method: remove, path: "/api/v1/apps/mine/runs/" + runs.Runs[0].Name, token: token}).want(t, http.StatusNoContent)
	r.do(ask{method: remove, path: "/api/v1/apps/mine/runs/run.nosuch", token: token}).want(t, http.StatusNotFound)
	r.do(ask{method: post, path: "/api/v1/apps/mine/runs", token: token, json: body}).want(t, http.StatusCreated)
}

func TestRun_WhatACrashLeftIsEndedAtTheNextStart(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	engine := &enginetest.Fake{RunProgram: func(s platform.RunSpec) enginetest.Behaviour {
		steps := enginetest.Steps(platform.ReplicaSpec{Args: s.Args, Plan: s.Plan})
		steps.Unbegun = s.Name == "k5"
		return steps
	}}
	r.apps.Conductor.Replicas = &run.Service{Commands: engine}
	plan := platform.Plan{Memory: 1 << 20}
	for name, spec := range map[string]platform.RunSpec{
		"k1": {Kind: platform.RunCommand, Attached: true, Args: []string{"serve"}},
		"k2": {Kind: platform.RunCommand, Args: []string{"serve"}, Until: time.Now().Add(-time.Minute)},
		"k3": {Kind: platform.RunRelease, Deployment: "lgone", Args: []string{"serve"}},
		"k4": {Kind: platform.RunCommand, Args: []string{"serve"}, Until: time.Now().Add(time.Hour)},
		"k5": {Kind: platform.RunCommand, Args: []string{"serve"}, Until: time.Now().Add(time.Hour)},
	} {
		spec.Name, spec.AppID, spec.Plan = name, mine.ID, plan
		_, _, err := engine.StartRun(t.Context(), spec)
		must(t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.apps.RunCommands(ctx) }()
	r.poll(func() bool {
		runs, err := engine.Runs(t.Context(), "")
		return err == nil && len(runs) == 1 && runs[0].Name == "run.k4"
	})
	cancel()
	must(t, <-done)
	got := r.do(ask{path: "/api/v1/apps/mine/logs?process=lugsail", session: r.session}).want(t, http.StatusOK)
	for _, text := range []string{"run.k1 is ended: its connection was lost", "run.k2 is ended: its 24 hours are over", "run.k5 is ended: Lugsail was restarted before it began"} {
		if !strings.Contains(got.body, text) {
			t.Errorf("the app's log does not say %q: %s", text, got.body)
		}
	}
}

func TestRun_WhatEndedIsKeptWithinABound(t *testing.T) {
	r := newRig(t)
	mine, other := r.serving("mine"), r.serving("other")
	engine := &enginetest.Fake{}
	r.apps.Conductor.Replicas = &run.Service{Commands: engine}
	for i := range 30 {
		for _, a := range []platform.App{mine, other} {
			if a.ID == other.ID && i >= 3 {
				continue
			}
			_, _, err := engine.StartRun(t.Context(), platform.RunSpec{
				Name: fmt.Sprintf("k%02d", i), Kind: platform.RunCommand, AppID: a.ID, Plan: platform.Plan{Memory: 1 << 20}, Args: []string{"exit=0"},
			})
			must(t, err)
		}
	}
	_, _, err := engine.StartRun(t.Context(), platform.RunSpec{
		Name: "runs", Kind: platform.RunCommand, AppID: mine.ID, Plan: platform.Plan{Memory: 1 << 20}, Args: []string{"serve"},
	})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.apps.RunCommands(ctx) }()
	names := func(app string) (found []string) {
		var runs struct{ Runs []struct{ Name string } }
		r.do(ask{path: "/api/v1/apps/" + app + "/runs", session: r.session}).want(t, http.StatusOK).decode(t, &runs)
		for _, one := range runs.Runs {
			found = append(found, one.Name)
		}
		return found
	}
	r.poll(func() bool { return len(names("mine")) == 21 })
	cancel()
	must(t, <-done)
	left := names("mine")
	if len(left) != 21 || !slices.Contains(left, "run.runs") || !slices.Contains(left, "run.k29") || slices.Contains(left, "run.k09") {
		t.Errorf("%d stay: %v", len(left), left)
	}
	if left := names("other"); len(left) != 3 {
		t.Errorf("of another app %v stay", left)
	}
}
