package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestA16_FieldsOutsideTheBodyAreRefused(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	for body, code := range map[string]string{
		`{"name":"one","admin":true}`:          "field_unknown",
		`{"name":"one","NAME":"two"}`:          "field_unknown",
		`{"name":"one","name":"two"}`:          "field_twice",
		`{"Name":"one"}`:                       "field_unknown",
		`{"name":"one"} {"name":"two"}`:        "json_invalid",
		`{"name":"one"`:                        "json_invalid",
		`{"name":1}`:                           "field_invalid",
		`[]`:                                   "json_invalid",
		`"x"`:                                  "json_invalid",
		strings.Repeat(`{"name":`, 100_000):    "json_invalid",
		strings.Repeat(`[`, 200_000):           "json_invalid",
		`{"name":"one","plan":{"a":{"b":[]}}}`: "field_invalid",
	} {
		got := r.do(ask{method: post, path: "/api/v1/apps", token: token, json: body})
		if got.StatusCode != http.StatusBadRequest || got.code() != code {
			t.Errorf("%.40s: %d %s, want 400 %s", body, got.StatusCode, got.code(), code)
		}
	}
	nested := r.do(ask{method: patch, path: "/api/v1/apps/mine", token: token, json: `{"health":{"PATH":"/"}}`})
	nested.want(t, http.StatusNotFound) // no such app: the body is not even read
	r.serving("mine")
	if got := r.do(ask{method: patch, path: "/api/v1/apps/mine", token: token, json: `{"health":{"PATH":"/"}}`}); got.code() != "field_unknown" {
		t.Errorf("nested field: %d %s", got.StatusCode, got.body)
	}
}

func TestA51_OnlyOurOwnPagesMayAct(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	foreign := []http.Header{
		{"Origin": {"https://evil.test"}},
		{"Origin": {"https://app.example.test"}, "Sec-Fetch-Site": {"same-site"}},
		{"Sec-Fetch-Site": {"cross-site"}},
		{"Origin": {"null"}},
	}
	for _, route := range r.server.routes {
		if route.method == get {
			continue
		}
		path := strings.NewReplacer(":app", "mine", ":number", "1", ":token", "x", ":id", "x", ":host", "a.b", "*", "mine.git").Replace(route.path)
		for _, h := range foreign {
			got := r.do(ask{method: route.method, path: path, session: r.session, json: "{}", header: h})
			if got.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s with %v: %d", route.method, path, h, got.StatusCode)
			}
		}
	}
	own := http.Header{"Origin": {"https://" + testHost}, "Sec-Fetch-Site": {"same-origin"}}
	r.do(ask{method: post, path: "/api/v1/apps", session: r.session, json: `{"name":"two"}`, header: own}).want(t, http.StatusCreated)
	r.do(ask{method: post, path: "/api/v1/apps", token: r.token("", platform.ScopeAdmin), json: `{"name":"three"}`}).want(t, http.StatusCreated)
}

func TestA51_OnlyJSONIsTaken(t *testing.T) {
	r := newRig(t)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""} {
		got := r.do(ask{method: post, path: "/api/v1/apps", session: r.session, json: `{"name":"one"}`, header: http.Header{"Content-Type": {kind}}})
		if got.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%q: %d", kind, got.StatusCode)
		}
	}
	got := r.do(ask{method: get, path: "/api/v1/apps", session: r.session, header: http.Header{"X-Http-Method-Override": {"POST"}}})
	got.want(t, http.StatusOK) // the header means nothing
}

func TestA56_A57_NoValueOfAConfigVarLeavesByAnotherDoor(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	sessions := map[string]string{"viewer": r.viewer(), "owner": r.session}
	for who, session := range sessions {
		for _, route := range r.server.routes {
			if route.method != get || route.stream || route.action == secrets {
				continue
			}
			path := strings.NewReplacer(":app", "mine", ":number", "1", ":token", "x", ":file", "x", "*", "mine.git").Replace(route.path)
			if got := r.do(ask{path: path, session: session}); strings.Contains(got.body, canary) {
				t.Errorf("GET %s shows the value to the %s", path, who)
			}
		}
	}
	r.do(ask{path: "/api/v1/apps/mine/config/values", session: sessions["viewer"]}).want(t, http.StatusForbidden)
	r.do(ask{path: "/api/v1/apps/mine/config/values", token: r.token("", platform.ScopeDeploy)}).want(t, http.StatusForbidden)
	shown := r.do(ask{path: "/api/v1/apps/mine/config/values", session: r.session}).want(t, http.StatusOK)
	if !strings.Contains(shown.body, canary) {
		t.Errorf("the owner does not see the value: %s", shown.body)
	}
}

func TestA76_AbuseIsAnsweredWithAProblem(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeAdmin)
	for i, c := range []struct {
		ask    ask
		status int
	}{
		{ask{method: post, path: "/api/v1/apps", json: `{"name":"` + strings.Repeat("a", 10<<20) + `"}`}, 413},
		{ask{method: post, path: "/api/v1/apps", json: `{"name":"a;id"}`}, 422},
		{ask{method: post, path: "/api/v1/apps", json: `{"name":"mine"}`}, 409},
		{ask{method: post, path: "/api/v1/apps", json: `{"name":"huge","plan":"2xlarge"}`}, 409},
		{ask{method: post, path: "/api/v1/apps", json: `{"name":"huge","plan":"gigantic"}`}, 422},
		{ask{path: "/api/v1/apps/mine/releases?limit=1000000000"}, 422},
		{ask{path: "/api/v1/apps/mine/releases?limit=-1"}, 422},
		{ask{path: "/api/v1/apps/mine/releases?limit=NaN"}, 422},
		{ask{path: "/api/v1/apps/mine/deployments/99999999999999999999"}, 404},
		{ask{path: "/api/v1/apps/mine/deployments/-1"}, 404},
		{ask{path: "/api/v1/apps/mine/deployments/1%27%20or%201=1"}, 404},
		{ask{path: "/api/v1/apps/team=2)--"}, 404},
		{ask{path: "/api/v1/apps/"}, 404},
		{ask{path: "/api/v1/apps/mine/logs?tail=99999999"}, 422},
		{ask{path: "/api/v1/apps/mine/deployments?state=dead"}, 422},
		{ask{path: "/api/v1/apps/mine/deployments?kind=pull"}, 422},
		{ask{method: put, path: "/api/v1/apps/mine/scale", json: `{"scale":{"web":-1}}`}, 422},
		{ask{method: put, path: "/api/v1/apps/mine/scale", json: `{"scale":{"web":1e400}}`}, 400},
		{ask{method: put, path: "/api/v1/apps/mine/scale", json: `{"scale":{"web":9223372036854775808}}`}, 400},
		{ask{method: put, path: "/api/v1/apps/mine/scale", json: `{"scale":{"web":2000000000}}`}, 422},
		{ask{method: post, path: "/api/v1/tokens", json: `{"name":"x","scopes":["root"]}`}, 422},
		{ask{method: post, path: "/api/v1/tokens", json: `{"name":"x","scopes":["read"],"expires_days":99999999}`}, 422},
		{ask{method: patch, path: "/api/v1/apps/mine/config", json: `{"set":{"PORT":"1"}}`}, 422},
		{ask{method: post, path: "/api/v1/apps/mine/domains", json: `{"host":"*.x"}`}, 422},
		{ask{method: "DELETE", path: "/api/v1/apps/mine", json: `{"confirm":"other"}`}, 422},
		{ask{method: "PROPFIND", path: "/api/v1/apps"}, 405},
		{ask{path: "/api/v1/nonesuch"}, 404},
	} {
		c.ask.token = token
		got := r.do(c.ask)
		var p struct {
			Type, Title, Code, Message string
			Status                     int
		}
		got.decode(t, &p)
		kind := got.Header.Get("Content-Type")
		if got.StatusCode != c.status || p.Status != c.status || p.Message == "" || p.Code == "" || p.Title == "" || kind != "application/problem+json" {
			t.Errorf("case %d %s %.60s: %d %s %s", i, c.ask.method, c.ask.path, got.StatusCode, kind, got.body)
		}
	}
}

func TestAPI_LongWorkAnswersTheDeployment(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeAdmin)
	changed := r.do(ask{method: patch, path: "/api/v1/apps/mine/config", token: token, json: `{"set":{"A":"b"}}`}).want(t, http.StatusAccepted)
	var got struct{ Deployment *struct{ Number int } }
	changed.decode(t, &got)
	if got.Deployment == nil || got.Deployment.Number != 2 {
		t.Errorf("no deployment: %s", changed.body)
	}
	if shown := r.do(ask{path: "/api/v1/apps/mine", token: token}).want(t, http.StatusOK); !strings.Contains(shown.body, `"scale":{"web":1}`) {
		t.Errorf("a scale that nobody has set: %s", shown.body)
	}
	r.do(ask{method: post, path: "/api/v1/apps", token: token, json: `{"name":"fresh","plan":"pico"}`}).want(t, http.StatusCreated)
	nothing := r.do(ask{method: patch, path: "/api/v1/apps/fresh/config", token: token, json: `{"set":{"A":"b"}}`}).want(t, http.StatusAccepted)
	if strings.TrimSpace(nothing.body) != `{"deployment":null}` {
		t.Errorf("an app without a release: %s", nothing.body)
	}
}

func TestAPI_LoginGivesATokenAndLeavesNoSession(t *testing.T) {
	r := newRig(t)
	body := fmt.Sprintf(`{"email":%q,"password":%q,"name":"laptop"}`, testEmail, testPassword)
	login := r.do(ask{method: post, path: "/api/v1/login", json: body}).want(t, http.StatusCreated)
	var got struct {
		Secret string
		Token  struct{ Name string }
	}
	login.decode(t, &got)
	r.do(ask{path: "/api/v1/account", token: got.Secret}).want(t, http.StatusOK)
	all, err := r.accounts.Sessions(t.Context(), r.owner)
	must(t, err)
	events := r.do(ask{path: "/api/v1/events?limit=1", session: r.session}).want(t, http.StatusOK).body
	if !strings.Contains(events, `"via":"api"`) || !strings.Contains(events, "token.create") {
		t.Errorf("the newest event: %s", events)
	}
	if len(all) != 1 || got.Token.Name != "laptop" {
		t.Errorf("%d sessions, token %q", len(all), got.Token.Name)
	}
	r.do(ask{method: post, path: "/api/v1/logout", token: got.Secret, json: "{}"}).want(t, http.StatusNoContent)
	r.do(ask{path: "/api/v1/account", token: got.Secret}).want(t, http.StatusUnauthorized)
}

func TestA53_GuessingIsSlowedDownByTheAddressThatTheProxySaw(t *testing.T) {
	r := newRig(t)
	tooMany := 0
	for i := range 40 {
		got := r.do(ask{
			method: post, path: "/api/v1/login", json: `{"email":"nobody@example.test","password":"wrong password"}`,
			// The client invents a new address each time; the proxy appends the real one.
			header: http.Header{"X-Forwarded-For": {fmt.Sprintf("10.0.0.%d, 203.0.113.66", i)}},
		})
		if got.StatusCode == http.StatusTooManyRequests {
			tooMany++
		}
	}
	if tooMany == 0 {
		t.Error("40 wrong passwords in a row were all checked")
	}
	r.do(ask{method: post, path: "/api/v1/login", json: fmt.Sprintf(`{"email":%q,"password":%q}`, testEmail, testPassword)}).want(t, http.StatusCreated)
}

func TestAPI_LoginThatGetsNoTokenLeavesNoSession(t *testing.T) {
	r := newRig(t)
	body := fmt.Sprintf(`{"email":%q,"password":%q,"name":%q}`, testEmail, testPassword, strings.Repeat("x", 200))
	r.do(ask{method: post, path: "/api/v1/login", json: body}).want(t, http.StatusUnprocessableEntity)
	all, err := r.accounts.Sessions(t.Context(), r.owner)
	must(t, err)
	if len(all) != 1 {
		t.Errorf("%d sessions", len(all))
	}
}
