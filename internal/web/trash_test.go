package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestPages_TrashListsRestoresAndRemoves(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	send := func(path string, form url.Values, status int) answer {
		t.Helper()
		return r.do(ask{method: post, path: path, session: r.session, form: form}).want(t, status)
	}
	send("/apps/mine/destroy", url.Values{"confirm": {"other"}}, http.StatusUnprocessableEntity)
	send("/apps/mine/destroy", url.Values{"confirm": {"mine"}}, http.StatusSeeOther)
	page := r.do(ask{path: "/trash", session: r.session}).want(t, http.StatusOK)
	if !strings.Contains(page.body, "Bring it back") || !strings.Contains(page.body, "removed for good on") {
		t.Errorf("the trash does not show it:\n%s", page.body)
	}
	app := r.do(ask{path: "/apps/mine", session: r.session}).want(t, http.StatusOK).body
	if !strings.Contains(app, `action="/apps/mine/restore"`) || !strings.Contains(app, "live last") {
		t.Error("the page of an app in the trash offers no way back")
	}
	for _, not := range []string{"state ok\">live<", "Deploy again", "Roll back to", "git push"} {
		if strings.Contains(app, not) {
			t.Errorf("the page of an app in the trash says %q", not)
		}
	}
	if home := r.do(ask{path: "/", session: r.session}).want(t, http.StatusOK); !strings.Contains(home.body, "1 app in the") {
		t.Error("the first page does not lead to the trash")
	}
	if seen := r.do(ask{path: "/trash", session: r.viewer()}).want(t, http.StatusOK); strings.Contains(seen.body, "Bring it back") {
		t.Error("a viewer is offered to bring it back")
	}
	send("/apps/mine/restore", url.Values{}, http.StatusSeeOther)
	if a, err := r.store.AppByName(t.Context(), "mine"); err != nil || a.State != platform.AppActive {
		t.Errorf("state %s, %v", a.State, err)
	}
	send("/apps/mine/destroy", url.Values{"confirm": {"mine"}, "now": {"1"}, "from": {"trash"}}, http.StatusSeeOther)
	if a, err := r.store.AppByName(t.Context(), "mine"); err != nil || a.State != platform.AppDestroying {
		t.Errorf("state %s, %v", a.State, err)
	}
}

func TestPages_BuilderIsChosen(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	r.do(ask{method: post, path: "/apps/mine/builder", session: r.session, form: url.Values{"builder": {"dockerfile"}, "dockerfile": {"docker/Dockerfile"}}}).want(t, http.StatusSeeOther)
	a, err := r.store.AppByName(t.Context(), "mine")
	if err != nil || a.Builder != platform.BuilderDockerfile || a.Dockerfile != "docker/Dockerfile" {
		t.Errorf("app %+v, %v", a, err)
	}
	wrong := r.do(ask{method: post, path: "/apps/mine/builder", session: r.session, form: url.Values{"builder": {"auto"}, "dockerfile": {"../../etc/passwd"}}}).want(t, http.StatusUnprocessableEntity)
	if !strings.Contains(wrong.body, "inside of the source") {
		t.Error("it does not say what is wrong")
	}
}

func TestA05_PathOfADockerfileThroughTheAPI(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeAdmin)
	for _, path := range []string{"../../etc/passwd", "/etc/passwd", "$(id)", "a/../../b", "x\\u0000y"} {
		got := r.do(ask{method: patch, path: "/api/v1/apps/mine", token: token, json: `{"dockerfile": "` + path + `"}`}).want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(got.body, "dockerfile_path_invalid") {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

func TestAPI_TrashRestoreAndNow(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeAdmin)
	r.do(ask{method: remove, path: "/api/v1/apps/mine", token: token, json: `{"confirm": "mine"}`}).want(t, http.StatusAccepted)
	list := r.do(ask{path: "/api/v1/trash", token: token}).want(t, http.StatusOK)
	if !strings.Contains(list.body, `"name":"mine"`) || !strings.Contains(list.body, `"trash_ends_at":"`) {
		t.Errorf("list %s", list.body)
	}
	refused := r.do(ask{method: put, path: "/api/v1/apps/mine/scale", token: token, json: `{"scale": {"web": 2}}`}).want(t, http.StatusConflict)
	if !strings.Contains(refused.body, "app_trashed") {
		t.Errorf("scaling in the trash: %s", refused.body)
	}
	r.do(ask{method: post, path: "/api/v1/apps/mine/restore", token: token}).want(t, http.StatusAccepted)
	r.do(ask{method: post, path: "/api/v1/apps/mine/restore", token: token}).want(t, http.StatusConflict)
	r.do(ask{method: remove, path: "/api/v1/apps/mine", token: token, json: `{"confirm": "mine", "now": true}`}).want(t, http.StatusAccepted)
}
