package web

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const sourcePage = "/apps/mine/source"

// page asks for a page as the owner.
func (r *rig) page(path string) string {
	r.t.Helper()
	return html.UnescapeString(r.do(ask{path: path, session: r.session}).want(r.t, http.StatusOK).body)
}

func (r *rig) submit(path string, form url.Values) answer {
	r.t.Helper()
	if form == nil {
		form = url.Values{"x": {"y"}}
	}
	return r.do(ask{method: post, path: path, form: form, session: r.session})
}

func TestSourcePage_BindsFetchesAndUnbinds(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	if got := r.page(sourcePage); !strings.Contains(got, "git push lugsail main") || strings.Contains(got, "Webhook") {
		t.Error(got)
	}
	wrong := r.submit(sourcePage, url.Values{"url": {"https://127.0.0.1/x.git"}, "branch": {"main"}}).want(t, http.StatusUnprocessableEntity)
	if !strings.Contains(wrong.body, "does not fetch from") || !strings.Contains(wrong.body, `value="https://127.0.0.1/x.git"`) {
		t.Error(wrong.body)
	}
	to := r.submit(sourcePage, url.Values{"url": {boundURL}, "branch": {""}}).want(t, http.StatusSeeOther).Header.Get("Location")
	if to != "/apps/mine/deployments/2" {
		t.Errorf("it leads to %s", to)
	}
	if got := r.page(to); !strings.Contains(got, "Fetch") {
		t.Error("the step is not shown")
	}
	if got := r.page(sourcePage); !strings.Contains(got, "the default branch of") || !strings.Contains(got, boundURL) || !strings.Contains(got, "Turn it on") {
		t.Error(got)
	}
	if to := r.submit(sourcePage+"/pull", nil).want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/mine/deployments/3" {
		t.Errorf("it leads to %s", to)
	}
	back := r.submit(sourcePage+"/unbind", nil).want(t, http.StatusSeeOther).Header.Get("Location")
	if got := r.page(back); !strings.Contains(got, "not bound to a repository any more") {
		t.Error(got)
	}
}

func TestSourcePage_ShowsTheSecretOnceAndDeliveries(t *testing.T) {
	r := newRig(t)
	w := r.webhook("main")
	if got := w.page(sourcePage); strings.Contains(got, "whsec_") || !strings.Contains(got, w.path) || !strings.Contains(got, "Nothing came yet") {
		t.Error(got)
	}
	shown := html.UnescapeString(w.submit("/apps/mine/webhook", nil).want(t, http.StatusOK).body)
	if !strings.Contains(shown, "whsec_") || strings.Contains(w.page(sourcePage), "whsec_") {
		t.Error("the secret is shown not once")
	}
	w.turnOn() // for a secret that the test knows
	body := strings.Replace(githubPush(boundURL, "refs/heads/main", pushedCommit), "Add a page", "<script>alert(1)</script>", 1)
	w.wantOutcome(w.github("push", body), "deployed")
	raw := w.do(ask{path: sourcePage, session: w.session}).want(t, http.StatusOK).body
	if strings.Contains(raw, "<script>alert") || !strings.Contains(raw, "&lt;script&gt;") || !strings.Contains(raw, "Redeliver") || !strings.Contains(raw, `href="/apps/mine/deployments/2"`) {
		t.Error(raw)
	}
	if to := w.submit("/apps/mine/webhook/redeliver", url.Values{"delivery": {"1"}}).want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/mine/deployments/3" {
		t.Errorf("it leads to %s", to)
	}
	w.submit("/apps/mine/webhook/redeliver", url.Values{"delivery": {"x"}}).want(t, http.StatusNotFound)
	viewer := w.viewer()
	seen := w.do(ask{path: sourcePage, session: viewer}).want(t, http.StatusOK).body
	for _, offered := range []string{"Redeliver", "New secret", "Forget the repository", "Fetch and deploy", "whsec_"} {
		if strings.Contains(seen, offered) {
			t.Errorf("a viewer is offered %q", offered)
		}
	}
	back := w.submit("/apps/mine/webhook/off", nil).want(t, http.StatusSeeOther).Header.Get("Location")
	if got := w.page(back); !strings.Contains(got, "answers nobody") {
		t.Error(got)
	}
}
