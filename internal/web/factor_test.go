package web

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what every such app speaks
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
)

// phone shows codes. Its clock can be moved, and that of the server goes with it.
type phone struct {
	r      *rig
	secret string
	ahead  time.Duration
}

// withPhone lets the owner set up a second factor through the API, and gives the recovery codes.
func (r *rig) withPhone() (*phone, []string) { r.t.Helper(); return r.phoneAt(0) }

// phoneAt does that when so much time has passed.
func (r *rig) phoneAt(ahead time.Duration) (*phone, []string) {
	r.t.Helper()
	p := &phone{r: r, ahead: ahead}
	r.accounts.Now = func() time.Time { return time.Now().Add(p.ahead) }
	begun := r.do(ask{method: post, path: "/api/v1/second-factor", session: r.session, json: fmt.Sprintf(`{"password":%q}`, testPassword)}).want(r.t, http.StatusCreated)
	var invitation struct {
		Secret, URL string
		QR          []string
	}
	begun.decode(r.t, &invitation)
	p.secret = invitation.Secret
	if !strings.HasPrefix(invitation.URL, "otpauth://totp/") || len(invitation.QR) < 21 {
		r.t.Errorf("got %+v", invitation)
	}
	on := r.do(ask{method: post, path: "/api/v1/second-factor/confirm", session: r.session, json: fmt.Sprintf(`{"code":%q}`, p.code())}).want(r.t, http.StatusCreated)
	var codes struct {
		RecoveryCodes []string `json:"recovery_codes"`
	}
	on.decode(r.t, &codes)
	r.session = cookieOf(r.t, on, "__Host-lugsail")
	p.ahead += time.Minute // that code is used
	return p, codes.RecoveryCodes
}

// code is what the phone shows (RFC 6238).
func (p *phone) code() string {
	p.r.t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(p.secret)
	must(p.r.t, err)
	mac := hmac.New(sha1.New, key)
	must(p.r.t, binary.Write(mac, binary.BigEndian, p.now().Unix()/30))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
}

func (p *phone) now() time.Time { return time.Now().Add(p.ahead) }

func TestA55_ThePagesAskForTheCodeBeforeTheyOpenAnything(t *testing.T) {
	r := newRig(t)
	p, _ := r.withPhone()
	form := url.Values{"email": {testEmail}, "password": {testPassword}, "next": {"/server"}}
	first := r.do(ask{method: post, path: "/login", form: form}).want(t, http.StatusSeeOther)
	if got := first.Header.Get("Location"); got != "/login/code?next=%2Fserver" {
		t.Errorf("leads to %s", got)
	}
	for _, c := range first.Cookies() {
		if c.Name == "__Host-lugsail" {
			t.Fatal("the password alone gave a session")
		}
		if !c.Secure || !c.HttpOnly || c.Path != "/" {
			t.Errorf("cookie %v", c)
		}
	}
	step := cookieOf(t, first, "__Host-lugsail-step")
	with := http.Header{"Cookie": {"__Host-lugsail-step=" + step}}
	r.do(ask{path: "/api/v1/apps", session: step}).want(t, http.StatusUnauthorized)
	r.do(ask{path: "/api/v1/apps", header: with}).want(t, http.StatusUnauthorized)
	page := r.do(ask{path: "/login/code?next=/server", header: with}).want(t, http.StatusOK)
	if !strings.Contains(page.body, `name="code"`) || !strings.Contains(page.body, `value="/server"`) || !strings.Contains(page.body, "recovery=1") || strings.Contains(page.body, testEmail) {
		t.Error("the second step's page is not as it should be")
	}
	refused := r.do(ask{method: post, path: "/login/code", header: with, form: url.Values{"code": {"000000"}, "next": {"/server"}}}).want(t, http.StatusUnauthorized)
	if !strings.Contains(refused.body, "The code is wrong") {
		t.Error("the page does not say what is wrong")
	}
	code := p.code()
	in := r.do(ask{method: post, path: "/login/code", header: with, form: url.Values{"code": {code}, "next": {"//evil.example"}}}).want(t, http.StatusSeeOther)
	if got := in.Header.Get("Location"); got != "/" {
		t.Errorf("leads to %s", got)
	}
	r.do(ask{path: "/api/v1/apps", session: cookieOf(t, in, "__Host-lugsail")}).want(t, http.StatusOK)
	r.do(ask{method: post, path: "/login/code", header: with, form: url.Values{"code": {p.code()}}}).want(t, http.StatusUnauthorized) // it is over
}

func TestA55_TheSecondStepAloneOpensNothing(t *testing.T) {
	r := newRig(t)
	p, codes := r.withPhone()
	if got := r.do(ask{path: "/login/code"}).want(t, http.StatusSeeOther).Header.Get("Location"); !strings.HasPrefix(got, "/login?") {
		t.Errorf("leads to %s", got)
	}
	for _, header := range []http.Header{nil, {"Cookie": {"__Host-lugsail-step="}}, {"Cookie": {"__Host-lugsail-step=x; __Host-lugsail-step=y"}}, {"Cookie": {"__Host-lugsail-step=" + r.session}}} {
		for _, code := range []string{p.code(), codes[0]} {
			got := r.do(ask{method: post, path: "/login/code", header: header, form: url.Values{"code": {code}}}).want(t, http.StatusUnauthorized)
			if !strings.Contains(got.body, "Begin again with the password") {
				t.Error("the page does not lead back")
			}
		}
	}
}

func TestA55_TheAPITakesEachCodeOnceAndStopsGuessing(t *testing.T) {
	r := newRig(t)
	p, recovery := r.withPhone()
	login := func(code string) answer {
		return r.do(ask{method: post, path: "/api/v1/login", json: fmt.Sprintf(`{"email":%q,"password":%q,"code":%q}`, testEmail, testPassword, code), header: http.Header{"X-Forwarded-For": {"203.0.113.44"}}})
	}
	needed := login("").want(t, http.StatusUnauthorized)
	if needed.code() != "second_factor_needed" {
		t.Errorf("got %s", needed.body)
	}
	code := p.code()
	var in struct{ Secret string }
	login(code).want(t, http.StatusCreated).decode(t, &in)
	r.do(ask{path: "/api/v1/account", token: in.Secret}).want(t, http.StatusOK)
	if got := login(code).want(t, http.StatusUnauthorized); got.code() != "second_factor_wrong" {
		t.Errorf("a code was taken twice: %s", got.body)
	}
	login(recovery[0]).want(t, http.StatusCreated)
	login(recovery[0]).want(t, http.StatusUnauthorized)
	last := 0
	for n := range 5 {
		last = login(fmt.Sprintf("%06d", n)).StatusCode
	}
	p.ahead += 30 * time.Second // a fresh code would be right
	if got := login(p.code()); got.StatusCode != http.StatusTooManyRequests {
		t.Errorf("after five wrong codes: %d, then %d %s", last, got.StatusCode, got.body)
	}
	wrong := r.do(ask{method: post, path: "/api/v1/login", json: fmt.Sprintf(`{"email":%q,"password":"wrong wrong wrong","code":%q}`, testEmail, p.code())}).want(t, http.StatusUnauthorized)
	if wrong.code() != "wrong_credentials" { // a stranger learns nothing of the second factor
		t.Errorf("got %s", wrong.body)
	}
}

func TestA49_ASecondFactorThatIsSwitchedOnOrOffEndsEverySessionAndItsStreams(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	client := r.listen()
	r.engine.lines = []platform.LogLine{{At: time.Now(), Replica: "web.1", Text: "hello"}}
	other, err := r.accounts.Login(t.Context(), testEmail, testPassword, "", "198.51.100.8", "Another Browser")
	must(t, err)
	before := r.session
	views := []view{r.watches(client, other, "/api/v1/apps/mine/logs?follow=true"), r.watches(client, before, "/api/v1/apps/mine/logs?follow=true")}
	p, _ := r.withPhone()
	r.allEnd(views)
	r.do(ask{path: "/api/v1/apps", session: other}).want(t, http.StatusUnauthorized)
	r.do(ask{path: "/api/v1/apps", session: before}).want(t, http.StatusUnauthorized)
	views = []view{r.watches(client, r.session, "/api/v1/apps/mine/logs?follow=true")}
	off := r.do(ask{method: post, path: "/account/second-factor/off", session: r.session, form: url.Values{"password": {testPassword}, "code": {p.code()}}}).want(t, http.StatusSeeOther)
	r.allEnd(views)
	r.do(ask{path: "/api/v1/apps", session: r.session}).want(t, http.StatusUnauthorized)
	r.do(ask{path: "/api/v1/apps", session: cookieOf(t, off, "__Host-lugsail")}).want(t, http.StatusOK)
}

func TestPages_TheSecondFactorIsSetUpWithoutAScript(t *testing.T) {
	r := newRig(t)
	p := &phone{r: r}
	r.accounts.Now = func() time.Time { return time.Now().Add(p.ahead) }
	send := func(path string, form url.Values, status int) answer {
		t.Helper()
		return r.do(ask{method: post, path: path, session: r.session, form: form}).want(t, status)
	}
	send("/account/second-factor", url.Values{"password": {"wrong wrong wrong"}}, 401)
	page := send("/account/second-factor", url.Values{"password": {testPassword}}, 200).body
	secret := regexp.MustCompile(`<pre id="secret">([A-Z2-7 ]+)</pre>`).FindStringSubmatch(page)
	if secret == nil || !strings.Contains(page, `<svg class="qr" viewBox="-4 -4 `) || !regexp.MustCompile(`<path d="(M\d+ \d+h\d+v1h-\d+z)+"/>`).MatchString(page) {
		t.Fatal("the page shows no QR code or no secret")
	}
	p.secret = strings.ReplaceAll(secret[1], " ", "")
	again := send("/account/second-factor/confirm", url.Values{"code": {"000000"}}, 401).body
	if strings.Contains(again, p.secret[:4]) || !strings.Contains(again, "Begin again") {
		t.Error("after a wrong code the secret is shown again, or nothing leads back")
	}
	on := send("/account/second-factor/confirm", url.Values{"code": {p.code()}}, 201)
	r.session = cookieOf(t, on, "__Host-lugsail")
	if n := len(regexp.MustCompile(`[2-9a-z]{4}(-[2-9a-z]{4}){3}`).FindAllString(on.body, -1)); n != account.RecoveryCodeCount {
		t.Errorf("%d recovery codes are shown", n)
	}
	if got := r.do(ask{path: "/account", session: r.session}).body; !strings.Contains(got, "10 recovery codes left") {
		t.Error("the account's page does not say that it is on")
	}
	p.ahead += time.Minute
	anew := send("/account/recovery-codes", url.Values{"password": {testPassword}, "code": {p.code()}}, 201)
	if !strings.Contains(anew.body, "The older codes work no more") {
		t.Error("new codes are not explained")
	}
	send("/account/second-factor/off", url.Values{"password": {testPassword}, "code": {""}}, 401)
}

func TestA48_TheRecoveryLinksPageOffersAWayOutForALostPhone(t *testing.T) {
	r := newRig(t)
	link, _, err := r.accounts.IssueRecoverLink(t.Context(), "")
	must(t, err)
	if page := r.do(ask{path: "/recover/" + link}).want(t, http.StatusOK); strings.Contains(page.body, `name="alone"`) {
		t.Error("without a second factor it is offered to switch it off")
	}
	p, _ := r.withPhone()
	link, _, err = r.accounts.IssueRecoverLink(t.Context(), "")
	must(t, err)
	if page := r.do(ask{path: "/recover/" + link}).want(t, http.StatusOK); !strings.Contains(page.body, `name="alone"`) {
		t.Error("the page does not offer to switch the second factor off")
	}
	form := url.Values{"password": {"another good password"}, "again": {"another good password"}}
	still := r.do(ask{method: post, path: "/recover/" + link, form: form}).want(t, http.StatusSeeOther)
	if got := still.Header.Get("Location"); !strings.HasPrefix(got, "/login/code?") {
		t.Errorf("the link passes by the second factor, to %s", got)
	}
	header := http.Header{"Cookie": {"__Host-lugsail-step=" + cookieOf(t, still, "__Host-lugsail-step")}}
	r.do(ask{method: post, path: "/login/code", header: header, form: url.Values{"code": {p.code()}}}).want(t, http.StatusSeeOther)

	link, _, err = r.accounts.IssueRecoverLink(t.Context(), "")
	must(t, err)
	form.Set("alone", "1")
	out := r.do(ask{method: post, path: "/recover/" + link, form: form}).want(t, http.StatusSeeOther)
	session := cookieOf(t, out, "__Host-lugsail")
	var state struct {
		SecondFactor struct {
			On       bool
			Passkeys int
		} `json:"second_factor"`
	}
	r.do(ask{path: "/api/v1/second-factor", session: session}).want(t, http.StatusOK).decode(t, &state)
	if state.SecondFactor.On {
		t.Error("it is still on")
	}
	for _, path := range []string{"/recover/" + link} {
		r.do(ask{method: post, path: path, form: form}).want(t, http.StatusNotFound)
	}
}

func TestSessions_AreListedAndEnded(t *testing.T) {
	r := newRig(t)
	var sessions struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	for range 3 {
		_, err := r.accounts.Login(t.Context(), testEmail, testPassword, "", "198.51.100.8", "Another Browser")
		must(t, err)
	}
	list := func() {
		r.do(ask{path: "/api/v1/sessions", session: r.session}).want(t, http.StatusOK).decode(t, &sessions)
	}
	list()
	if len(sessions.Sessions) != 4 {
		t.Fatalf("got %+v", sessions)
	}
	for _, s := range sessions.Sessions {
		if !s.Current {
			r.do(ask{method: remove, path: "/api/v1/sessions/" + s.ID, session: r.session}).want(t, http.StatusNoContent)
			break
		}
	}
	if got := r.do(ask{method: remove, path: "/api/v1/sessions", session: r.session}).want(t, http.StatusOK); !strings.Contains(got.body, `"ended":2`) {
		t.Errorf("got %s", got.body)
	}
	_, err := r.accounts.Login(t.Context(), testEmail, testPassword, "", "198.51.100.8", "Another Browser")
	must(t, err)
	r.do(ask{method: post, path: "/account/sessions/end-others", session: r.session, form: url.Values{}}).want(t, http.StatusSeeOther)
	if list(); len(sessions.Sessions) != 1 || !sessions.Sessions[0].Current {
		t.Errorf("got %+v", sessions)
	}
	// Another person's is none.
	viewer := r.viewer()
	r.do(ask{method: remove, path: "/api/v1/sessions/" + sessions.Sessions[0].ID, session: viewer}).want(t, http.StatusNotFound)
	if !json.Valid([]byte(r.do(ask{path: "/api/v1/sessions", session: r.session}).body)) {
		t.Error("the viewer ended the owner's session")
	}
}
