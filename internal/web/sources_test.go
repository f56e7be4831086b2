package web

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/outbound"
	"github.com/lugsail/lugsail/platform"
)

// reachable is the real guard; its owner allows one network, and a Git host in it.
func reachable(ctx context.Context, host string, port int) error {
	return outbound.New([]platform.Reach{{Prefix: netip.MustParsePrefix("10.99.0.0/24")}}).Check(ctx, host, port)
}

const (
	boundURL   = "https://10.99.0.5/ada/shop.git"
	sourcePath = "/api/v1/apps/mine/source"
)

// bound makes an app that is bound to a repository, and gives a token for it.
func (r *rig) bound(branch string) (a platform.App, token string) {
	r.t.Helper()
	a, token = r.serving("mine"), r.token("", platform.ScopeAdmin)
	r.do(ask{method: put, path: sourcePath, token: token, json: fmt.Sprintf(`{"url":%q,"branch":%q}`, boundURL, branch)}).want(r.t, http.StatusOK)
	return a, token
}

type sourceAnswer struct {
	Source *struct{ URL, Branch, CreatedBy string }
	App    struct {
		Source *struct{ URL, Branch string }
	}
	Deployment *struct {
		Number               int
		State, Cause, Branch string
		Steps                []struct{ Name string }
	}
}

func TestSource_BindShowPullUnbind(t *testing.T) {
	r := newRig(t)
	_, token := r.bound("release")
	var got sourceAnswer
	r.do(ask{path: "/api/v1/apps/mine", token: token}).want(t, http.StatusOK).decode(t, &got)
	if got.App.Source == nil || got.App.Source.URL != boundURL || got.App.Source.Branch != "release" {
		t.Errorf("%+v", got.App.Source)
	}
	for _, body := range []string{`{}`, `{"force":true}`} {
		r.do(ask{method: post, path: sourcePath + "/pull", token: token, json: body}).want(t, http.StatusAccepted).decode(t, &got)
		if d := got.Deployment; d == nil || d.Number == 0 || d.Steps[0].Name != "fetch" || d.Steps[1].Name != "build" || !strings.Contains(d.Cause, "10.99.0.5") {
			t.Errorf("%+v", got.Deployment)
		}
	}
	r.do(ask{method: post, path: "/api/v1/apps/mine/deployments", token: token, json: `{}`}).want(t, http.StatusAccepted).decode(t, &got)
	if got.Deployment.Steps[0].Name != "fetch" {
		t.Errorf("deploying again fetches not: %+v", got.Deployment)
	}
	r.do(ask{method: remove, path: sourcePath, token: token}).want(t, http.StatusNoContent)
	got.Source = nil
	r.do(ask{path: sourcePath, token: token}).want(t, http.StatusOK).decode(t, &got)
	if got.Source != nil {
		t.Errorf("%+v", got.Source)
	}
	for _, a := range []ask{{method: post, path: sourcePath + "/pull", token: token, json: `{}`}, {method: remove, path: sourcePath, token: token}, {method: post, path: "/api/v1/apps/mine/webhook", token: token, json: `{}`}} {
		if code := r.do(a).want(t, http.StatusConflict).code(); code != "source_not_bound" {
			t.Errorf("%s %s: %s", a.method, a.path, code)
		}
	}
	events := r.do(ask{path: "/api/v1/apps/mine/events", token: token}).want(t, http.StatusOK).body
	for _, action := range []string{"source.bound", "source.unbound", testEmail} {
		if !strings.Contains(events, action) {
			t.Errorf("no event %s", action)
		}
	}
}

// refuses binds to an address that is refused, and gives the code and the whole answer.
func (r *rig) refuses(token, address, branch string) (code, body string) {
	r.t.Helper()
	got := r.do(ask{method: put, path: sourcePath, token: token, json: fmt.Sprintf(`{"url":%s,"branch":%s}`, quoted(address), quoted(branch))})
	got.want(r.t, http.StatusUnprocessableEntity)
	return got.code(), got.body
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\x00", `\u0000`, "\x1b", `\u001b`).Replace(s) + `"`
}

func TestA41_NoSpellingOfAnAddressInsideCanBeBound(t *testing.T) {
	r := newRig(t)
	a, token := r.serving("mine"), r.token("", platform.ScopeAdmin)
	answers := map[string]bool{}
	for _, host := range []string{
		"127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]", "[fe80::1%25eth0]", "[fd00::1]",
		"172.17.0.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "[fd00:ec2::254]", "localhost", "LOCALHOST", "localhost.", "10.99.1.5",
		"127.0.0.1:22", "169.254.169.254:80", "10.99.0.5:22", "1.1.1.1:22", "1.1.1.1:5432", "1.1.1.1:2375", "[::1]:8443", "127.0.0.1:443", "127.0.0.1:5005",
	} {
		code, body := r.refuses(token, "https://"+host+"/ada/shop.git", "")
		if code != "url_refused" {
			t.Errorf("%s is answered with %s\n%s", host, code, body)
		}
		answers[withoutQuoted(body)] = true
	}
	if len(answers) != 1 {
		t.Errorf("there are %d different answers: %v", len(answers), answers)
	}
	for _, address := range []string{
		"http://1.1.1.1/x.git", "file:///etc/passwd", "gopher://127.0.0.1/x", "unix:///var/run/docker.sock", "ssh://git@1.1.1.1/x.git", "git://1.1.1.1/x.git",
		"ftp://1.1.1.1/x", "dict://127.0.0.1:11211/x", "git@github.com:ada/shop.git", "/etc/passwd", "//127.0.0.1/x", "", "https:127.0.0.1/x",
	} {
		if code, _ := r.refuses(token, address, ""); !strings.HasPrefix(code, "git_url_") {
			t.Errorf("%q is answered with %s", address, code)
		}
	}
	if _, err := r.store.RemoteOf(t.Context(), a.ID); !platform.IsKind(err, platform.NotFound) {
		t.Errorf("something was bound: %v", err)
	}
}

// withoutQuoted leaves out what was asked for.
func withoutQuoted(body string) string {
	parts := strings.Split(body, `\"`)
	if len(parts) != 3 {
		return body
	}
	return parts[0] + parts[2]
}

func TestA03_AddressesThatGitTakesForMoreAreRefused(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	token := r.token("", platform.ScopeAdmin)
	for _, address := range []string{
		"--upload-pack=touch /tmp/canary", "-u./x", "ext::sh -c touch% /tmp/canary", "file:///etc", "ssh://-oProxyCommand=touch/x", "https://10.99.0.5/x\n--upload-pack=y",
		"https://10.99.0.5/x;id", "https://10.99.0.5/$(id)", "https://10.99.0.5/`id`", "https://10.99.0.5/../x", "https://10.99.0.5/a/../x", "https://10.99.0.5/x%0a", "https://10.99.0.5/x%00",
		"https://10.99.0.5/x?a=b", "https://10.99.0.5/x#a", "https://10.99.0.5", "https://10.99.0.5/", "https:///x", "https://-oX/x", "https://a b/x", "https://10.99.0.5\\@x/y", "https://[::1/x",
		"ext+https://10.99.0.5/x", "https::https://10.99.0.5/x", "https://10.99.0.5/\x1b[2J", "https://10.99.0.5/" + strings.Repeat("x", 600),
	} {
		if code, body := r.refuses(token, address, ""); !strings.HasPrefix(code, "git_url_") {
			t.Errorf("%q is answered with %s\n%s", address, code, body)
		}
	}
}

func TestA02_BranchesThatAreNoNamesAreRefused(t *testing.T) {
	r := newRig(t)
	_, token := r.bound("main")
	for _, branch := range []string{
		"-x", "--upload-pack=x", "a b", "a..b", "a:b", "refs/heads/-x", "a~1", "a^", "*", "a?", "[a", "a@{1}", "a.lock", "/a", "a/", "a//b", "a\nb", "a\\b", strings.Repeat("x", 300),
	} {
		if code, body := r.refuses(token, boundURL, branch); code != "branch_invalid" {
			t.Errorf("%q is answered with %s\n%s", branch, code, body)
		}
	}
	for _, branch := range []string{"a;id", "$(touch${IFS}x)", "`id`", "feature/x", "HEAD", "1&2"} { // legal in git, and never more than a name
		r.do(ask{method: put, path: sourcePath, token: token, json: fmt.Sprintf(`{"url":%q,"branch":%s}`, boundURL, quoted(branch))}).want(t, http.StatusOK)
	}
}

func TestSource_CredentialsInAnAddressAreRefusedWithAHint(t *testing.T) {
	r := newRig(t)
	a, token := r.serving("mine"), r.token("", platform.ScopeAdmin)
	for _, address := range []string{"https://ghp_LGSCANARY@10.99.0.5/x.git", "https://ada:LGSCANARY@10.99.0.5/x.git", "https://:LGSCANARY@10.99.0.5/x.git", "http://a:LGSCANARY@10.99.0.5/x.git"} {
		code, body := r.refuses(token, address, "")
		if code != "git_url_has_credentials" || !strings.Contains(body, "git push lugsail") || strings.Contains(body, "CANARY") {
			t.Errorf("%s\n%s", code, body)
		}
	}
	events, err := r.store.Events(t.Context(), a.ID, 0, 100)
	must(t, err)
	if strings.Contains(fmt.Sprint(events), "CANARY") {
		t.Error("it stands in an event")
	}
}
