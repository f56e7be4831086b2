package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	routing "github.com/lugsail/lugsail/platform/route"
)

// gate is a proxy that can open every port but 7000.
type gate struct{ table platform.RouteTable }

func (g *gate) Publish(_ context.Context, t platform.RouteTable) error {
	g.table = t
	return nil
}

func (g *gate) Status(context.Context) (platform.ProxyStatus, error) {
	status := platform.ProxyStatus{Ports: map[int]string{}}
	for _, p := range g.table.Ports {
		if p.Port == 7000 {
			status.Ports[p.Port] = "address already in use"
		}
	}
	return status, nil
}

// opened is a rig with the add-on tea, which runs, before a gate.
func opened(t *testing.T) (*rig, *gate) {
	t.Helper()
	r, g := stacked(t), &gate{}
	r.apps.Open = r.store
	r.apps.Routes = &routing.Service{Publisher: g, Store: r.store, Hosts: func(name string) []string { return []string{name + ".example.test"} }}
	must(t, r.apps.Routes.Begin(t.Context(), nil))
	r.cache("tea")
	r.runs("tea")
	return r, g
}

func TestPublicPort_IsOpenedChangedAndClosed(t *testing.T) {
	r, g := opened(t)
	at, token := "/api/v1/apps/tea/public-port", r.token("", platform.ScopeAdmin)
	send := func(method, body string) answer { return r.do(ask{method: method, path: at, token: token, json: body}) }
	first := send(http.MethodPut, `{"sources": ["203.0.113.7", "2001:db8::/48"]}`).want(t, http.StatusOK).body
	wants(t, first, `"port":6379`, `"sources":["203.0.113.7","2001:db8::/48"]`, `"trouble":""`)
	if len(g.table.Ports) != 1 || g.table.Ports[0].Port != 6379 || time.Until(g.table.Ports[0].Until) < 23*time.Hour || time.Until(g.table.Ports[0].Until) > 25*time.Hour {
		t.Fatalf("the proxy has %+v, want port 6379 for a day", g.table.Ports)
	}
	send(http.MethodPut, `{"sources": ["203.0.113.8"], "port": 7001, "seconds": 60}`).want(t, http.StatusOK)
	if len(g.table.Ports) != 1 || g.table.Ports[0].Port != 7001 || time.Until(g.table.Ports[0].Until) > time.Minute {
		t.Fatalf("changed, the proxy has %+v", g.table.Ports)
	}
	taken := send(http.MethodPut, `{"sources": ["203.0.113.9"], "port": 7000}`).want(t, http.StatusConflict).body
	wants(t, taken, "public_port_unusable", "Port 7000 of this server cannot be opened: address already in use")
	if len(g.table.Ports) != 1 || g.table.Ports[0].Port != 7001 || g.table.Ports[0].Sources[0].String() != "203.0.113.8/32" {
		t.Errorf("what was open before is %+v now", g.table.Ports)
	}
	for body, code := range map[string]string{
		`{}`: "public_port_from_missing", `{"sources": ["0.0.0.0/0"]}`: "public_port_from_wide", `{"sources": ["here"]}`: "public_port_from_invalid",
		`{"sources": ["203.0.113.7"], "port": 22}`: "public_port_invalid", `{"sources": ["203.0.113.7"], "port": 70000}`: "public_port_invalid",
		`{"sources": ["203.0.113.7"], "seconds": -1}`: "public_port_time_invalid", `{"sources": ["203.0.113.7"], "seconds": 9223372036854775807}`: "public_port_time_invalid",
	} {
		wants(t, send(http.MethodPut, body).want(t, http.StatusUnprocessableEntity).body, code)
	}
	r.cache("mint")
	r.runs("mint")
	wants(t, r.do(ask{method: http.MethodPut, path: "/api/v1/apps/mint/public-port", token: token, json: `{"sources": ["203.0.113.7"], "port": 7001}`}).want(t, http.StatusConflict).body, "public_port_taken")
	wants(t, r.do(ask{path: "/api/v1/public-ports", token: r.token("", platform.ScopeRead)}).want(t, http.StatusOK).body, `"addon":"tea"`, `"port":7001`)
	wants(t, r.do(ask{path: "/api/v1/public-ports", token: r.token("mint", platform.ScopeRead)}).want(t, http.StatusOK).body, `"public_ports":[]`)
	r.serving("shop")
	wants(t, r.do(ask{method: http.MethodPut, path: "/api/v1/apps/shop/public-port", token: token, json: `{"sources": ["203.0.113.7"]}`}).want(t, http.StatusUnprocessableEntity).body, "app_not_addon")

	send(http.MethodDelete, "").want(t, http.StatusNoContent)
	wants(t, send(http.MethodDelete, "").want(t, http.StatusNotFound).body, "public_port_closed")
	if len(g.table.Ports) != 0 {
		t.Errorf("closed, the proxy has %+v", g.table.Ports)
	}
	wants(t, r.page("/activity"), "port 6379 leads to tea until", "port 7001 no longer leads to tea")
}

func TestPublicPort_InTheConsole(t *testing.T) {
	r, g := opened(t)
	page := r.page("/apps/tea")
	wants(t, page, "Open a port for a while", `value="198.51.100.9"`)
	wantsNone(t, page, "Close it now")
	refused := r.sends("/apps/tea/public-port", "from", "0.0.0.0/0, 203.0.113.7", "hours", "3", "port", "6400").want(t, http.StatusUnprocessableEntity).body
	wants(t, refused, "too much of the internet", `value="0.0.0.0/0, 203.0.113.7"`, `value="3"`, `value="6400"`, "<details open>", `<p class="hint bad" role="alert">`)
	r.sends("/apps/tea/public-port", "from", "203.0.113.7", "hours", "many").want(t, http.StatusUnprocessableEntity)
	r.sends("/apps/tea/public-port", "from", "203.0.113.7", "hours", "1", "port", "many").want(t, http.StatusUnprocessableEntity)
	if to := r.sends("/apps/tea/public-port", "from", "203.0.113.7 203.0.113.8", "hours", "3", "port", "").want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/tea?done=opened#public-port" {
		t.Errorf("it leads to %s", to)
	}
	if len(g.table.Ports) != 1 || len(g.table.Ports[0].Sources) != 2 {
		t.Fatalf("the proxy has %+v", g.table.Ports)
	}
	wants(t, r.page("/apps/tea"), ":6379</code> <button", "leads here until", "<code>203.0.113.8</code>", "Close it now", "Change it", "shows the whole URL, too")
	shown := r.sends("/apps/tea/connection").want(t, http.StatusOK).body
	_, outside, _ := strings.Cut(shown, `id="outside-url">`)
	if url, _, _ := strings.Cut(outside, "<"); !strings.HasPrefix(url, "redis://") || !strings.HasSuffix(url, ":6379/0") || strings.Contains(url, "tea:") {
		t.Errorf("programs elsewhere shall connect with %q", url)
	}
	wants(t, r.page("/"), `href="/apps/tea#public-port"`, "Port 6379 is open to the internet")
	looks := r.do(ask{path: "/apps/tea", session: r.viewer()}).want(t, http.StatusOK).body
	wants(t, looks, ":6379</code> <button", "leads here until")
	wantsNone(t, looks, "Close it now", "Change it")
	r.sends("/apps/tea/public-port/close").want(t, http.StatusSeeOther)
	wantsNone(t, r.page("/"), "is open to the internet")
	wants(t, r.page("/apps/tea"), "Open a port for a while")
}

func TestPublicPort_EndsWhenItsTimeIsOver(t *testing.T) {
	r, g := opened(t)
	r.sends("/apps/tea/public-port", "from", "203.0.113.7", "hours", "1").want(t, http.StatusSeeOther)
	r.apps.Now = func() time.Time { return time.Now().Add(61 * time.Minute) }
	wantsNone(t, r.page("/apps/tea"), "leads here until")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.apps.RunPublicPorts(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(r.page("/activity"), "its time is over"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody tells that its time is over")
		}
	}
	cancel()
	must(t, <-done)
	if len(g.table.Ports) != 0 {
		t.Errorf("the proxy has %+v", g.table.Ports)
	}
}
