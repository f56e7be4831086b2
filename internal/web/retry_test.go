package web

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// branch is what lies on the deploy branch of every app.
type branch struct {
	t      testing.TB
	commit string
}

func (b branch) Export(context.Context, platform.App) (platform.Source, error) {
	dir, err := os.MkdirTemp(b.t.TempDir(), "tree")
	return platform.Source{Dir: dir, Commit: b.commit, Title: "Say hello", Branch: "main"}, err
}

func (b branch) Tip(context.Context, platform.App) (string, error) { return b.commit, nil }

func (b branch) Begin(_ context.Context, _ platform.App, src platform.Source) (platform.Source, error) {
	return src, nil
}

// failed records a deployment that did not go live.
func (r *rig) failed(a platform.App, d platform.Deployment) platform.Deployment {
	r.t.Helper()
	ctx := r.t.Context()
	d.ID, d.AppID, d.State, d.Actor, d.Via, d.CreatedAt = platform.NewID(), a.ID, platform.DeploymentWaiting, testEmail, "git", time.Now()
	must(r.t, r.store.CreateDeployment(ctx, &d, []platform.StepName{platform.StepRelease, platform.StepSwitch}))
	_, err := r.store.ClaimDeployment(ctx, d.ID)
	must(r.t, err)
	r.end(d, platform.DeploymentFailed, func(d *platform.Deployment) { d.FailureText = "It did not answer." })
	return d
}

func TestRetry_OfWhatNeedsNoSourceIsOneClick(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	must(t, r.store.AppendRelease(t.Context(), &platform.Release{AppID: a.ID, DeploymentID: r.newest("mine").ID, Image: "x", Plan: "nano", CreatedAt: time.Now()}))
	token := r.token(a.ID, platform.ScopeDeploy)
	for name, one := range map[string]struct {
		failed platform.Deployment
		cause  string
		same   func(platform.Deployment) bool
	}{
		"a roll back": {
			platform.Deployment{Kind: platform.DeployRollback, FromRelease: 2, Cause: "rollback to v2"},
			"rollback to v2",
			func(d platform.Deployment) bool { return d.FromRelease == 2 },
		},
		"an image": {
			platform.Deployment{Kind: platform.DeployPush, Cause: "image nginx:1", Source: platform.Source{Image: "docker.io/library/nginx:1", Title: "Image nginx:1"}},
			"image docker.io/library/nginx:1",
			func(d platform.Deployment) bool { return d.Source.Image == "docker.io/library/nginx:1" },
		},
		"config vars": {platform.Deployment{Kind: platform.DeployConfig, Cause: "set COLOUR"}, "set COLOUR", func(platform.Deployment) bool { return true }},
		"a restart":   {platform.Deployment{Kind: platform.DeployRestart, Cause: "restart"}, "restart", func(platform.Deployment) bool { return true }},
		"a scale":     {platform.Deployment{Kind: platform.DeployScale, Cause: "scale web=2"}, "scale web=2", func(platform.Deployment) bool { return true }},
	} {
		r.apps.Reachable = func(context.Context, string, int) error { return nil }
		failed := r.failed(a, one.failed)
		path := fmt.Sprintf("/apps/mine/deployments/%d", failed.Number)
		if page := r.page(path); !strings.Contains(page, `action="`+path+`/retry"`) || !strings.Contains(page, `<p class="small quiet">Retry `) || strings.Contains(page, "is not kept") {
			t.Errorf("%s: the page offers no retry, or does not say what it does", name)
		}
		to := r.submit(path+"/retry", nil).want(t, http.StatusSeeOther).Header.Get("Location")
		d := r.newest("mine")
		if to != fmt.Sprintf("/apps/mine/deployments/%d", d.Number) || d.Number == failed.Number || d.Kind != failed.Kind || d.Cause != one.cause || !one.same(d) || d.Actor != testEmail {
			t.Errorf("%s: it leads to %s, recorded as %+v", name, to, d)
		}
		var got struct {
			Deployment struct {
				Number      int
				Kind, Cause string
			}
		}
		r.do(ask{method: post, path: "/api/v1" + path + "/retry", token: token, json: "{}"}).want(t, http.StatusAccepted).decode(t, &got)
		if again := r.newest("mine"); got.Deployment.Number != again.Number || again.Number == d.Number || again.Kind != failed.Kind || got.Deployment.Cause != one.cause {
			t.Errorf("%s, by a program: %+v, recorded as %+v", name, got.Deployment, again)
		}
	}
}

func TestRetry_IsForWhatFailedAndForThoseWhoMayDeploy(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	failed := r.failed(a, platform.Deployment{Kind: platform.DeployScale, Cause: "scale web=2"})
	before, path := r.newest("mine").Number, fmt.Sprintf("/apps/mine/deployments/%d", failed.Number)
	viewer := r.viewer()
	if page := r.do(ask{path: path, session: viewer}).want(t, http.StatusOK); strings.Contains(page.body, "Retry") {
		t.Error("a viewer is offered to retry")
	}
	r.do(ask{method: post, path: path + "/retry", session: viewer, form: url.Values{"x": {"y"}}}).want(t, http.StatusForbidden)
	r.do(ask{method: post, path: "/api/v1" + path + "/retry", token: r.token(a.ID, platform.ScopeRead), json: "{}"}).want(t, http.StatusForbidden)
	if page := r.page("/apps/mine/deployments/1"); strings.Contains(page, "Retry") {
		t.Error("what went live is offered to be retried")
	}
	refused := r.submit("/apps/mine/deployments/1/retry", nil).want(t, http.StatusConflict).body
	if refused = html.UnescapeString(refused); !strings.Contains(refused, "Deployment 1 cannot be retried: it is live.") || !strings.Contains(refused, `href="/apps/mine"`) {
		t.Errorf("the refusal is\n%s", refused)
	}
	if code := r.do(ask{method: post, path: "/api/v1/apps/mine/deployments/1/retry", session: r.session, json: "{}"}).want(t, http.StatusConflict).code(); code != "nothing_to_retry" {
		t.Errorf("by a program: %s", code)
	}
	r.submit("/apps/mine/deployments/99/retry", nil).want(t, http.StatusNotFound)
	if now := r.newest("mine").Number; now != before {
		t.Errorf("deployment %d was recorded", now)
	}
}

func TestRetry_OfAPushTakesTheCommitWhereItIsOnTheBranch(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	commit := strings.Repeat("1a2b", 10)
	r.apps.Sources = branch{t, commit}
	failed := r.failed(a, platform.Deployment{Kind: platform.DeployPush, Cause: "push of 1a2b1a2", Source: platform.Source{Commit: commit, Branch: "main", Title: "Say hello"}})
	path := fmt.Sprintf("/apps/mine/deployments/%d/retry", failed.Number)
	shown := strings.TrimSuffix(path, "/retry")
	if page := r.page(shown); !strings.Contains(page, `action="`+path+`"`) || !strings.Contains(page, "Retry builds 1a2b1a2 once more") {
		t.Error("the page of a commit that is on the branch offers no retry")
	}
	r.submit(path, nil).want(t, http.StatusSeeOther)
	d := r.newest("mine")
	if d.Number == failed.Number || d.Source.Commit != commit || d.Cause != fmt.Sprintf("retry of deployment %d, 1a2b1a2", failed.Number) {
		t.Errorf("recorded as %+v", d)
	}
	r.end(d, platform.DeploymentFailed, nil)

	r.apps.Sources = branch{t, strings.Repeat("9", 40)}
	if page := r.page(shown); strings.Contains(page, `action="`+path+`"`) || !strings.Contains(page, "What was pushed is not kept") || !strings.Contains(page, "git push lugsail main</pre>") {
		t.Error("the page of a commit that is not here does not say why and what to do")
	}
	if page := r.do(ask{path: shown, session: r.viewer()}).want(t, http.StatusOK).body; strings.Contains(page, "is not kept") {
		t.Error("a viewer is told to push")
	}
	var refused struct{ Code, Message, Hint string }
	r.do(ask{method: post, path: "/api/v1" + path, session: r.session, json: "{}"}).want(t, http.StatusConflict).decode(t, &refused)
	if refused.Code != "source_gone" || !strings.Contains(refused.Hint, "git push lugsail") {
		t.Errorf("a commit that is not here: %+v", refused)
	}
	upload := r.failed(a, platform.Deployment{Kind: platform.DeployPush, Cause: "upload of shop.zip", Source: platform.Source{Upload: "shop.zip"}})
	if page := r.page(fmt.Sprintf("/apps/mine/deployments/%d", upload.Number)); strings.Contains(page, `/retry"`) || !strings.Contains(page, "What was sent is not kept") || !strings.Contains(page, `href="/apps/mine/upload"`) {
		t.Error("the page of an upload does not say why and what to do")
	}
	r.do(ask{method: post, path: fmt.Sprintf("/api/v1/apps/mine/deployments/%d/retry", upload.Number), session: r.session, json: "{}"}).want(t, http.StatusConflict).decode(t, &refused)
	if refused.Code != "source_gone" || !strings.Contains(refused.Hint, "lugsail deploy") {
		t.Errorf("an upload: %+v", refused)
	}
	unbound := r.failed(a, platform.Deployment{Kind: platform.DeployPush, Cause: "deploy of main", Source: platform.Source{Remote: boundURL, Branch: "main"}})
	if page := r.page(fmt.Sprintf("/apps/mine/deployments/%d", unbound.Number)); strings.Contains(page, `/retry"`) || !strings.Contains(page, "not bound to that repository any more") {
		t.Error("the page of a repository that the app is not bound to does not say so")
	}
	if now := r.newest("mine").Number; now != unbound.Number {
		t.Errorf("deployment %d was recorded", now)
	}
}
