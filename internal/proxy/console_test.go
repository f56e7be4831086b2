package proxy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func startConsole(t *testing.T, socket string, h http.HandlerFunc) func() {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h, ReadHeaderTimeout: time.Second}}
	s.Start()
	return s.Close
}

func consoleRig(t *testing.T, change ...func(*Config)) (*rig, string) {
	t.Helper()
	r := newRig(t, change...)
	socket := filepath.Join(t.TempDir(), "serve.sock")
	r.console = platform.Console{Hosts: []string{"console.example.com", "203.0.113.5"}, Socket: socket}
	r.publish(t)
	return r, socket
}

func TestConsole_AnswersOnItsHosts(t *testing.T) {
	r, socket := consoleRig(t)
	defer startConsole(t, socket, func(w http.ResponseWriter, req *http.Request) {
		_, _ = fmt.Fprintf(w, "console %s %s %s", req.Host, req.Header.Get("X-Forwarded-For"), req.URL)
	})()
	if _, body := r.get("https://console.example.com/apps?a=1;b=2"); body != "console console.example.com 127.0.0.1 /apps?a=1;b=2" {
		t.Error(body)
	}
	out := r.rawExchange("console.example.com", "GET / HTTP/1.1\r\nHost: other.example.com\r\n\r\n")
	mustContain(t, out, "There is no app at this address")
}

func TestConsole_RequestWaitsForARestart(t *testing.T) {
	r, socket := consoleRig(t, func(c *Config) { c.limits.console = 10 * time.Second })
	startConsole(t, socket, says("before"))()
	got := make(chan string, 1)
	go func() {
		_, body := r.send(http.MethodPost, "https://console.example.com/", strings.NewReader("form"))
		got <- body
	}()
	eventually(t, "the request waits", func() bool { return r.server.ordinary.Load() == 1 })
	defer startConsole(t, socket, func(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) })()
	if body := <-got; body != "form" {
		t.Error(body)
	}
}

func TestConsole_PageWhenItStaysAway(t *testing.T) {
	r, _ := consoleRig(t, func(c *Config) { c.limits.console = 100 * time.Millisecond })
	status, body := r.get("https://console.example.com/", "Accept", "text/html")
	if status != 503 {
		t.Error(status)
	}
	mustContain(t, body, "The console is restarting")
}

func TestConsole_ProblemForProgramsWhenItStaysAway(t *testing.T) {
	r, _ := consoleRig(t, func(c *Config) { c.limits.console = 100 * time.Millisecond })
	res, err := r.client(t).Get("https://console.example.com/api/v1/apps")
	if err != nil {
		t.Fatal(err)
	}
	var problem struct {
		Status              int
		Code, Message, Hint string
	}
	if err := json.Unmarshal([]byte(readAll(t, res)), &problem); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 503 || res.Header.Get("Content-Type") != "application/problem+json" || problem.Status != 503 ||
		problem.Code != "console_away" || problem.Message == "" || problem.Hint == "" {
		t.Error(res.Status, res.Header, problem)
	}
}

// TestConsole_CutOff ends the control plane in the middle of requests. They were its own, and no app's.
func TestConsole_CutOff(t *testing.T) {
	r, socket := consoleRig(t)
	defer startConsole(t, socket, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })()
	for _, c := range []struct{ method, path, says string }{
		{http.MethodPost, "/api/v1/apps", `"code":"console_cut"`},
		{http.MethodDelete, "/api/v1/apps/shop", `"status":503`},
		{http.MethodGet, "/api/v1/apps", `"code":"console_away"`},
		{http.MethodPost, "/apps/shop/rename", "look whether it is done"},
		{http.MethodGet, "/apps/shop", "The console is restarting"},
	} {
		status, body := r.send(c.method, "https://console.example.com"+c.path, strings.NewReader("{}"))
		if status != 503 || strings.Contains(body, "app's logs") || !strings.Contains(body, c.says) {
			t.Errorf("%s %s is answered %d %s", c.method, c.path, status, body)
		}
	}
}

// git reads what the server says of a push while it still sends; both ways must flow at once.
func TestConsole_BothWaysAtOnce(t *testing.T) {
	r, socket := consoleRig(t)
	defer startConsole(t, socket, func(w http.ResponseWriter, req *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		lines := bufio.NewScanner(req.Body)
		for lines.Scan() {
			_, _ = io.WriteString(w, "heard "+lines.Text()+"\n")
			_ = rc.Flush()
		}
	})()
	for _, h2 := range []bool{false, true} {
		c := r.client(t)
		c.Transport.(*http.Transport).ForceAttemptHTTP2 = h2
		pr, pw := io.Pipe()
		go func() { _, _ = io.WriteString(pw, "first\n") }()
		res, err := c.Post("https://console.example.com/git/a.git/git-receive-pack", "application/x-git", pr)
		if err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewReader(res.Body)
		for _, line := range []string{"first", "second", "third"} {
			if got, err := answers.ReadString('\n'); err != nil || got != "heard "+line+"\n" {
				t.Fatal(got, err)
			}
			next := map[string]string{"first": "second\n", "second": "third\n"}[line]
			if _, err := io.WriteString(pw, next); err != nil {
				t.Fatal(err)
			}
		}
		_ = pw.Close()
		readAll(t, res)
	}
}

func TestConsole_LargeUploadArrivesWhole(t *testing.T) {
	r, socket := consoleRig(t)
	defer startConsole(t, socket, func(w http.ResponseWriter, req *http.Request) {
		n, err := io.Copy(io.Discard, req.Body)
		_, _ = fmt.Fprint(w, n, err)
	})()
	const size = 64 << 20
	_, body := r.send(http.MethodPost, "https://console.example.com/", io.LimitReader(zeros{}, size))
	if body != fmt.Sprint(size, "<nil>") && body != fmt.Sprint(size, nil) {
		t.Error(body)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
