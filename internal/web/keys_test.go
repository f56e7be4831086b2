package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIATYpVTpcdSZLWba+6/sUqaYYdc+Qkxm72J90Zs0Sbbo ada@laptop"

func TestKeys_AreAddedListedAndRemovedByTheAPI(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	var added struct {
		Key struct{ ID, Name, Kind, Fingerprint string }
	}
	r.do(ask{method: post, path: "/api/v1/keys", token: token, json: `{"key": "` + testKey + `"}`}).want(t, http.StatusCreated).decode(t, &added)
	if added.Key.Name != "ada@laptop" || added.Key.Kind != "ED25519" || added.Key.Fingerprint != "SHA256:KDTvBhuXOhLlUQ6ih1m/+JIjkabRu1le9RHckEv7oB4" {
		t.Errorf("%+v", added)
	}
	again := r.do(ask{method: post, path: "/api/v1/keys", token: token, json: `{"key": "` + testKey + `", "name": "again"}`}).want(t, http.StatusConflict)
	if again.code() != "key_exists" {
		t.Errorf("a second time: %s", again.body)
	}
	for text, code := range map[string]string{
		"-----BEGIN OPENSSH PRIVATE KEY-----\\n" + canary: "key_private",
		`command=\"id\" ` + testKey:                       "key_options",
		"ssh-rsa AAAA":                                    "key_invalid",
	} {
		answer := r.do(ask{method: post, path: "/api/v1/keys", token: token, json: `{"key": "` + text + `"}`}).want(t, http.StatusUnprocessableEntity)
		if answer.code() != code || strings.Contains(answer.body, canary) {
			t.Errorf("%.30s: %s", text, answer.body)
		}
	}
	r.do(ask{method: post, path: "/api/v1/keys", token: token, json: `{"key": "x", "account_id": "y"}`}).want(t, http.StatusBadRequest)
	if list := r.do(ask{path: "/api/v1/keys", token: token}).want(t, http.StatusOK); !strings.Contains(list.body, added.Key.Fingerprint) {
		t.Errorf("the list: %s", list.body)
	}
	r.do(ask{method: remove, path: "/api/v1/keys/" + added.Key.ID, token: token}).want(t, http.StatusNoContent)
	r.do(ask{method: remove, path: "/api/v1/keys/" + added.Key.ID, token: token}).want(t, http.StatusNotFound)
	if events := r.do(ask{path: "/api/v1/events", token: token}).want(t, http.StatusOK); !strings.Contains(events.body, "key.add") || !strings.Contains(events.body, "key.remove") {
		t.Errorf("no events: %s", events.body)
	}
}

func TestKeys_PageAddsAndRemovesThem(t *testing.T) {
	r := newRig(t)
	r.apps.Addresses.SSHPort = 2222
	page := r.do(ask{path: "/account/keys", session: r.session}).want(t, http.StatusOK)
	for _, want := range []string{"ssh://git@" + testHost + ":2222/my-app.git", testSSH, "ssh-keygen -t ed25519"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	form := url.Values{"key": {testKey}, "name": {"<b>laptop</b>"}}
	r.do(ask{method: post, path: "/account/keys", session: r.session, form: form}).want(t, http.StatusSeeOther)
	refused := r.do(ask{method: post, path: "/account/keys", session: r.session, form: url.Values{"key": {"BEGIN PRIVATE KEY " + canary}}}).want(t, http.StatusUnprocessableEntity)
	if !strings.Contains(refused.body, "That is a private key.") || strings.Contains(refused.body, canary) {
		t.Errorf("a private key: %s", refused.body)
	}
	page = r.do(ask{path: "/account/keys", session: r.session}).want(t, http.StatusOK)
	if !strings.Contains(page.body, "&lt;b&gt;laptop&lt;/b&gt;") || strings.Contains(page.body, "<b>laptop</b>") {
		t.Error("the name is not shown as text")
	}
	keys, err := r.accounts.SSHKeys(t.Context(), r.owner)
	must(t, err)
	r.do(ask{method: post, path: "/account/keys/" + keys[0].ID + "/remove", session: r.session, form: url.Values{"x": {"y"}}}).want(t, http.StatusSeeOther)
	if keys, err = r.accounts.SSHKeys(t.Context(), r.owner); err != nil || len(keys) != 0 {
		t.Errorf("%+v, %v", keys, err)
	}
}

func TestServer_TellsWhereGitOverSSHIs(t *testing.T) {
	r := newRig(t)
	r.apps.Addresses.SSHPort = 2222
	app := r.serving("shop")
	token := r.token(app.ID, platform.ScopeRead)
	if answer := r.do(ask{path: "/api/v1/server", token: token}).want(t, http.StatusOK); !strings.Contains(answer.body, `"ssh":{"port":2222,"fingerprint":"`+testSSH+`"}`) {
		t.Errorf("the server says %s", answer.body)
	}
	for host, want := range map[string]string{testHost: "ssh://git@" + testHost + ":2222/shop.git", localHost: "ssh://git@localhost:2222/shop.git"} {
		if answer := r.do(ask{path: "/api/v1/apps/shop", token: token, host: host}).want(t, http.StatusOK); !strings.Contains(answer.body, `"ssh_url":"`+want+`"`) {
			t.Errorf("asked at %s: %s", host, answer.body)
		}
	}
	for _, path := range []string{"/server", "/apps/shop", "/apps/shop/settings"} {
		if page := r.do(ask{path: path, session: r.session}).want(t, http.StatusOK); !strings.Contains(page.body, "ssh://git@"+testHost+":2222/") {
			t.Errorf("%s does not tell the address", path)
		}
	}
}
