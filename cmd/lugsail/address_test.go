package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/passkey"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/internal/web"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/deploy"
	"github.com/lugsail/lugsail/platform/route"
)

// addressRig is a control plane's doors over a real file of settings. It starts anew when it is told to quit.
type addressRig struct {
	t       *testing.T
	file    string
	store   *store.Store
	session string
	names   map[string]string // what the DNS knows
	server  *web.Server
	control *control
	quits   chan struct{}
}

func newAddressRig(t *testing.T, settings string) *addressRig {
	t.Helper()
	dir := t.TempDir()
	r := &addressRig{t: t, file: filepath.Join(dir, "config.yaml"), names: map[string]string{}, quits: make(chan struct{}, 10)}
	if err := os.WriteFile(r.file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := secret.LoadOrCreateKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	if r.store, err = store.Open(t.Context(), store.Config{Dir: filepath.Join(dir, "data"), Key: key}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
	r.start()
	accounts := account.New(r.store, secret.NewPasswords(), secret.Codes{}, passkey.Passkeys{})
	link, err := accounts.IssueSetupLink(t.Context())
	if err == nil {
		r.session, err = accounts.Claim(t.Context(), link, "ada@example.com", "correct horse battery", "198.51.100.9", "Test Browser")
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *addressRig) start() {
	r.t.Helper()
	cfg, err := config.Load(config.Sources{File: r.file})
	if err != nil {
		r.t.Fatal(err)
	}
	r.control = &control{cfg: cfg, store: r.store, quit: func() { r.quits <- struct{}{} }}
	apps := &app.Service{
		Store: r.store, History: r.store, Names: r.store, Changes: r.store, Now: time.Now, Settings: serverSettings{r.control},
		Conductor: &deploy.Conductor{Deployments: r.store, Apps: r.store, Now: time.Now},
		Routes:    &route.Service{Store: r.store, Hosts: cfg.AppHosts},
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			for name, ip := range r.names {
				if host == name || strings.HasPrefix(name, "*.") && strings.HasSuffix(host, name[1:]) {
					return []netip.Addr{netip.MustParseAddr(ip)}, nil
				}
			}
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		},
		Addresses: app.Addresses{Hosts: cfg.AppHosts, Consoles: cfg.ConsoleHosts(), Port: cfg.HTTPSPort, IPs: addresses(cfg), Private: cfg.Private()},
	}
	r.server, err = web.New(web.Config{Socket: filepath.Join(filepath.Dir(r.file), "web.sock"), Hosts: cfg.ConsoleHosts, Version: "test"}, web.Deps{
		Apps: apps, Accounts: account.New(r.store, secret.NewPasswords(), secret.Codes{}, passkey.Passkeys{}), Directory: r.store, Ready: r.store.Ping, Onces: r.store,
		CA: func(context.Context) ([]byte, error) { return nil, nil }, Git: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// restarted waits until the control plane was told to end, and starts it anew.
func (r *addressRig) restarted() {
	r.t.Helper()
	select {
	case <-r.quits:
		r.start()
	case <-time.After(10 * time.Second):
		r.t.Fatal("nothing takes the new settings")
	}
}

func (r *addressRig) ask(host, method, path, body string) (status int, code string, a addressTold) {
	r.t.Helper()
	request := httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(body))
	request.Host = host
	request.Header.Set("X-Forwarded-For", "198.51.100.9")
	request.Header.Set("Content-Type", "application/json")
	request.AddCookie(&http.Cookie{Name: "__Host-lugsail", Value: r.session})
	w := httptest.NewRecorder()
	r.server.Handler().ServeHTTP(w, request)
	answer, err := io.ReadAll(w.Result().Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var told struct {
		Code, Message, Hint string
		Address             addressTold
	}
	if len(answer) > 0 && answer[0] == '{' {
		if err := json.Unmarshal(answer, &told); err != nil {
			r.t.Fatalf("%s: %v", answer, err)
		}
	}
	if told.Code != "" && (told.Message == "" || told.Hint == "") {
		r.t.Errorf("%s %s: a refusal without a sentence: %s", method, path, answer)
	}
	return w.Code, told.Code, told.Address
}

type addressTold struct {
	Kind       string
	ConsoleURL string `json:"console_url"`
	Former     []string
	LeadsHere  bool `json:"leads_here"`
	Names      []struct{ Host, State string }
	Records    []struct{ Type, Name, Value string }
}

const (
	addressPath = "/api/v1/server/address"
	readyHost   = "console.203-0-113-7.sslip.io"
)

func TestAddress_NobodyIsLockedOutOnTheWayToADomain(t *testing.T) {
	const mine = "# my own words\npublic_ip: 203.0.113.7\n"
	r := newAddressRig(t, mine)
	const wish = `{"kind":"domain","domain":"apps.example.com","acme_email":"ada@example.com"}`
	status, code, _ := r.ask(readyHost, "PUT", addressPath, wish)
	if status != http.StatusConflict || code != "address_not_here" {
		t.Fatalf("a domain that leads nowhere: %d %s", status, code)
	}
	status, _, told := r.ask(readyHost, "POST", addressPath+"/check", wish)
	if status != 200 || told.LeadsHere || len(told.Records) == 0 || told.Records[0].Type != "A" || told.Records[0].Name != "*.apps.example.com" || told.Records[0].Value != "203.0.113.7" {
		t.Fatalf("the check: %d %+v", status, told)
	}
	if text, err := os.ReadFile(r.file); err != nil || string(text) != mine {
		t.Fatalf("a refusal and a check have changed the settings: %q, %v", text, err)
	}

	r.names["*.apps.example.com"] = "198.51.100.1"
	if _, _, told = r.ask(readyHost, "POST", addressPath+"/check", wish); told.LeadsHere || told.Names[1].State != "elsewhere" {
		t.Errorf("one that leads elsewhere: %+v", told.Names)
	}
	r.names["*.apps.example.com"] = "203.0.113.7"
	status, _, told = r.ask(readyHost, "PUT", addressPath, wish)
	if status != 200 || told.ConsoleURL != "https://console.apps.example.com" || !slices.Contains(told.Former, "https://"+readyHost) {
		t.Fatalf("the move: %d %+v", status, told)
	}
	r.restarted()
	for _, host := range []string{"console.apps.example.com", readyHost, "console.localhost"} {
		if status, _, told := r.ask(host, "GET", addressPath, ""); status != 200 || told.Kind != "domain" || !told.LeadsHere {
			t.Errorf("at %s: %d %+v", host, status, told)
		}
	}
	if got := r.control.cfg.AppHosts("shop"); !slices.Contains(got, "shop.203-0-113-7.sslip.io") || got[0] != "shop.apps.example.com" {
		t.Errorf("apps answer at %v", got)
	}
	if r.control.cfg.ACMEDirectory() != config.LetsEncrypt || r.control.cfg.ACMEEmail != "ada@example.com" {
		t.Errorf("certificates come from %q for %q", r.control.cfg.ACMEDirectory(), r.control.cfg.ACMEEmail)
	}

	if status, code, _ := r.ask(readyHost, "POST", addressPath+"/confirm", ""); status != http.StatusConflict || code != "address_not_reached" {
		t.Errorf("confirmed by the old address: %d %s", status, code)
	}
	if status, _, _ := r.ask("console.apps.example.com", "POST", addressPath+"/confirm", ""); status != http.StatusNoContent {
		t.Fatalf("confirmed by the new address: %d", status)
	}
	r.restarted()
	if status, _, _ := r.ask(readyHost, "GET", addressPath, ""); status != http.StatusNotFound {
		t.Errorf("the old address answers after the confirmation: %d", status)
	}
	if status, _, told := r.ask("console.apps.example.com", "GET", addressPath, ""); status != 200 || len(told.Former) != 0 {
		t.Errorf("the new one: %d %+v", status, told)
	}
	if text, err := os.ReadFile(r.file); err != nil || !strings.HasPrefix(string(text), mine) {
		t.Errorf("the owner's own lines are not as they were: %q, %v", text, err)
	}
	events, err := r.store.Events(t.Context(), "", 0, 10)
	if err != nil || len(events) == 0 || events[0].Action != "server.address" || events[0].Actor != "ada@example.com" {
		t.Errorf("what happened is not told: %v, %v", events, err)
	}
}

func TestAddress_AWrongOneIsRefusedWithASentence(t *testing.T) {
	r := newAddressRig(t, "public_ip: 203.0.113.7\n")
	for _, wish := range []string{
		`{"kind":"domain","domain":""}`, `{"kind":"domain","domain":"https://apps.example.com"}`, `{"kind":"domain","domain":"localhost"}`, `{"kind":"domain","domain":"203.0.113.7"}`,
		`{"kind":"domain","domain":"apps.example.com:8443"}`, `{"kind":"domain","domain":"shop.localhost"}`, `{"kind":"domain","domain":"203-0-113-7.sslip.io"}`,
		`{"kind":"domain","domain":"a.example.com\nhttp_port: 1"}`, `{"kind":"domain","domain":"apps.example.com","acme_email":"ada","anyway":true}`,
		`{"kind":"ready","ip":"300.1.1.1"}`, `{"kind":"ready","ip":"example.com"}`, `{"kind":"elsewhere"}`,
	} {
		for _, at := range []struct{ method, path string }{{"PUT", addressPath}, {"POST", addressPath + "/check"}} {
			if status, code, _ := r.ask(readyHost, at.method, at.path, wish); status != http.StatusUnprocessableEntity || code == "" {
				t.Errorf("%s %s: %d %s", at.method, wish, status, code)
			}
		}
	}
	if text, err := os.ReadFile(r.file); err != nil || string(text) != "public_ip: 203.0.113.7\n" {
		t.Errorf("the settings are %q, %v", text, err)
	}
	if len(r.quits) != 0 {
		t.Error("a refusal let the control plane start anew")
	}
}

func TestAddress_AWrongChoiceIsUndoneByTheOldAddressAndByTheShell(t *testing.T) {
	r := newAddressRig(t, "public_ip: 203.0.113.7\n")
	if status, _, _ := r.ask(readyHost, "PUT", addressPath, `{"kind":"domain","domain":"tpyo.example.com","anyway":true}`); status != 200 {
		t.Fatal(status)
	}
	r.restarted()
	if status, _, told := r.ask(readyHost, "PUT", addressPath, `{"kind":"domain","domain":"typo.example.com","anyway":true}`); status != 200 || slices.Contains(told.Former, "https://console.tpyo.example.com") {
		t.Fatalf("%d: an address that nobody has reached is kept: %v", status, told.Former)
	}
	r.restarted()
	if status, _, _ := r.ask(readyHost, "PUT", addressPath, `{"kind":"local"}`); status != 200 {
		t.Fatal(status)
	}
	r.restarted()
	if status, _, told := r.ask(readyHost, "GET", addressPath, ""); status != 200 || told.Kind != "local" || told.ConsoleURL != "https://console.localhost" {
		t.Fatalf("%d %+v", status, told)
	}

	next, err := r.control.cfg.Change(r.control.cfg.Leave(mustWish(t, r.control.cfg, platform.AddressWish{Kind: platform.AddressReady}), "")) // host address ready
	if err != nil || next.ConsoleHosts()[0] != readyHost {
		t.Fatalf("%v, %v", next.ConsoleHosts(), err)
	}
	r.start()
	if status, _, told := r.ask(readyHost, "GET", addressPath, ""); status != 200 || told.Kind != "ready" {
		t.Errorf("%d %+v", status, told)
	}
}

func mustWish(t *testing.T, c config.Config, w platform.AddressWish) map[string]string {
	t.Helper()
	changes, err := c.Wish(w)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// form sends a form of the console's page, or asks for the page where there are no fields.
func (r *addressRig) form(host, path string, fields url.Values) (status int, to, page string) {
	r.t.Helper()
	method := http.MethodPost
	if fields == nil {
		method = http.MethodGet
	}
	request := httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(fields.Encode()))
	request.Host = host
	request.Header.Set("X-Forwarded-For", "198.51.100.9")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.AddCookie(&http.Cookie{Name: "__Host-lugsail", Value: r.session})
	w := httptest.NewRecorder()
	r.server.Handler().ServeHTTP(w, request)
	return w.Code, w.Header().Get("Location"), w.Body.String()
}

func TestAddress_IsChangedOnTheConsolesPageAndTheOldOneIsLetGoThere(t *testing.T) {
	r := newAddressRig(t, "public_ip: 203.0.113.7\n")
	const page, newHost = "/server/address", "console.apps.example.com"
	wish := url.Values{"kind": {"domain"}, "domain": {"apps.example.com"}, "email": {"ada@example.com"}, "ip": {"203.0.113.7"}}
	if status, _, text := r.form(readyHost, page, wish); status != http.StatusConflict || !strings.Contains(text, `name="anyway"`) || !strings.Contains(text, "*.apps.example.com") || len(r.quits) != 0 {
		t.Fatalf("a domain that leads nowhere: %d, told to quit %d times", status, len(r.quits))
	}
	r.names["*.apps.example.com"] = "203.0.113.7"
	if status, _, text := r.form(readyHost, page+"/check", wish); status != http.StatusOK || strings.Contains(text, "Enter this at the domain") || strings.Contains(text, `name="anyway"`) {
		t.Errorf("a domain that leads here: %d\n%s", status, text)
	}
	if status, to, _ := r.form(readyHost, page, wish); status != http.StatusSeeOther || to != page+"?done=moved" {
		t.Fatalf("the move: %d to %s", status, to)
	}
	r.restarted()
	old, shown := "https://"+readyHost, "https://"+newHost
	if status, _, text := r.form(readyHost, page+"?done=moved", nil); status != http.StatusOK || !strings.Contains(text, "has its new address") || !strings.Contains(text, shown) || strings.Contains(text, page+"/confirm") {
		t.Errorf("at the old address: %d\n%s", status, text)
	}
	status, _, text := r.form(newHost, page, nil)
	if status != http.StatusOK || !strings.Contains(text, `action="`+page+`/confirm"`) || !strings.Contains(text, strings.TrimPrefix(old, "https://")) {
		t.Fatalf("at the new one: %d\n%s", status, text)
	}
	if status, to, _ := r.form(newHost, page+"/confirm", url.Values{"x": {"y"}}); status != http.StatusSeeOther || to != page+"?done=confirmed" {
		t.Fatalf("the confirmation: %d to %s", status, to)
	}
	r.restarted()
	if status, _, _ := r.form(readyHost, page, nil); status != http.StatusNotFound {
		t.Errorf("the old address answers: %d", status)
	}
	if status, _, text := r.form(newHost, page, nil); status != http.StatusOK || strings.Contains(text, page+"/confirm") || !strings.Contains(text, `value="apps.example.com"`) {
		t.Errorf("the new one: %d", status)
	}
}
