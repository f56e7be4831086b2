package web

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

type sse struct{ event, id, data string }

// listen runs the server on its socket and gives a client for it.
func (r *rig) listen() *http.Client {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.server.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("the server ended with %v", err)
		}
	})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.server.config.Socket)
	}}
	r.t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	r.poll(func() bool {
		res, err := client.Get("http://" + testHost + "/healthz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return client
}

func (r *rig) poll(ready func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ready() {
		if time.Now().After(deadline) {
			r.t.Fatal("waited 10 seconds in vain")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// follow opens a stream; its events come one by one from next.
func (r *rig) follow(client *http.Client, path, token, last string) (next func() (sse, bool), stop func()) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+testHost+path, nil)
	must(r.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := client.Do(req)
	must(r.t, err)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(res.Body)
		r.t.Fatalf("no stream: %d %s", res.StatusCode, body)
	}
	lines := bufio.NewScanner(res.Body)
	return func() (sse, bool) {
		e, ok := nextEvent(lines)
		r.checkEvent(path, e)
		return e, ok
	}, func() { _ = res.Body.Close() }
}

func nextEvent(lines *bufio.Scanner) (sse, bool) {
	var e sse
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			e.event = value
		case name == "id":
			e.id = value
		case name == "data":
			e.data = value
		case lines.Text() == "" && e.event != "":
			return e, true
		}
	}
	return e, false
}

func (e sse) line(t *testing.T) string {
	t.Helper()
	var l struct{ Line string }
	must(t, json.Unmarshal([]byte(e.data), &l))
	_, text, _ := strings.Cut(l.Line, " ")
	return text
}

func TestStream_ReaderThatReturnsMissesNothingAndSeesNothingTwice(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	client, token := r.listen(), r.token("", platform.ScopeRead)
	d := r.deployment(a, "Second", "one", "two")
	path := "/api/v1/apps/mine/deployments/2/events"

	next, stop := r.follow(client, path, token, "")
	var lines []string
	last := ""
	for len(lines) < 1 {
		e, ok := next()
		if !ok {
			t.Fatal("the stream ended")
		}
		if e.event == "log" {
			lines, last = append(lines, e.line(t)), e.id
		}
	}
	stop()

	r.log(d, "three")
	next, stop = r.follow(client, path, token, last)
	defer stop()
	done := false
	for e, ok := next(); ok; e, ok = next() {
		switch e.event {
		case "log":
			lines = append(lines, e.line(t))
			if e.line(t) == "three" {
				r.log(d, "four")
				r.end(d, platform.DeploymentLive, nil)
			}
		case "done":
			done = strings.Contains(e.data, `"state":"live"`)
		}
	}
	if got := strings.Join(lines, " "); got != "one two three four" || !done {
		t.Errorf("lines %q, done %v", got, done)
	}
}

func TestStream_ErrorBeforeTheFirstEventIsAProblem(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeRead)
	got := r.do(ask{path: "/api/v1/apps/mine/deployments/77/events", token: token}).want(t, http.StatusNotFound)
	if got.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("content type %s", got.Header.Get("Content-Type"))
	}
}

func TestA49_RevokedTokenEndsItsStreams(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	r.deployment(a, "Second", "one")
	client, token := r.listen(), r.token("", platform.ScopeRead)
	next, stop := r.follow(client, "/api/v1/apps/mine/deployments/2/events", token, "")
	defer stop()
	if _, ok := next(); !ok {
		t.Fatal("the stream ended too early")
	}
	all, err := r.accounts.Tokens(t.Context(), r.owner)
	must(t, err)
	must(t, r.accounts.RevokeToken(t.Context(), r.owner, all[0].ID))
	revoked := time.Now()
	var last sse
	for e, ok := next(); ok; e, ok = next() {
		last = e
	}
	if took := time.Since(revoked); took > 5*time.Second {
		t.Errorf("the stream lived on for %s", took)
	}
	if last.event != "error" || !strings.Contains(last.data, "token_wrong") {
		t.Errorf("the last event is %+v", last)
	}
}

func TestRun_StopEndsStreamsAndLeavesASocketThatIsReplaced(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	r.deployment(a, "Second", "one")
	r.engine.lines = []platform.LogLine{{At: time.Now(), Replica: "web.1", Text: "hello"}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.server.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.server.config.Socket)
	}}}
	r.poll(func() bool {
		res, err := client.Get("http://x/healthz")
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	})
	next, stop := r.follow(client, "/api/v1/apps/mine/logs?follow=true", r.token("", platform.ScopeRead), "")
	defer stop()
	if e, ok := next(); !ok || e.event != "log" {
		t.Fatalf("no log line: %+v", e)
	}
	cancel()
	began := time.Now()
	must(t, <-done)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	if left, err := filepath.Glob(r.server.config.Socket + ".new"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	again, err := r.server.listen(t.Context()) // the stale socket is no obstacle
	must(t, err)
	must(t, again.Close())
}

func TestRecover_PanicIsAProblemAndNothingElse(t *testing.T) {
	r := newRig(t)
	r.server.ready = func(context.Context) error { panic("lost a plank: " + canary) }
	got := r.do(ask{path: "/healthz"}).want(t, http.StatusInternalServerError)
	if strings.Contains(got.body, "plank") || got.code() != "internal" {
		t.Errorf("answer: %s", got.body)
	}
}

func TestDeadlines_TheTimeForTheBodyDoesNotEndTheWork(t *testing.T) {
	r := newRig(t)
	r.server.bodyTime = 50 * time.Millisecond
	work := func(c echo.Context) error {
		if _, err := io.Copy(io.Discard, c.Request().Body); err != nil {
			return err
		}
		select {
		case <-c.Request().Context().Done():
			return c.String(http.StatusGone, "cut")
		case <-time.After(300 * time.Millisecond):
			return c.String(http.StatusOK, "done")
		}
	}
	r.server.routes = append(r.server.routes, route{method: get, path: "/work", handler: work}, route{method: put, path: "/work", handler: work}, route{method: post, path: "/work", handler: work})
	r.server.handler = r.server.build()
	client := r.listen()
	for _, method := range []string{get, put, post} {
		var body io.Reader
		if method != get {
			body = strings.NewReader("a=b")
		}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+testHost+"/work", body)
		must(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := client.Do(req)
		must(t, err)
		if text, _ := io.ReadAll(res.Body); string(text) != "done" {
			t.Errorf("%s: %d %s", method, res.StatusCode, text)
		}
	}
}

func TestDeadlines_ABodyThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	r := newRig(t)
	r.server.bodyTime = 50 * time.Millisecond
	client := r.listen()
	body, never := io.Pipe()
	defer func() { must(t, never.Close()) }()
	req, err := http.NewRequestWithContext(t.Context(), post, "http://"+testHost+"/api/v1/login", body)
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	must(t, err)
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("answer %d", res.StatusCode)
	}
}
