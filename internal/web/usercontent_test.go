package web

import (
	"mime"
	"net/http"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// drawn are the kinds of answers that the console's address gives; what is drawn by a browser is ours alone.
var drawn = map[string]bool{
	"": true, "text/html": true, "text/plain": true, "text/css": true, "text/javascript": true, "application/json": true, "application/problem+json": true,
	"text/event-stream": true, "image/svg+xml": true, "image/png": true, "image/x-icon": true, "font/woff2": true, "application/x-x509-ca-cert": true,
}

func TestA74_NothingThatPeopleSentIsServedFromTheConsole(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	const evil = "<script>top.location='https://evil.example'</script>"
	archive := zipped(t, [2]string{"index.html", evil}, [2]string{"evil.svg", `<svg xmlns="http://www.w3.org/2000/svg">` + evil + "</svg>"}, [2]string{"evil.pdf", "%PDF-1.4 " + evil}, [2]string{"Procfile", "web: true"})
	r.upload(r.token("", platform.ScopeAdmin), archive).want(t, http.StatusAccepted)
	d := r.newest("mine")
	r.engine.lines = []platform.LogLine{{Replica: "web.1", Text: evil}}
	r.log(d, evil)
	var paths []string
	for _, file := range []string{"index.html", "evil.svg", "evil.pdf", "Procfile"} {
		for _, dir := range []string{
			"", "/apps/mine", "/apps/mine/upload", "/apps/mine/deployments/2", "/apps/mine/source", "/assets", "/static", "/uploads", "/sources", "/data/sources",
			"/api/v1/apps/mine/uploads", "/api/v1/apps/mine/source", "/assets/..%2f..%2fsources", "/assets/../../sources",
		} {
			paths = append(paths, dir+"/"+file)
			if d.Source.Dir != "" {
				paths = append(paths, dir+d.Source.Dir+"/"+file)
			}
		}
	}
	for _, path := range paths {
		got := r.do(ask{path: path, session: r.session})
		if got.StatusCode < 400 || got.StatusCode >= 500 || strings.Contains(got.body, "evil.example") {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	for _, route := range r.server.routes {
		if route.method == get && !route.stream {
			paths = append(paths, concrete(strings.NewReplacer(":app", "{app}", ":number", "{number}", ":host", "{host}", ":id", "{id}", ":token", "{token}").Replace(route.path)))
		}
	}
	for _, path := range paths {
		for _, session := range []string{"", r.session} {
			got := r.do(ask{path: path, session: session})
			kind, _, _ := mime.ParseMediaType(got.Header.Get("Content-Type"))
			if !drawn[kind] || got.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(got.Header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%s: %d %q may be drawn: %v", path, got.StatusCode, kind, got.Header)
			}
			if strings.Contains(got.body, evil) && strings.HasPrefix(kind, "text/html") {
				t.Errorf("%s shows what was sent as it is", path)
			}
		}
	}
}
