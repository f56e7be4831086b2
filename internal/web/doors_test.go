package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestA01_NamesAreRefusedAtEveryDoor(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	for _, name := range []string{
		"a;id", "$(id)", "`id`", "../x", "Upper", "console", "admin", "www", "a", "-a", "a-", "a_b", "a.b", "a b", "a\x00b", "ä", "1a",
		strings.Repeat("a", 41), strings.Repeat("a", 64), "a\nb", "a/../b", "%2e%2e",
	} {
		body, err := json.Marshal(map[string]string{"name": name})
		must(t, err)
		got := r.do(ask{method: post, path: "/api/v1/apps", token: token, json: string(body)})
		if got.StatusCode != http.StatusUnprocessableEntity || !strings.HasPrefix(got.code(), "app_name_") {
			t.Errorf("API, %q: %d %s", name, got.StatusCode, got.body)
		}
		page := r.do(ask{method: post, path: "/create", session: r.session, form: url.Values{"name": {name}, "plan": {"nano"}}})
		if page.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("console, %q: %d", name, page.StatusCode)
		}
	}
	if apps, err := r.store.Apps(t.Context()); err != nil || len(apps) != 0 {
		t.Errorf("%d apps were made, %v", len(apps), err)
	}
}

func TestA15_TextThatWantsToBeSQLIsAName(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	before := r.do(ask{path: "/api/v1/apps", session: r.session}).body
	for _, o := range r.server.reference.operations {
		for _, sql := range []string{"team=2) --", "' or '1'='1", "1; drop table apps", "(select 1)", "%27", "0", "-1", "99999999999999999999", "null", "true"} {
			path := o.Path()
			for _, name := range o.PathParams() {
				path = strings.Replace(path, "{"+name+"}", url.PathEscape(sql), 1)
			}
			if len(o.PathParams()) > 0 && o.Events == nil {
				r.server.limits = newLimits(time.Now)
				got := r.do(ask{method: o.Method(), path: path, session: r.session, json: bodyFor(o.Method())})
				asksOfNames := o.Route == "GET /api/v1/names/:name" && got.StatusCode == http.StatusOK // which tells whether a name can be had
				if !asksOfNames && (got.StatusCode < 400 || got.StatusCode >= 500) {
					t.Errorf("%s with %q: %d %s", o.Route, sql, got.StatusCode, got.body)
				}
			}
			if o.Method() != get || o.Events != nil || r.do(ask{path: concrete(o.Path()), session: r.session}).StatusCode >= 500 {
				continue // what it looks at is not in this test's server
			}
			for _, query := range []string{"order", "sort", "limit", "cursor", "filter", "where", "tail"} {
				r.server.limits = newLimits(time.Now)
				got := r.do(ask{path: concrete(o.Path()) + "?" + query + "=" + url.QueryEscape(sql), session: r.session})
				if got.StatusCode >= 500 {
					t.Errorf("%s?%s=%q: %d %s", o.Route, query, sql, got.StatusCode, got.body)
				}
			}
		}
	}
	if after := r.do(ask{path: "/api/v1/apps", session: r.session}).body; after != before {
		t.Errorf("before %s, after %s", before, after)
	}
}

func bodyFor(method string) string {
	if method == get {
		return ""
	}
	return "{}"
}

// A46: what a token may is the least of its scopes, its app and its account, on each route that leads further.
func TestA46_NobodyReachesTheServerThroughAnApp(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	narrow := r.token(mine.ID, platform.ScopeAdmin)
	for _, body := range []string{`{"name":"wide","scopes":["admin"]}`, `{"name":"wide","scopes":["admin"],"app":"mine"}`} {
		r.do(ask{method: post, path: "/api/v1/tokens", token: narrow, json: body}).want(t, http.StatusForbidden)
	}
	r.do(ask{method: post, path: "/api/v1/apps", token: narrow, json: `{"name":"another"}`}).want(t, http.StatusForbidden)
	r.do(ask{path: "/api/v1/events", token: narrow}).want(t, http.StatusForbidden)
	deploy := r.token("", platform.ScopeDeploy)
	r.do(ask{method: patch, path: "/api/v1/apps/mine/config", token: deploy, json: `{"set":{"A":"b"}}`}).want(t, http.StatusForbidden)
	r.do(ask{method: post, path: "/api/v1/tokens", token: deploy, json: `{"name":"wide","scopes":["admin"]}`}).want(t, http.StatusForbidden)
	viewer := r.viewer()
	made := r.do(ask{method: post, path: "/api/v1/tokens", session: viewer, json: `{"name":"wide","scopes":["admin"]}`}).want(t, http.StatusCreated)
	var answer struct{ Secret string }
	made.decode(t, &answer)
	r.do(ask{method: post, path: "/api/v1/apps", token: answer.Secret, json: `{"name":"another"}`}).want(t, http.StatusForbidden)
	r.do(ask{path: "/api/v1/apps/mine/config/values", token: answer.Secret}).want(t, http.StatusForbidden)
}

func TestA54_StrangersAndOwnersReadTheSame(t *testing.T) {
	r := newRig(t)
	ask := func(email string) answer {
		return r.do(ask{method: post, path: "/api/v1/login", json: fmt.Sprintf(`{"email":%q,"password":"not the password"}`, email)})
	}
	owner, stranger := ask(testEmail).want(t, http.StatusUnauthorized), ask("nobody@example.test").want(t, http.StatusUnauthorized)
	if owner.body != stranger.body {
		t.Errorf("an account that is there: %s\none that is not: %s", owner.body, stranger.body)
	}
}

func TestA56_TokensEndAndAreNamedNowhere(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeRead)
	var list struct{ Tokens []struct{ ID string } }
	shown := r.do(ask{path: "/api/v1/tokens", session: r.session}).want(t, http.StatusOK)
	shown.decode(t, &list)
	secret := strings.TrimPrefix(token, "lgs_")
	if strings.Contains(shown.body, secret) || r.inDatabase(secret) || r.inDatabase(token) {
		t.Error("the token lies somewhere")
	}
	r.do(ask{path: "/api/v1/apps", token: token}).want(t, http.StatusOK)
	r.do(ask{path: "/api/v1/apps?access_token=" + token}).want(t, http.StatusUnauthorized)
	r.do(ask{method: remove, path: "/api/v1/tokens/" + list.Tokens[0].ID, session: r.session}).want(t, http.StatusNoContent)
	r.do(ask{path: "/api/v1/apps", token: token}).want(t, http.StatusUnauthorized)
	owner, err := r.store.AccountByEmail(t.Context(), testEmail)
	must(t, err)
	past := time.Now().Add(-time.Hour)
	old := r.token("", platform.ScopeAdmin)
	all, err := r.store.TokensOf(t.Context(), owner.ID)
	must(t, err)
	expired := all[0]
	must(t, r.store.DeleteToken(t.Context(), owner.ID, expired.ID))
	expired.ExpiresAt = &past
	must(t, r.store.CreateToken(t.Context(), &expired))
	if got := r.do(ask{path: "/api/v1/apps", token: old}); got.StatusCode != http.StatusUnauthorized || got.code() != "token_expired" {
		t.Errorf("a token past its time: %d %s", got.StatusCode, got.body)
	}
}
