package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

func TestA44_NothingAnswersBeforeTheLinkIsUsed(t *testing.T) {
	r := newUnclaimedRig(t)
	token, err := r.accounts.IssueSetupLink(t.Context())
	must(t, err)
	for _, path := range []string{"/", "/login", "/apps/x", "/account", "/api/v1/apps", "/api/v1/server", "/git/x.git/info/refs", "/recover/x"} {
		if got := r.do(ask{path: path}); got.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, got.StatusCode)
		}
	}
	r.do(ask{method: post, path: "/api/v1/login", json: `{}`}).want(t, http.StatusNotFound)
	r.do(ask{path: "/healthz", host: "localhost"}).want(t, http.StatusOK)
	r.do(ask{path: "/setup/wrong"}).want(t, http.StatusNotFound)
	page := r.do(ask{path: "/setup/" + token}).want(t, http.StatusOK)
	if page.Header.Get("Referrer-Policy") != "no-referrer" || page.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers of the page with the token: %v", page.Header)
	}
	r.do(ask{path: "/setup/" + token}).want(t, http.StatusOK) // looking does not use it up

	form := url.Values{"email": {testEmail}, "password": {testPassword}, "again": {"something else"}}
	r.do(ask{method: post, path: "/setup/" + token, form: form}).want(t, http.StatusUnprocessableEntity)
	form.Set("again", testPassword)
	claimed := r.do(ask{method: post, path: "/setup/" + token, form: form}).want(t, http.StatusSeeOther)
	if !strings.HasPrefix(claimed.Header.Get("Set-Cookie"), "__Host-lugsail=") {
		t.Errorf("the owner is not signed in: %v", claimed.Header)
	}
	r.do(ask{path: "/setup/" + token}).want(t, http.StatusNotFound)
	r.do(ask{method: post, path: "/setup/" + token, form: form}).want(t, http.StatusNotFound)
	r.do(ask{path: "/login"}).want(t, http.StatusOK)
}

func TestSetup_OfManyAtOnceOneWins(t *testing.T) {
	r := newUnclaimedRig(t)
	token, err := r.accounts.IssueSetupLink(t.Context())
	must(t, err)
	var wins, losses int
	var mu sync.Mutex
	var tasks sync.WaitGroup
	for i := range 6 {
		tasks.Go(func() {
			body := fmt.Sprintf(`{"token":%q,"email":"a%d@example.test","password":%q}`, token, i, testPassword)
			got := r.do(ask{method: post, path: "/api/v1/setup", json: body})
			mu.Lock()
			defer mu.Unlock()
			if got.StatusCode == http.StatusCreated {
				wins++
			} else if got.StatusCode < 500 {
				losses++
			}
		})
	}
	tasks.Wait()
	n, err := r.store.AccountCount(t.Context())
	must(t, err)
	if wins != 1 || losses != 5 || n != 1 {
		t.Errorf("%d wins, %d losses, %d accounts", wins, losses, n)
	}
}

func TestRecover_SetsThePasswordAndEndsOtherSessions(t *testing.T) {
	r := newRig(t)
	token, _, err := r.accounts.IssueRecoverLink(t.Context(), "")
	must(t, err)
	page := r.do(ask{path: "/recover/" + token}).want(t, http.StatusOK)
	if !strings.Contains(page.body, testEmail) {
		t.Error("the page does not say whose password it sets")
	}
	form := url.Values{"password": {"another good password"}, "again": {"another good password"}}
	done := r.do(ask{method: post, path: "/recover/" + token, form: form}).want(t, http.StatusSeeOther)
	if got := done.Header.Get("Location"); got != "/account?done=recovered" {
		t.Errorf("leads to %s, not to the tokens that still work", got)
	}
	r.do(ask{path: "/api/v1/account", session: r.session}).want(t, http.StatusUnauthorized)
	r.do(ask{method: post, path: "/recover/" + token, form: form}).want(t, http.StatusNotFound)
	if used := r.do(ask{path: "/recover/" + token}).want(t, http.StatusNotFound); !strings.Contains(used.body, `href="/login"`) || !strings.Contains(used.body, "lugsail recover for a new password") {
		t.Error("a used link leads nowhere")
	}
}
