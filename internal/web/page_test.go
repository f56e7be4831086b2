package web

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

func TestA52_SignInLeadsOnlyToOwnPages(t *testing.T) {
	r := newRig(t)
	for next, want := range map[string]string{
		"/apps/mine": "/apps/mine", "/apps/mine?done=saved": "/apps/mine?done=saved", "": "/",
		"//evil.test": "/", `/\evil.test`: "/", "https://evil.test": "/", "javascript:alert(1)": "/",
		"/%2fevil.test": "/", "/%5cevil.test": "/", "///evil.test": "/", "/\t/evil.test": "/", "/\r\nX: y": "/",
		`\\evil.test`: "/", "evil.test": "/",
	} {
		form := url.Values{"email": {testEmail}, "password": {testPassword}, "next": {next}}
		got := r.do(ask{method: post, path: "/login", form: form}).want(t, http.StatusSeeOther)
		if location := got.Header.Get("Location"); location != want {
			t.Errorf("next %q leads to %q, want %q", next, location, want)
		}
	}
	away := r.do(ask{path: "/apps/mine/logs?process=web"}).want(t, http.StatusSeeOther)
	if got := away.Header.Get("Location"); got != "/login?next="+url.QueryEscape("/apps/mine/logs?process=web") {
		t.Errorf("the way to sign in: %s", got)
	}
}

func TestA58_OtherHostsSeeNothing(t *testing.T) {
	r := newRig(t)
	for _, host := range []string{"evil.test", "203.0.113.7", "", "console.example.test.evil.test", "mine.example.test"} {
		got := r.do(ask{path: "/login", host: orDash(host)})
		if got.StatusCode != http.StatusNotFound || strings.Contains(got.body, "Lugsail") {
			t.Errorf("host %q: %d %s", host, got.StatusCode, got.body)
		}
	}
	for _, host := range []string{"console.example.test:8443", "CONSOLE.example.test", "console.example.test."} {
		r.do(ask{path: "/login", host: host}).want(t, http.StatusOK)
	}
}

func orDash(host string) string {
	if host == "" {
		return "-"
	}
	return host
}

func TestA58_EveryAnswerHasTheSecurityHeaders(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/", "/login", "/api/v1/apps", "/nonesuch", "/healthz", "/ca.crt"} {
		h := r.do(ask{path: path}).Header
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") == "" || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", path, h)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS without a public certificate", path)
		}
	}
}

func TestA75_NothingIsServedThatIsNoRoute(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{
		"/metrics", "/debug/pprof/", "/.env", "/.git/config", "/assets/", "/assets/..%2f..%2fui.go", "/assets/lugsail.css",
		"/assets/../templates/login.html", "/api", "/api/v1", "/console.go", "/favicon.ico",
	} {
		if got := r.do(ask{path: path, session: r.session}); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
}

// evil is text that people and programs can choose: it must come out as text.
const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`

func TestA71_ForeignTextStaysText(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	failed := r.deployment(a, evil, evil, "\x1b]0;"+evil+"\x07 title", "\x1b[31m"+evil+"\x1b[0m")
	r.end(failed, platform.DeploymentFailed, func(d *platform.Deployment) {
		d.FailureText, d.FailureHint, d.Actor, d.Cause = evil, evil, evil, evil
	})
	must(t, r.store.SetStep(t.Context(), platform.Step{DeploymentID: failed.ID, Name: platform.StepBuild, State: platform.StepFailed, Detail: evil}))
	must(t, r.store.AppendEvent(t.Context(), &platform.Event{At: time.Now(), Actor: evil, Via: evil, Source: evil, Action: evil, App: evil, Text: evil}))
	r.engine.lines = []platform.LogLine{{At: time.Now(), Replica: evil, Stream: evil, Text: evil}}
	paths := []string{"/", "/apps/mine", "/apps/mine/deployments", "/apps/mine/deployments/2", "/apps/mine/logs", "/apps/mine/logs?process=" + url.QueryEscape(evil), "/activity", "/account", "/account/tokens", "/account/browsers", "/account/keys", "/account/passkeys", "/login?next=" + url.QueryEscape("/"+evil), "/nonesuch/" + url.PathEscape(evil)}
	for _, path := range paths {
		got := r.do(ask{path: path, session: r.session})
		if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, "<img src=x") {
			t.Errorf("%s: foreign text became markup", path)
		}
		if strings.Contains(got.body, "\x1b") {
			t.Errorf("%s: terminal sequences came through", path)
		}
		if m := inline.FindString(got.body); m != "" {
			t.Errorf("%s: inline style or script: %s", path, m)
		}
	}
	wrong := r.do(ask{method: post, path: "/create", session: r.session, form: url.Values{"name": {evil}, "plan": {"nano"}}})
	if wrong.StatusCode != http.StatusUnprocessableEntity || strings.Contains(wrong.body, "<script>alert") {
		t.Errorf("form shown again: %d", wrong.StatusCode)
	}
}

// inline is what the content policy forbids, so it would not work.
var inline = regexp.MustCompile(`<[^>]* (style|on[a-z]+)="|<style|<script>`)

func TestPages_EveryPageShowsAndExplains(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	if got := r.do(ask{path: "/apps/mine/deployments", session: r.session}); !strings.Contains(got.body, "</svg>Live</span>") {
		t.Errorf("the deployment that serves is not told:\n%s", got.body)
	}
	for path, want := range map[string]string{
		"/": "v1 serves", "/create": "Create the app", "/activity": "Who did what", "/server": "SHA-256", "/account": "How you sign in", "/account/browsers": "Test Browser", "/account/tokens": "Make a token", "/account/keys": "Add a key", "/account/password": "New password", "/account/second-factor": "Show the QR code", "/account/passkeys": "Add a passkey",
		"/apps/mine": "Say hello", "/apps/mine/deployments": "Say hello", "/apps/mine/deployments/1": "second line",
		"/apps/mine/logs": "No lines yet", "/apps/mine/config": "SECRET_KEY", "/apps/mine/domains": "Add a domain", "/apps/mine/volumes": "Add a volume", "/apps/mine/snapshots": "Make a snapshot",
		"/apps/mine/scaling": "The plan now", "/apps/mine/settings": "Destroy mine",
	} {
		got := r.do(ask{path: path, session: r.session})
		if got.StatusCode != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d, without %q", path, got.StatusCode, want)
		}
	}
}

func TestPages_ViewerIsOfferedNothingForbidden(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	viewer := r.viewer()
	for _, path := range []string{"/", "/apps/mine", "/apps/mine/config", "/apps/mine/domains", "/apps/mine/volumes", "/apps/mine/snapshots", "/apps/mine/scaling", "/apps/mine/settings", "/apps/mine/deployments/1"} {
		got := r.do(ask{path: path, session: viewer}).want(t, http.StatusOK)
		for _, word := range []string{"Roll back", "Destroy", "Remove", ">Show", "Create an app", "Deploy again", "Change the plan", "Add the domain"} {
			if strings.Contains(got.body, word) {
				t.Errorf("%s offers a viewer %q", path, word)
			}
		}
	}
}

func TestPages_FormsDoWhatTheySay(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	send := func(path string, form url.Values, status int) answer {
		t.Helper()
		return r.do(ask{method: post, path: path, session: r.session, form: form}).want(t, status)
	}
	if got := send("/create", url.Values{"name": {"shop"}, "plan": {"pico"}}, 303).Header.Get("Location"); got != "/apps/shop" {
		t.Errorf("create leads to %s", got)
	}
	if got := send("/apps/mine/config", url.Values{"name": {"A"}, "value": {"b"}, "lines": {"export C=\"d\\ne\"\n# no\nF=g # h"}}, 303).Header.Get("Location"); got != "/apps/mine/deployments/2" {
		t.Errorf("config leads to %s", got)
	}
	vars, err := r.apps.ConfigVars(t.Context(), r.owner, "mine")
	must(t, err)
	if vars["A"] != "b" || vars["C"] != "d\ne" || vars["F"] != "g" {
		t.Errorf("config vars: %q", vars)
	}
	if got := send("/apps/mine/config/reveal", url.Values{"name": {"SECRET_KEY"}}, 200); !strings.Contains(got.body, canary) {
		t.Error("reveal shows nothing")
	}
	send("/apps/mine/config/remove", url.Values{"name": {"A"}}, 303)
	send("/apps/mine/domains", url.Values{"host": {"shop.ada.dev"}}, 303)
	if got := r.do(ask{path: "/apps/mine/domains", session: r.session}); !strings.Contains(got.body, "203.0.113.7") {
		t.Error("the domain's page does not say what to write into the DNS")
	}
	send("/apps/mine/domains/remove", url.Values{"host": {"shop.ada.dev"}}, 303)
	send("/apps/mine/scaling/plan", url.Values{"plan": {"micro"}}, 303)
	send("/apps/mine/scaling/plan", url.Values{"plan": {"2xlarge"}}, 409)
	send("/apps/mine/scaling/replicas", url.Values{"web": {"2"}}, 303)
	send("/apps/mine/settings", url.Values{"branch": {"live"}, "path": {"/health"}, "timeout": {"30"}}, 303)
	send("/apps/shop/rename", url.Values{"name": {"mine"}}, 409)
	if got := send("/apps/shop/rename", url.Values{"name": {"store"}}, 303).Header.Get("Location"); got != "/apps/store/settings?done=renamed" {
		t.Errorf("rename leads to %s", got)
	}
	send("/apps/store/rename", url.Values{"name": {"shop"}}, 303)
	send("/apps/mine/destroy", url.Values{"confirm": {"not mine"}}, 422)
	send("/apps/mine/destroy", url.Values{"confirm": {"mine"}}, 303)
	if got := send("/account/tokens", url.Values{"name": {"ci"}, "scope": {"deploy"}, "app": {"shop"}, "days": {"30"}}, 201); !strings.Contains(got.body, "lgs_") {
		t.Error("the token is not shown")
	}
	send("/account/password", url.Values{"current": {testPassword}, "password": {"another good password"}, "again": {"another good password"}}, 303)
	send("/logout", url.Values{}, 303)
	r.do(ask{path: "/", session: r.session}).want(t, http.StatusSeeOther)
}

func TestPages_AFormOfASessionThatEndedIsToldAsNotDone(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	send := func(path, referer string) string {
		t.Helper()
		form := url.Values{"name": {"A"}, "value": {"b"}}
		return r.do(ask{method: post, path: path, form: form, header: http.Header{"Referer": {referer}}}).want(t, http.StatusSeeOther).Header.Get("Location")
	}
	from := "https://" + testHost + "/apps/mine/config?before=3"
	to := send("/apps/mine/config", from)
	if to != "/login?done=unsent&next=%2Fapps%2Fmine%2Fconfig%3Fbefore%3D3" {
		t.Errorf("it leads to %s", to)
	}
	if page := r.do(ask{path: to}).want(t, http.StatusOK).body; !strings.Contains(page, "what you sent was not done") || !strings.Contains(page, `value="/apps/mine/config?before=3"`) {
		t.Errorf("the sign-in page does not say so, or does not lead back:\n%s", page)
	}
	for _, referer := range []string{"", "https://elsewhere.example/apps/mine", "https://" + testHost + "//elsewhere.example", "%"} {
		if to := send("/apps/mine/config", referer); to != "/login?done=unsent&next=%2F" {
			t.Errorf("from %q it leads to %s", referer, to)
		}
	}
	if to := send("/logout", from); to != "/login?done=signed-out" {
		t.Errorf("signing out twice leads to %s", to)
	}
}

func TestPages_TheAddressOfAFormLeadsToItsPage(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	for path, page := range map[string]string{
		"/apps/mine/config/reveal": "/apps/mine/config", "/apps/mine/scaling/replicas": "/apps/mine/scaling", "/apps/mine/destroy": "/apps/mine",
		"/apps/mine/deployments/1/cancel": "/apps/mine/deployments/1", "/logout": "/",
	} {
		if to := r.do(ask{path: path, session: r.session}).want(t, http.StatusSeeOther).Header.Get("Location"); to != page {
			t.Errorf("%s leads to %s", path, to)
		}
	}
	r.do(ask{method: http.MethodDelete, path: "/apps/mine", session: r.session}).want(t, http.StatusMethodNotAllowed)
}

func TestPages_WhatIsRefusedStaysInTheForm(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	settings := r.do(ask{method: post, path: "/apps/mine/settings", session: r.session, form: url.Values{"branch": {"live"}, "path": {"/up"}, "timeout": {"7"}, "grace": {"0"}}}).want(t, http.StatusUnprocessableEntity)
	for _, value := range []string{"live", "/up", "7", "0"} {
		if !strings.Contains(settings.body, `value="`+value+`"`) {
			t.Errorf("the settings lost %q", value)
		}
	}
	renamed := r.do(ask{method: post, path: "/apps/mine/rename", session: r.session, form: url.Values{"name": {"My Shop"}}}).want(t, http.StatusUnprocessableEntity)
	if !strings.Contains(renamed.body, `value="My Shop"`) || !strings.Contains(renamed.body, "Destroy mine") {
		t.Error("the new name is lost, or taken for the app's")
	}
	got := r.do(ask{method: post, path: "/apps/mine/scaling/replicas", session: r.session, form: url.Values{"web": {"9999"}}}).want(t, http.StatusUnprocessableEntity)
	if !strings.Contains(got.body, `value="9999"`) {
		t.Error("what was typed is lost")
	}
}

func TestPages_AnEmptyFieldOfTheSettingsIsTheDefaultAgain(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	for _, typed := range []string{"90", ""} {
		form := url.Values{"branch": {""}, "path": {""}, "timeout": {""}, "grace": {typed}}
		r.do(ask{method: post, path: "/apps/mine/settings", session: r.session, form: form}).want(t, http.StatusSeeOther)
		if page := r.page("/apps/mine/settings"); !strings.Contains(page, `max="600" placeholder="30" value="`+typed+`"`) {
			t.Errorf("%q seconds to end are not kept", typed)
		}
	}
}

func TestPages_AFormThatIsTooLargeOrBrokenIsToldAsSuch(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	large := r.do(ask{method: post, path: "/apps/mine/config", session: r.session, form: url.Values{"lines": {"A=" + strings.Repeat("x", 600<<10)}}})
	if large.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(large.body, "larger than Lugsail takes") {
		t.Errorf("too large: %d", large.StatusCode)
	}
	broken := r.do(ask{method: post, path: "/login", json: "email=%zz", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
	if broken.StatusCode != http.StatusBadRequest || !strings.Contains(broken.body, "cannot be read") {
		t.Errorf("broken: %d", broken.StatusCode)
	}
}

func TestPages_ALongLogShowsItsEnd(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	var lines []string
	for i := range 7001 {
		lines = append(lines, "line "+strconv.Itoa(i)+".")
	}
	r.end(r.deployment(a, "Long", lines...), platform.DeploymentFailed, nil)
	page := r.do(ask{path: "/apps/mine/deployments/2", session: r.session}).want(t, http.StatusOK).body
	first, second, last := strings.Index(page, "line 4001."), strings.Index(page, "line 4002."), strings.Index(page, "line 7000.")
	if strings.Contains(page, "line 4000.") || first < 0 || second < first || last < second || !strings.Contains(page, "Earlier lines are left out") {
		t.Errorf("lines at %d, %d, %d", first, second, last)
	}
}

func TestPages_AReleaseThatFailedIsToldAndNotOffered(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	d := r.deployment(a, "Break it")
	must(t, r.store.AppendRelease(t.Context(), &platform.Release{AppID: a.ID, DeploymentID: d.ID, Image: "x", Plan: "nano", CommitTitle: "Break it", CreatedAt: time.Now()}))
	r.end(d, platform.DeploymentFailed, nil)
	page := r.do(ask{path: "/apps/mine", session: r.session}).want(t, http.StatusOK).body
	if !strings.Contains(page, `<b>v2</b> Break it <span class="state bad">failed</span>`) || strings.Contains(page, "Roll back to v2") {
		t.Error("v2 looks as if it had served")
	}
}

func TestPages_NothingIsDeployedAgainBeforeAPushSucceeded(t *testing.T) {
	r := newRig(t)
	_, err := r.apps.Create(t.Context(), r.owner, app.CreateRequest{Name: "new"})
	must(t, err)
	a, err := r.store.AppByName(t.Context(), "new")
	must(t, err)
	r.end(r.deployment(a, "First"), platform.DeploymentFailed, nil)
	page := r.do(ask{path: "/apps/new", session: r.session}).want(t, http.StatusOK).body
	if strings.Contains(page, "Deploy again") || !strings.Contains(page, "git push lugsail main") {
		t.Error("the page does not lead to a push")
	}
}

func TestPages_ErrorsLeadBack(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	const menu, home = `aria-label="Main"`, `href="/">To your apps</a>`
	for _, path := range []string{"/nonesuch", "/apps/nonesuch", "/apps/mine/deployments/99", "/assets/none.css"} {
		page := r.do(ask{path: path, session: r.session}).want(t, http.StatusNotFound).body
		if !strings.Contains(page, menu) || !strings.Contains(page, home) {
			t.Errorf("%s is a dead end", path)
		}
	}
	stranger := r.do(ask{path: "/nonesuch"}).want(t, http.StatusNotFound).body
	if strings.Contains(stranger, menu) || !strings.Contains(stranger, `href="/">To the sign-in page</a>`) {
		t.Error("who is not signed in is not led to sign in")
	}
	cancel := r.do(ask{method: post, path: "/apps/mine/deployments/1/cancel", session: r.session, form: url.Values{}})
	if !strings.Contains(cancel.body, `href="/apps/mine">Back to mine</a>`) {
		t.Errorf("a refused cancel (%d) does not lead back to the app", cancel.StatusCode)
	}
	same := r.do(ask{method: post, path: "/apps/mine/rollback", session: r.session, form: url.Values{"release": {"1"}}}).want(t, http.StatusConflict)
	if !strings.Contains(same.body, "v1 is live now") || !strings.Contains(same.body, "All deployments") {
		t.Error("a refused rollback does not show the app's page again")
	}
}

func TestPages_ARefusedConfigVarKeepsWhatWasTyped(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	form := url.Values{"name": {"1 bad"}, "value": {"two\n  lines"}, "lines": {"A=b"}}
	page := r.do(ask{method: post, path: "/apps/mine/config", session: r.session, form: form}).want(t, http.StatusUnprocessableEntity).body
	for _, typed := range []string{`value="1 bad"`, "two\n  lines</textarea>", "A=b</textarea>"} {
		if !strings.Contains(page, typed) {
			t.Errorf("the form has lost %q", typed)
		}
	}
}

// roomy is a machine with much memory and few cores.
type roomy struct{ *engine }

func (roomy) Capacity(context.Context) (int64, int, error) { return 64 << 30, 2, nil }

func TestPages_PlansTellWhereTheCoresLimit(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	r.apps.Engine = roomy{r.engine}
	for path, want := range map[string]int{"/create": 3, "/server": 4, "/apps/mine/scaling": 3} { // large, xlarge, 2xlarge; db-large
		page := html.UnescapeString(r.do(ask{path: path, session: r.session}).want(t, http.StatusOK).body)
		if got := strings.Count(page, "limited to this server's 2 cores"); got != want {
			t.Errorf("%s tells it of %d plans", path, got)
		}
	}
}
