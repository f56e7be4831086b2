package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestLogs_AreDownloadedAsPlainTextAndSearched(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	r.end(r.deployment(a, "Log", "\x1b[31mred\x1b[0m line", "turned \u202e line"), platform.DeploymentFailed, nil)
	got := r.do(ask{path: "/apps/mine/deployments/2/log.txt", session: r.session}).want(t, http.StatusOK)
	if !strings.Contains(got.body, "red line\n") || !strings.Contains(got.body, "turned <U+202E> line") || strings.Contains(got.body, "\x1b") {
		t.Errorf("%q", got.body)
	}
	if h := got.Header.Get("Content-Disposition"); !strings.HasPrefix(h, "attachment") || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%v", got.Header)
	}
	r.do(ask{path: "/apps/mine/deployments/99/log.txt", session: r.session}).want(t, http.StatusNotFound)
	r.engine.lines = []platform.LogLine{{At: time.Now(), Replica: "web.1", Text: "One apple"}, {At: time.Now(), Replica: "web.1", Text: "two pears"}}
	for path, want := range map[string]string{"/apps/mine/logs.txt?q=APPLE": "One apple", "/apps/mine/logs?q=APPLE": "One apple", "/api/v1/apps/mine/logs?q=APPLE": "One apple"} {
		if got := r.do(ask{path: path, session: r.session}).want(t, http.StatusOK); !strings.Contains(got.body, want) || strings.Contains(got.body, "pears") {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

func TestTerminal_ThePageKeepsTheStrictPolicyAndIsForThoseWhoMay(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	got := r.do(ask{path: "/apps/mine/terminal", session: r.session}).want(t, http.StatusOK)
	if policy := got.Header.Get("Content-Security-Policy"); policy != contentPolicy {
		t.Errorf("policy %q", policy)
	}
	if !strings.Contains(got.body, "lugsail exec --app mine") || !strings.Contains(got.body, "terminal.page.") || inline.MatchString(got.body) {
		t.Error(got.body)
	}
	viewer := r.viewer()
	r.do(ask{path: "/apps/mine/terminal", session: viewer}).want(t, http.StatusForbidden)
	if page := r.do(ask{path: "/apps/mine", session: viewer}).want(t, http.StatusOK).body; strings.Contains(page, "/apps/mine/terminal") {
		t.Error("a viewer is offered the terminal")
	}
}
