package proxy

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/lugsail/lugsail/platform"
)

func TestNormalHost(t *testing.T) {
	for in, want := range map[string]string{
		"a.example.com": "a.example.com", "A.Example.COM": "a.example.com", "a.example.com.": "a.example.com",
		"a.example.com:8443": "a.example.com", "bücher.example": "xn--bcher-kva.example",
		"xn--bcher-kva.example": "xn--bcher-kva.example", "127.0.0.1:443": "127.0.0.1",
		"[::1]:443": "::1", "[::1]": "::1", "::1": "::1", "localhost": "localhost", "my_app.local": "my_app.local",
		"": "", ".": "", "..": "", "a..b": "", ".a": "", "user@a.example.com": "", "a/b": "", "a b": "", "a:b": "",
		"[::1": "", "*": "", strings.Repeat("a.", 130): "", "a\x00b": "", "a%2eb": "",
	} {
		if got := normalHost(in); got != want {
			t.Errorf("normalHost(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestProxy_RoutesByHost(t *testing.T) {
	r := newRig(t)
	a, b := startApp(t, says("serving a")), startApp(t, says("serving b"))
	r.publish(t, routeTo("a.example.com", a), routeTo("b.example.com", b))
	for _, host := range []string{"a.example.com", "b.example.com"} {
		status, body := r.get("https://" + host + "/")
		if status != 200 || body != "serving "+host[:1] {
			t.Errorf("%s: %d %q", host, status, body)
		}
	}
}

func TestProxy_HTTP2In(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, req.Proto+" "+req.Host)
	})))
	c := r.client(t)
	c.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	res, err := c.Get("https://a.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	if body := readAll(t, res); res.ProtoMajor != 2 || body != "HTTP/1.1 a.example.com" {
		t.Error(res.Proto, body)
	}
}

func TestProxy_UnknownHostNeverReachesAnApp(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, says("serving a"))))
	status, body := r.get("https://a.example.com/")
	if status != 200 || body != "serving a" {
		t.Fatal(status, body)
	}
	for _, host := range []string{"b.example.com", "127.0.0.1", "a.example.com.evil.com", "example.com", "user@a.example.com"} {
		out := r.rawExchange("a.example.com", "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		mustLack(t, out, "serving a")
		if !strings.HasPrefix(out, "HTTP/1.1 4") {
			t.Errorf("%s: %s", host, out)
		}
	}
	_, page := r.get("http://nowhere.example.com/", "Accept", "text/html")
	mustContain(t, page, "There is no app at this address")
}

func TestProxy_RedirectsToHTTPS(t *testing.T) {
	r := newRig(t, func(c *Config) { c.PublicHTTPSPort = 8443 })
	r.publish(t, routeTo("a.example.com", startApp(t, says("serving a"))))
	req, _ := http.NewRequest(http.MethodPost, "http://A.example.com//x/../y?a=1;b=2", nil)
	res, err := r.client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, res)
	if got := res.Header.Get("Location"); res.StatusCode != 308 || got != "https://a.example.com:8443//x/../y?a=1;b=2" {
		t.Error(res.StatusCode, got)
	}
	if status, _ := r.get("http://b.example.com/"); status != 404 {
		t.Error("an unknown host got", status)
	}
}

func TestProxy_PagesForAppsWithoutTargets(t *testing.T) {
	r := newRig(t)
	if status, body := r.get("http://a.example.com/"); status != 503 {
		t.Error("before the first table:", status, body)
	}
	r.publish(t, platform.Route{Host: "new.example.com"}, platform.Route{Host: "down.example.com", Release: 3})
	for _, host := range []string{"new.example.com", "down.example.com"} {
		status, body := r.get("https://"+host+"/", "Accept", "text/html")
		if status != 503 {
			t.Error(host, status)
		}
		mustContain(t, body, "<h1>Nothing is running here</h1>")
		_, text := r.get("https://"+host+"/", "Accept", "application/json")
		mustLack(t, text, "<")
	}
}

func TestProxy_SpreadsOverTargets(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, says("1")), startApp(t, says("2")), startApp(t, says("3"))))
	c, seen := r.client(t), map[string]int{}
	for range 30 {
		res, err := c.Get("https://a.example.com/")
		if err != nil {
			t.Fatal(err)
		}
		seen[readAll(t, res)]++
	}
	if seen["1"] != 10 || seen["2"] != 10 || seen["3"] != 10 {
		t.Error(seen)
	}
}

func TestProxy_PrefersTheLeastBusyTarget(t *testing.T) {
	r := newRig(t)
	release, entered := make(chan struct{}), make(chan struct{})
	var requests atomic.Int64
	busy := startApp(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 { // the others are answered, so that a wrong choice is seen and does not hang
			close(entered)
			<-release
		}
		_, _ = io.WriteString(w, "busy")
	})
	r.publish(t, routeTo("a.example.com", busy))
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.get("https://a.example.com/")
	}()
	<-entered
	idle := startApp(t, says("idle"))
	r.publish(t, routeTo("a.example.com", busy, idle))
	for range 10 {
		// A request is counted out just after its client has the answer: until then both are as busy.
		eventually(t, "the idle target is idle", func() bool {
			status, err := r.control.Status(t.Context())
			return err == nil && status.InFlight[idle.URL] == 0
		})
		if _, body := r.get("https://a.example.com/"); body != "idle" {
			t.Error(body)
		}
	}
	close(release)
	<-done
}

func echoWebSocket(w http.ResponseWriter, req *http.Request) {
	conn, err := websocket.Accept(w, req, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		kind, data, err := conn.Read(req.Context())
		if err != nil {
			return
		}
		if err := conn.Write(req.Context(), kind, append([]byte("echo "), data...)); err != nil {
			return
		}
	}
}

func TestProxy_WebSocket(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, echoWebSocket)))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "wss://a.example.com/chat", &websocket.DialOptions{HTTPClient: r.client(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.Read(ctx); err != nil || string(got) != "echo "+text {
			t.Error(string(got), err)
		}
	}
	if n := r.server.status().InFlight; sum(n) != 1 {
		t.Error("an open WebSocket counts as under way:", n)
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
	eventually(t, "the WebSocket is counted out", func() bool { return sum(r.server.status().InFlight) == 0 })
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// Each event must arrive before the next is made, and an idle stream outlives the stall limit.
func TestProxy_ServerSentEventsAreNotHeldBack(t *testing.T) {
	r := newRig(t)
	next := make(chan struct{})
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case <-req.Context().Done():
				return
			case <-next:
				_, _ = io.WriteString(w, "data: tick\n\n")
				_ = http.NewResponseController(w).Flush()
			}
		}
	})))
	for _, h2 := range []bool{false, true} {
		c := r.client(t)
		c.Transport.(*http.Transport).ForceAttemptHTTP2 = h2
		res, err := c.Get("https://a.example.com/events")
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(res.Body)
		for i := range 3 {
			if i == 2 {
				<-time.After(2 * shortLimits().stall) // longer than a stalled client gets
			}
			next <- struct{}{}
			if line, err := lines.ReadString('\n'); err != nil || line != "data: tick\n" {
				t.Fatal(h2, line, err)
			}
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		_ = res.Body.Close()
		eventually(t, "the stream is counted out", func() bool { return sum(r.server.status().InFlight) == 0 })
	}
}

func TestProxy_PassesRedirectsTrailersAndRanges(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(302)
		_, _ = io.WriteString(w, "moved")
		w.Header().Set("X-Sum", "42")
	})))
	res, err := r.client(t).Get("https://a.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, res)
	if res.StatusCode != 302 || res.Header.Get("Location") != "/elsewhere" || res.Trailer.Get("X-Sum") != "42" {
		t.Error(res.StatusCode, res.Header, res.Trailer)
	}
}

func TestProxy_DropsCookiesForTheConsolesDomain(t *testing.T) {
	r := newRig(t)
	r.console = platform.Console{Hosts: []string{"console.box.example.com"}, Socket: "/nowhere"}
	r.publish(t, routeTo("a.box.example.com", startApp(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range []string{
			"ok=1", "mine=1; Domain=a.box.example.com", "up=1; Domain=box.example.com", "dot=1; path=/; dOmAiN = .Example.com ",
			"top=1;domain=com", "self=1; domain=console.box.example.com", "last=1; domain=x.org; domain=example.com",
		} {
			w.Header().Add("Set-Cookie", c)
		}
	})))
	res, err := r.client(t).Get("https://a.box.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, res)
	if got := strings.Join(res.Header["Set-Cookie"], " | "); got != "ok=1 | mine=1; Domain=a.box.example.com" {
		t.Error(got)
	}
}
