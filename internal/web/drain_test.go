package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// behindProxy serves the rig on its socket and gives the address of a proxy that forwards as Lugsail's does.
func (r *rig) behindProxy() string {
	r.t.Helper()
	r.listen()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.server.config.Socket)
	}
	forward := &httputil.ReverseProxy{
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true},
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(&url.URL{Scheme: "http", Host: "console"})
			pr.Out.Host = testHost
		},
		FlushInterval: -1,
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // as Lugsail's does
		forward.ServeHTTP(w, req)
	}))
	r.t.Cleanup(proxy.Close)
	return proxy.URL
}

func TestRefusals_ReachAProxyThatStillSendsTheBody(t *testing.T) {
	r := newRig(t)
	address := r.behindProxy()
	token := r.token("", platform.ScopeAdmin)
	for name, want := range map[string]struct {
		path, token string
		size        int
		status      int
	}{
		"small, nobody":    {"/api/v1/apps", "", 10, http.StatusUnauthorized},
		"nobody":           {"/api/v1/apps", "", 200 << 10, http.StatusUnauthorized},
		"large, nobody":    {"/api/v1/apps", "", 4 << 20, http.StatusUnauthorized},
		"no such path":     {"/api/v1/nothing", token, 200 << 10, http.StatusNotFound},
		"too large":        {"/api/v1/apps", token, 3 << 19, http.StatusRequestEntityTooLarge},
		"much too large":   {"/api/v1/apps", token, 20 << 20, http.StatusRequestEntityTooLarge},
		"an app of nobody": {"/api/v1/apps/nothing/domains", token, 100 << 10, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+want.path, strings.NewReader(strings.Repeat(" ", want.size)))
				must(t, err)
				req.Header.Set("Content-Type", "application/json")
				if want.token != "" {
					req.Header.Set("Authorization", "Bearer "+want.token)
				}
				res, err := http.DefaultClient.Do(req)
				must(t, err)
				text, err := io.ReadAll(res.Body)
				must(t, err)
				must(t, res.Body.Close())
				if res.StatusCode != want.status || !strings.Contains(string(text), `"code"`) {
					t.Fatalf("got %d %s, want %d", res.StatusCode, text, want.status)
				}
			}
		})
	}
}
