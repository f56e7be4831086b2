package proxy

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestProbe(t *testing.T) {
	r := newRig(t)
	app := startApp(t, func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/host":
			if req.Host != "a.example.com" || req.Header.Get("X-Forwarded-Proto") != "https" {
				w.WriteHeader(400)
			}
		case "/moved":
			http.Redirect(w, req, "/broken", http.StatusFound)
		case "/broken":
			w.WriteHeader(500)
		case "/hangs":
			<-req.Context().Done()
		case "/closes":
			panic(http.ErrAbortHandler)
		}
	})
	addr := app.Listener.Addr().String()
	closed := httptest.NewServer(nil)
	closed.Close()
	garbage, _ := rawApp(t, "220 mail.example.com ESMTP\r\n")
	for name, c := range map[string]struct {
		probe platform.Probe
		want  platform.ProbeResult
	}{
		"TCP":          {platform.Probe{Address: addr}, platform.ProbeResult{OK: true}},
		"TCP refused":  {platform.Probe{Address: closed.Listener.Addr().String()}, platform.ProbeResult{Reason: "connection refused"}},
		"HTTP":         {platform.Probe{Address: addr, Path: "/"}, platform.ProbeResult{OK: true, Status: 200}},
		"host":         {platform.Probe{Address: addr, Path: "/host", Host: "a.example.com"}, platform.ProbeResult{OK: true, Status: 200}},
		"redirect":     {platform.Probe{Address: addr, Path: "/moved"}, platform.ProbeResult{OK: true, Status: 302}},
		"500":          {platform.Probe{Address: addr, Path: "/broken"}, platform.ProbeResult{Status: 500, Reason: "answered 500"}},
		"hangs":        {platform.Probe{Address: addr, Path: "/hangs", Timeout: 100 * time.Millisecond}, platform.ProbeResult{Reason: "no answer within 100ms"}},
		"closes":       {platform.Probe{Address: addr, Path: "/closes"}, platform.ProbeResult{Reason: "it closed the connection without an answer"}},
		"not HTTP":     {platform.Probe{Address: garbage, Path: "/"}, platform.ProbeResult{Reason: "it does not speak HTTP"}},
		"HTTP refused": {platform.Probe{Address: closed.Listener.Addr().String(), Path: "/"}, platform.ProbeResult{Reason: "connection refused"}},
	} {
		got, err := r.control.Probe(context.Background(), c.probe)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestControl_BadTablesAreRefusedAndChangeNothing(t *testing.T) {
	r := newRig(t)
	app := startApp(t, says("serving a"))
	r.publish(t, routeTo("a.example.com", app))
	good := routeTo("b.example.com", app)
	for name, bad := range map[string]platform.RouteTable{
		"host":    tableOf(2, good, platform.Route{Host: "x y"}),
		"twice":   tableOf(2, good, platform.Route{Host: "B.example.com"}),
		"address": tableOf(2, good, platform.Route{Host: "c.example.com", Release: 1, Targets: []platform.Target{{ID: "x", Address: "example.com:80"}}}),
		"console": {Revision: 2, BootID: testBoot, Console: platform.Console{Hosts: []string{"b.example.com"}}, Routes: []platform.Route{good}},
	} {
		if err := r.control.Publish(context.Background(), bad); !platform.IsKind(err, platform.Invalid) {
			t.Error(name, err)
		}
	}
	st, err := r.control.Status(context.Background())
	if err != nil || st.Revision != 1 || len(st.InFlight) != 1 {
		t.Error(st, err)
	}
	if _, body := r.get("https://a.example.com/"); body != "serving a" {
		t.Error(body)
	}
}

func TestControl_SocketIsOfTheOwnerOnly(t *testing.T) {
	r := newRig(t)
	info, err := os.Stat(r.server.config.ControlSocket)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Error(info.Mode(), err)
	}
}

func TestControl_SecondProxyIsRefused(t *testing.T) {
	r := newRig(t)
	if l, err := listenControl(r.server.config.ControlSocket); err == nil {
		_ = l.Close()
		t.Error("a second proxy took the control socket")
	}
	if _, err := r.control.Status(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestControl_LeftSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = dead.Close()
	r := newRig(t, func(c *Config) { c.ControlSocket = path })
	if _, err := r.control.Status(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestClient_SaysWhenTheProxyIsAway(t *testing.T) {
	c := NewClient(filepath.Join(t.TempDir(), "nobody.sock"))
	if err := c.Publish(context.Background(), platform.RouteTable{}); !platform.IsKind(err, platform.Unavailable) {
		t.Error(err)
	}
}

func TestStatus_CountsRequests(t *testing.T) {
	r := newRig(t)
	r.publish(t, routeTo("a.example.com", startApp(t, says("a"))))
	for range 3 {
		r.get("https://a.example.com/")
	}
	if st, err := r.control.Status(context.Background()); err != nil || st.Requests != 3 {
		t.Error(st, err)
	}
}
