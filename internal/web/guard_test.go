package web

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
)

// after lets time pass, and signs the owner in again.
func (r *rig) after(d time.Duration) {
	r.t.Helper()
	r.accounts.Now = func() time.Time { return time.Now().Add(d) }
	var err error
	r.session, err = r.accounts.Login(r.t.Context(), testEmail, testPassword, "", "198.51.100.9", "Test Browser")
	must(r.t, err)
}

const asksSoon, asksNow = "Guard your account before", "First guard your account"

func TestGuard_AnOwnerReadsABannerForSevenDays(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	day := time.Now().Add(account.GuardTime).UTC().Format("2 January 2006")
	for _, path := range []string{"/", "/apps/mine", "/activity", "/account"} {
		page := r.page(path)
		if !strings.Contains(page, asksSoon+" "+day) || !strings.Contains(page, `href="/account/second-factor"`) || !strings.Contains(page, `href="/account/passkeys"`) {
			t.Errorf("%s does not ask until %s", path, day)
		}
	}
	if page := r.do(ask{path: "/", session: r.viewer()}).want(t, http.StatusOK).body; strings.Contains(page, asksSoon) {
		t.Error("a viewer is asked, too")
	}
	for _, path := range []string{"/account/second-factor", "/account/passkeys"} {
		if page := r.page(path); strings.Contains(page, asksSoon) {
			t.Errorf("%s asks for what it does", path)
		}
	}
	r.after(account.GuardTime - time.Hour)
	if page := r.page("/apps/mine"); !strings.Contains(page, asksSoon+" "+day) {
		t.Error("an hour before, it does not ask any more")
	}
	r.phoneAt(account.GuardTime - time.Hour)
	if page := r.page("/"); strings.Contains(page, asksSoon) {
		t.Error("with a second factor it still asks")
	}
}

func TestGuard_AfterSevenDaysNothingGoesBefore(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeAdmin)
	r.page("/")
	r.after(account.GuardTime + time.Minute)
	for _, path := range []string{"/", "/apps/mine", "/apps/mine/config", "/server", "/create"} {
		if to := r.do(ask{path: path, session: r.session}).want(t, http.StatusSeeOther).Header.Get("Location"); to != "/account/second-factor" {
			t.Errorf("%s leads to %s", path, to)
		}
	}
	r.submit("/apps/mine/destroy", url.Values{"confirm": {"mine"}}).want(t, http.StatusSeeOther)
	if a, err := r.store.AppByName(t.Context(), "mine"); err != nil || a.State != platform.AppActive {
		t.Errorf("a form did its work: %+v, %v", a, err)
	}
	refused := r.do(ask{path: "/api/v1/apps", session: r.session}).want(t, http.StatusForbidden)
	if refused.code() != "second_factor_required" || !strings.Contains(refused.body, `"hint"`) {
		t.Errorf("a browser's script is answered %s", refused.body)
	}
	for _, path := range []string{"/account", "/account/second-factor", "/account/passkeys"} {
		if page := html.UnescapeString(r.page(path)); !strings.Contains(page, asksNow) {
			t.Errorf("%s does not say why", path)
		}
	}
	r.do(ask{path: "/api/v1/apps", token: token}).want(t, http.StatusOK) // what programs do goes on
	r.do(ask{path: "/", session: r.viewer()}).want(t, http.StatusOK)
	r.phoneAt(account.GuardTime + time.Minute)
	if page := r.page("/apps/mine"); strings.Contains(page, asksNow) || strings.Contains(page, asksSoon) {
		t.Error("with a second factor it still asks")
	}
	r.submit("/logout", nil).want(t, http.StatusSeeOther)
}
