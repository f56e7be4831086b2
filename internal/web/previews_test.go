package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestPreviews_SayWhatAChangeDoesAndChangeNothing(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token, reader := r.token("", platform.ScopeAdmin), r.token("", platform.ScopeRead)
	for path, wanted := range map[string]string{
		"/api/v1/names/blog": `"free":true`, "/api/v1/names/mine": `"code":"app_exists"`, "/api/v1/names/api": `"instead":"my-api"`,
		"/api/v1/apps/mine/preview/scale?scale=web=2": `"starts":1`, "/api/v1/apps/mine/preview/destroy": `"downtime":true`,
		"/api/v1/plans?replicas=3": `"fits":`, "/api/v1/apps/mine/deployments?state=failed": `"deployments":[]`, "/api/v1/events?topic=domain": `"events":[]`,
	} {
		if got := r.do(ask{path: path, token: token}).want(t, http.StatusOK); !strings.Contains(got.body, wanted) {
			t.Errorf("%s lacks %s: %s", path, wanted, got.body)
		}
	}
	for path, status := range map[string]int{
		"/api/v1/apps/mine/preview/scale?scale=web": http.StatusUnprocessableEntity, "/api/v1/apps/mine/preview/scale?plan=huge": http.StatusUnprocessableEntity,
		"/api/v1/events?topic=%25": http.StatusUnprocessableEntity, "/api/v1/apps/mine/preview/rollback": http.StatusConflict,
	} {
		r.do(ask{path: path, token: reader}).want(t, status)
	}
	r.do(ask{method: post, path: "/api/v1/apps/mine/deployments/1/retry", token: token, json: "{}"}).want(t, http.StatusConflict)
}

func TestConfig_SavedForLaterIsToldAndComesBack(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeAdmin)
	preview := r.do(ask{method: post, path: "/api/v1/apps/mine/config/preview", token: token, json: `{"set":{"SECRET_KEY":"guess","NEW":"x"}}`}).want(t, http.StatusOK)
	if !strings.Contains(preview.body, `"added":["NEW"]`) || !strings.Contains(preview.body, `"changed":["SECRET_KEY"]`) {
		t.Error(preview.body)
	}
	r.do(ask{method: post, path: "/api/v1/apps/mine/config/preview", token: r.token("", platform.ScopeDeploy), json: `{"set":{"SECRET_KEY":"guess"}}`}).want(t, http.StatusForbidden)
	saved := r.do(ask{method: patch, path: "/api/v1/apps/mine/config", token: token, json: `{"set":{"NEW":"x"},"unset":["SECRET_KEY"],"later":true}`}).want(t, http.StatusAccepted)
	if strings.TrimSpace(saved.body) != `{"deployment":null}` {
		t.Errorf("it deploys at once: %s", saved.body)
	}
	if names := r.do(ask{path: "/api/v1/apps/mine/config", token: token}).want(t, http.StatusOK); !strings.Contains(names.body, `"added":["NEW"]`) {
		t.Error(names.body)
	}
	history := r.do(ask{path: "/api/v1/apps/mine/config/history", token: token}).want(t, http.StatusOK)
	if !strings.Contains(history.body, `"removed":["SECRET_KEY"]`) || !strings.Contains(history.body, `"later":true`) || strings.Contains(history.body, canary) {
		t.Error(history.body)
	}
	r.do(ask{method: post, path: "/api/v1/apps/mine/config/restore", token: token, json: `{"release":99}`}).want(t, http.StatusNotFound)
	r.do(ask{method: post, path: "/api/v1/apps/mine/config/restore", token: token, json: `{}`}).want(t, http.StatusUnprocessableEntity)
	r.do(ask{method: post, path: "/api/v1/apps/mine/config/restore", token: token, json: `{"release":1,"later":true}`}).want(t, http.StatusAccepted)
	r.do(ask{method: post, path: "/api/v1/apps/mine/config/apply", token: token, json: `{}`}).want(t, http.StatusAccepted)
}
