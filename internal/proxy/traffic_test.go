package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lugsail/lugsail/platform"
)

// ofApp is the route of host as one of the app with that id.
func ofApp(id string, r platform.Route) platform.Route {
	r.AppID = id
	return r
}

func (r *rig) traffic(id string) platform.Traffic {
	r.t.Helper()
	totals, err := r.control.Traffic(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return totals.Apps[id]
}

func timed(t platform.Traffic) (n uint64) {
	for _, c := range t.Times {
		n += c
	}
	return n
}

func TestTraffic_CountsClassesBytesAndTimesByApp(t *testing.T) {
	r := newRig(t)
	shop := startApp(t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		var status, size int
		_, _ = fmt.Sscanf(req.URL.Path, "/%d/%d", &status, &size)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.Repeat("x", size+len(body)))
	})
	r.publish(t,
		ofApp("lshop", routeTo("shop.example.com", shop)), ofApp("lshop", routeTo("www.shop.example.com", shop)),
		ofApp("lblog", routeTo("blog.example.com", startApp(t, says("hello")))))
	for _, url := range []string{"https://shop.example.com/200/1000", "https://www.shop.example.com/200/10", "https://shop.example.com/404/5", "https://shop.example.com/500/0"} {
		r.get(url)
	}
	if status, _ := r.send(http.MethodPost, "https://shop.example.com/201/0", strings.NewReader(strings.Repeat("y", 70_000))); status != 201 {
		t.Fatal(status)
	}
	got := r.traffic("lshop")
	if got.Classes != [5]uint64{0, 3, 0, 1, 1} || got.In != 70_000 || got.Out != 71_015 || timed(got) != 5 {
		t.Errorf("%+v", got)
	}
	if other := r.traffic("lblog"); other != (platform.Traffic{}) {
		t.Errorf("the other app got %+v", other)
	}
}

func TestTraffic_AnAnswersTimeIsTheAppsAlone(t *testing.T) {
	r := newRig(t)
	first := make(chan struct{})
	app := startApp(t, func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/slow":
			<-time.After(800 * time.Millisecond)
		case "/body":
			_, _ = io.WriteString(w, "begin")
			w.(http.Flusher).Flush()
			<-first
		case "/upload":
			_, _ = io.Copy(io.Discard, req.Body)
		}
	})
	r.publish(t, ofApp("lapp", routeTo("a.example.com", app)))
	least := func(want int, what string) {
		t.Helper()
		var sum time.Duration
		got := r.traffic("lapp")
		for i, n := range got.Times {
			sum += time.Duration(n) * platform.TimeBucketStart(i)
		}
		if timed(got) != uint64(want) || what == "fast" && sum > 400*time.Millisecond || what == "slow" && sum < 600*time.Millisecond {
			t.Errorf("%d answers in %v, want %d, %s", timed(got), sum, want, what)
		}
	}
	res, err := r.client(t).Get("https://a.example.com/body")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(800*time.Millisecond, func() { close(first) })
	readAll(t, res)
	least(1, "fast")
	from, to := io.Pipe()
	go func() {
		for range 8 { // no stall, but slow
			<-time.After(100 * time.Millisecond)
			_, _ = io.WriteString(to, "late")
		}
		_ = to.Close()
	}()
	r.send(http.MethodPost, "https://a.example.com/upload", from)
	least(2, "fast")
	r.get("https://a.example.com/slow")
	least(3, "slow")
}

func TestTraffic_WebSocketsAndEventStreamsHaveNoTime(t *testing.T) {
	r := newRig(t)
	app := startApp(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: hello\n\n")
			return
		}
		conn, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		_, text, err := conn.Read(req.Context())
		if err == nil {
			_ = conn.Write(req.Context(), websocket.MessageText, append(text, text...))
		}
		_ = conn.Close(websocket.StatusNormalClosure, "")
	})
	r.publish(t, ofApp("lapp", routeTo("a.example.com", app)))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, "wss://a.example.com/chat", &websocket.DialOptions{HTTPClient: r.client(t)})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body // the connection's
	if err := conn.Write(ctx, websocket.MessageText, []byte(strings.Repeat("z", 1000))); err != nil {
		t.Fatal(err)
	}
	if _, text, err := conn.Read(ctx); err != nil || len(text) != 2000 {
		t.Fatal(len(text), err)
	}
	got := r.traffic("lapp")
	if got.Classes != [5]uint64{1, 0, 0, 0, 0} || got.In < 1000 || got.In > 1100 || got.Out < 2000 || got.Out > 2300 || timed(got) != 0 {
		t.Errorf("WebSocket: %+v", got)
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
	r.get("https://a.example.com/events")
	if got := r.traffic("lapp"); got.Classes != [5]uint64{1, 1, 0, 0, 0} || timed(got) != 0 {
		t.Errorf("event stream: %+v", got)
	}
}

func TestTraffic_WhatTheAppDoesNotAnswerIsAnError(t *testing.T) {
	r := newRig(t)
	hold := make(chan struct{})
	app := startApp(t, func(_ http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/wait" {
			select {
			case <-req.Context().Done():
			case <-hold:
			}
			return
		}
		panic(http.ErrAbortHandler)
	})
	defer close(hold)
	r.publish(t, ofApp("lapp", routeTo("a.example.com", app)), ofApp("lempty", platform.Route{Host: "b.example.com", Release: 1}))
	if status, _ := r.send(http.MethodPost, "https://a.example.com/", strings.NewReader("x")); status != http.StatusBadGateway {
		t.Fatal(status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://a.example.com/wait", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := r.client(t).Do(req); err == nil {
		t.Fatal(res.Status)
	}
	eventually(t, "a visitor who left counts as 4xx", func() bool { return r.traffic("lapp").Classes == [5]uint64{0, 0, 0, 1, 1} })
	if got := r.traffic("lapp"); timed(got) != 0 {
		t.Errorf("%+v", got)
	}
	r.get("https://b.example.com/")
	if got := r.traffic("lempty"); got.Classes[4]+got.Classes[3] != 1 {
		t.Errorf("an app without replicas: %+v", got)
	}
}

func TestTraffic_StaysOverTablesAndIsForgottenWithTheApp(t *testing.T) {
	r := newRig(t)
	app := startApp(t, says("hello"))
	r.publish(t, ofApp("lapp", routeTo("a.example.com", app)))
	r.get("https://a.example.com/")
	r.publish(t, ofApp("lapp", routeTo("renamed.example.com", app)))
	r.get("https://renamed.example.com/")
	if got := r.traffic("lapp"); got.Classes[1] != 2 {
		t.Errorf("after a rename: %+v", got)
	}
	r.publish(t)
	if got := r.traffic("lapp"); got != (platform.Traffic{}) {
		t.Errorf("after its end: %+v", got)
	}
	totals, err := r.control.Traffic(context.Background())
	if err != nil || time.Since(totals.Since) > time.Minute {
		t.Error(totals.Since, err)
	}
}
