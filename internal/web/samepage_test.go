package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// A form that changes nothing says so, and one that changes something does not.
func TestPages_WhatIsSoAlreadyIsNotSaidToBeSaved(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	for _, c := range []struct {
		path   string
		form   url.Values
		leads  string // the first time
		notice string // what is said then
	}{
		{"/apps/mine/settings", url.Values{"branch": {"live"}, "path": {""}, "timeout": {""}, "grace": {"20"}}, "/apps/mine/settings?done=saved", "Saved."},
		{"/apps/mine/builder", url.Values{"builder": {"dockerfile"}, "dockerfile": {"docker/Dockerfile"}}, "/apps/mine/settings?done=builder", "The next push is built with it."},
		{"/apps/mine/config", url.Values{"name": {"COLOUR"}, "value": {"sea"}, "when": {"later"}}, "/apps/mine/config?done=next", "Saved for the next deployment."},
		{"/apps/mine/scaling/plan", url.Values{"plan": {"micro"}}, "/apps/mine/deployments/2", ""},
		{"/apps/mine/scaling/replicas", url.Values{"web": {"2"}}, "/apps/mine/deployments/3", ""},
		{"/apps/mine/rename", url.Values{"name": {"mine"}}, "/apps/mine/settings?done=same", "Nothing changed"},
	} {
		for try, want := range []string{c.leads, "done=same"} {
			to := r.do(ask{method: post, path: c.path, session: r.session, form: c.form}).want(t, http.StatusSeeOther).Header.Get("Location")
			if !strings.Contains(to, want) {
				t.Errorf("%s, time %d: it leads to %s, want %s", c.path, try+1, to, want)
			}
			said := c.notice
			if try == 1 {
				said = "Nothing changed: it was so already."
			}
			if page := r.page(to); !strings.Contains(page, said) {
				t.Errorf("%s, time %d: %s does not say %q", c.path, try+1, to, said)
			}
		}
	}
}

func TestPages_ANewVolumeFitsTheReplicasThatThereAre(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	const one, all = `value="false" checked`, `value="true" checked`
	if page := r.page("/apps/mine/volumes"); !strings.Contains(page, one) || strings.Contains(page, all) {
		t.Error("one replica: the form does not begin with a volume for one")
	}
	_, err := r.store.UpdateApp(t.Context(), a.ID, func(a *platform.App) error { a.Scale = platform.Scale{"web": 2}; return nil })
	must(t, err)
	if page := r.page("/apps/mine/volumes"); !strings.Contains(page, all) || strings.Contains(page, one) {
		t.Error("two replicas: the form begins with a volume that could not be added")
	}
}

func TestPages_AddressesAreToldWithTheirPort(t *testing.T) {
	r := newRig(t)
	withMachine(r)
	r.apps.Addresses.Port = 8443
	page := r.page("/welcome")
	for _, want := range []string{"console.localhost:8443. For trying", "<b>console.localhost:8443</b>", "ssh -L 8443:localhost:8443 SERVER"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	r.apps.Addresses.Port = 443
	if page := r.page("/welcome"); !strings.Contains(page, "console.localhost. For trying") || !strings.Contains(page, "ssh -L 443:localhost:443 SERVER") {
		t.Error("the usual port is told, too")
	}
}

func TestPages_TheLogOfADeploymentEndsWithItsAddress(t *testing.T) {
	r := newRig(t)
	a := r.serving("mine")
	if page := r.page("/apps/mine/deployments/1"); !strings.Contains(page, "v1 serves at</span> <a class=\"link\" href=\"https://mine.example.test\"") {
		t.Error("the page does not lead to what serves now")
	}
	r.deployment(a, "Next", "a line")
	if page := r.page("/apps/mine/deployments/2"); strings.Contains(page, "serves at") {
		t.Error("a deployment that goes on tells how it ended")
	}
}

func TestPages_AWebAddressThatWasPastedBecomesADomain(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	r.do(ask{method: post, path: "/apps/mine/domains", session: r.session, form: url.Values{"host": {"https://Shop.Ada.dev/cart?x=1"}}}).want(t, http.StatusSeeOther)
	if page := r.page("/apps/mine/domains"); !strings.Contains(page, `value="shop.ada.dev"`) {
		t.Error("the host name of a pasted address is not taken")
	}
}

// What a page's script listens to is no page: the one to sign in would be taken for it.
func TestPages_WhatAScriptAsksForAfterTheSessionIs401(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	events := http.Header{"Accept": {"text/event-stream"}}
	for _, a := range []ask{
		{path: "/live", header: events}, {path: "/apps/mine/live", header: events}, {path: "/apps/mine?part=live"}, {path: "/?part=live"},
	} {
		if got := r.do(a); got.StatusCode != http.StatusUnauthorized || got.code() != "not_signed_in" {
			t.Errorf("%s: %d %.100s", a.path, got.StatusCode, got.body)
		}
	}
	r.do(ask{path: "/apps/mine"}).want(t, http.StatusSeeOther)
	if page := r.do(ask{path: "/login?done=over&next=%2Fapps%2Fmine"}).want(t, http.StatusOK); !strings.Contains(page.body, "Your session has ended.") || !strings.Contains(page.body, `name="next" value="/apps/mine"`) {
		t.Error("the sign-in page does not say why it is there")
	}
}
