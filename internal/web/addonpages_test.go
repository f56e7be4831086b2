package web

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lugsail/lugsail/internal/blueprint"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/addon"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/run"
)

// links are the add-ons' networks, which nobody makes here.
type links struct{}

func (links) Link(context.Context, platform.Link) error { return nil }

const markup = `<script>alert(1)</script>`

// shelves are blueprints of a site that says what it likes, and of two add-ons.
var shelves = fstest.MapFS{
	"cache/blueprint.yaml": {Data: []byte(`
title: Cache
sentence: It forgets. <b>Always.</b>
category: database
plan: db-pico
volumes: [{name: data, path: /data}]
config: {ADDON_USER: app, ADDON_PASSWORD: "{secret}"}
prefix: REDIS
gives: {URL: "redis://:{addon_password}@{host}:6379/0", HOST: "{host}", PORT: "6379", USER: "{addon_user}", PASSWORD: "{addon_password}"}
check: [/check]
`)},
	"cache/Dockerfile": {Data: []byte("FROM scratch\n")},
	"site/blueprint.yaml": {Data: []byte(`
title: Site <i>
sentence: A site that says ` + markup + `
category: site
plan: nano
internet: true
volumes: [{name: uploads, path: /data, shared: true}]
asks:
  - {name: title, label: Title, help: Above every page., default: "Pages of {app}"}
  - {name: admin, label: Administrator, help: Letters only., default: admin, pattern: "[a-z<>/()1]+"}
config: {ADMIN_PASSWORD: "{secret}"}
addons: [{blueprint: cache}]
note: |
  Sign in to {url} as {admin} with {admin_password}; it is called {title}.
  ` + markup + `
`)},
	"site/Dockerfile": {Data: []byte("FROM scratch\n")},
}

// stacked is a rig that has blueprints.
func stacked(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	catalogue, err := blueprint.Open(shelves)
	must(t, err)
	r.apps.Blueprints, r.apps.Stacks, r.apps.Ties, r.apps.Linker = catalogue, r.store, r.store, links{}
	r.apps.Addons = &addon.Service{Store: r.store, Blueprints: catalogue}
	return r
}

// cache makes an add-on, whose password it gives.
func (r *rig) cache(name string) (password string) {
	r.t.Helper()
	ctx := r.t.Context()
	_, err := r.apps.CreateFromBlueprint(ctx, r.owner, app.BlueprintRequest{Blueprint: "cache", Name: name})
	must(r.t, err)
	a, err := r.store.AppByName(ctx, name)
	must(r.t, err)
	vars, err := r.store.ConfigVars(ctx, a.ID)
	must(r.t, err)
	return vars["ADDON_PASSWORD"]
}

// runs gives an add-on a release that serves.
func (r *rig) runs(name string) {
	r.t.Helper()
	ctx := r.t.Context()
	a, err := r.store.AppByName(ctx, name)
	must(r.t, err)
	vars, err := r.store.ConfigVars(ctx, a.ID)
	must(r.t, err)
	d := r.newest(name)
	_, err = r.store.ClaimDeployment(ctx, d.ID)
	must(r.t, err)
	release := platform.Release{
		AppID: a.ID, DeploymentID: d.ID, Cause: d.Cause, Image: "x@sha256:00", Plan: "pico", ConfigVars: vars,
		Processes: []platform.Process{{Type: "database"}}, CreatedAt: time.Now(), CreatedBy: testEmail,
	}
	must(r.t, r.store.AppendRelease(ctx, &release))
	must(r.t, r.store.CommitSwitch(ctx, a.ID, release.Number, d.ID))
}

func (r *rig) sends(path string, fields ...string) answer {
	r.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return r.do(ask{method: post, path: path, session: r.session, form: form})
}

func wants(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func wantsNone(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("the page says %q", text)
		}
	}
}

func TestBlueprintPages_TellBeforeWhatTheyMake(t *testing.T) {
	r := stacked(t)
	shelf := r.do(ask{path: "/create/blueprint", session: r.session}).want(t, http.StatusOK).body
	wants(t, shelf, `href="/create/blueprint/site"`, "fetches from the internet", "nano or larger", html.EscapeString(markup))
	wantsNone(t, shelf, markup, "/create/blueprint/cache") // databases have a page of their own
	form := r.do(ask{path: "/create/blueprint/site", session: r.session}).want(t, http.StatusOK).body
	wants(t, form, `value="site"`, "site is free.", "Left empty: Pages of site", `value="admin"`, "<b>Cache</b> on plan db-pico", "<b>The volume uploads</b>",
		`value="nano" checked`, "Smaller than it runs well on", "needs 256 MB beside the plan", "It fetches from the internet.")
	wantsNone(t, form, markup, "Site <i>")
	r.serving("site")
	form = r.do(ask{path: "/create/blueprint/site", session: r.session}).body
	wants(t, form, `value="my-site"`, "my-site is free.", "Left empty: Pages of my-site")
	form = r.do(ask{path: "/create/blueprint/site?name=site", session: r.session}).body
	wants(t, form, "already an app named site")
	for _, none := range []string{"/create/blueprint/nothing", "/create/blueprint/cache", "/create/blueprint/%3Cscript%3E"} {
		r.do(ask{path: none, session: r.session}).want(t, http.StatusNotFound)
	}
}

func TestBlueprintPages_TheNoteIsShownOnceAndAsText(t *testing.T) {
	r := stacked(t)
	got := r.sends("/create/blueprint/site", "name", "blog", "plan", "nano", "ask-title", "", "ask-admin", "<b>").want(t, http.StatusCreated)
	a, err := r.store.AppByName(t.Context(), "blog")
	must(t, err)
	vars, err := r.store.ConfigVars(t.Context(), a.ID)
	must(t, err)
	password := vars["ADMIN_PASSWORD"]
	wants(t, got.body, "Sign in to https://blog.example.test as &lt;b&gt; with "+password, "it is called Pages of blog.", html.EscapeString(markup), "shown this once", "with blog-cache", `href="/apps/blog/deployments/1"`)
	wantsNone(t, got.body, markup)
	if got.Header.Get("Location") != "" || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer is %v", got.Header)
	}
	for _, path := range []string{"/", "/apps/blog", "/apps/blog/deployments/1", "/apps/blog/config", "/apps/blog/addons", "/apps/blog-cache", "/activity", "/create/blueprint/site"} {
		wantsNone(t, r.do(ask{path: path, session: r.session}).want(t, http.StatusOK).body, password, markup)
	}
}

func TestBlueprintPages_ARefusalMakesNothingAndKeepsTheAnswers(t *testing.T) {
	r := stacked(t)
	for _, one := range []struct {
		fields []string
		status int
		says   string
	}{
		{[]string{"name", "blog", "plan", "nano", "ask-admin", "NOT OK", "ask-title", "Kept"}, 422, "Administrator cannot be"},
		{[]string{"name", "", "plan", "nano", "ask-title", "Kept"}, 422, "cannot be the name"},
		{[]string{"name", "Blog!", "plan", "nano", "ask-title", "Kept"}, 422, "cannot be the name"},
		{[]string{"name", "blog", "plan", "huge", "ask-title", "Kept"}, 422, "huge"},
		{[]string{"name", "blog", "plan", "2xlarge", "ask-title", "Kept"}, 409, "2xlarge"},
	} {
		got := r.sends("/create/blueprint/site", one.fields...).want(t, one.status)
		wants(t, html.UnescapeString(got.body), `role="alert"`, one.says, `value="Kept"`)
	}
	if apps, err := r.store.Apps(t.Context()); err != nil || len(apps) != 0 {
		t.Errorf("refused forms made %v, %v", apps, err)
	}
}

func TestDatabasePage_MakesAnAddonAndBindsIt(t *testing.T) {
	r := stacked(t)
	r.serving("shop")
	form := r.do(ask{path: "/create/database?app=shop", session: r.session}).want(t, http.StatusOK).body
	wants(t, form, `value="shop-db"`, "shop-db is free.", "<option selected>shop</option>", "It forgets. &lt;b&gt;Always.&lt;/b&gt;", `value="db-pico" checked`)
	bad := r.sends("/create/database", "kind", "cache", "name", "shop-db", "plan", "db-pico", "app", "shop", "prefix", "a b").want(t, 422)
	wants(t, bad.body, "cannot be what config vars begin with", `value="A B"`)
	if _, err := r.store.AppByName(t.Context(), "shop-db"); !platform.IsKind(err, platform.NotFound) {
		t.Fatalf("a refused form made an add-on: %v", err)
	}
	made := r.sends("/create/database", "kind", "cache", "name", "shop-db", "plan", "db-pico", "app", "shop", "prefix", "").want(t, http.StatusSeeOther)
	if to := made.Header.Get("Location"); to != "/apps/shop-db/deployments/1" {
		t.Errorf("it leads to %s", to)
	}
	bound := r.do(ask{path: "/apps/shop/addons", session: r.session}).want(t, http.StatusOK).body
	wants(t, bound, `href="/apps/shop-db"`, "<code>REDIS_URL</code>", "<code>REDIS_PASSWORD</code>", "There is no other add-on on this server.", `href="/create/database?app=shop"`)
	taken := r.sends("/create/database", "kind", "cache", "name", "second", "plan", "db-pico", "app", "shop").want(t, http.StatusSeeOther)
	if to := taken.Header.Get("Location"); to != "/apps/shop/addons?addon=second&prefix=" || len(taken.Cookies()) != 1 {
		t.Fatalf("it leads to %s with %v", to, taken.Cookies())
	}
	said := r.do(ask{path: "/apps/shop/addons?addon=second&prefix=", header: http.Header{"Cookie": {"__Host-lugsail=" + r.session + "; " + taken.Cookies()[0].Name + "=" + taken.Cookies()[0].Value}}})
	wants(t, said.body, "second is being made, but shop is not bound to it", "brings REDIS_… already", `<option value="second" selected>`, `action="/apps/shop/addons"`)
}

// A form sent twice, by a double click or by loading its answer anew, makes one app, and both answers show its password.
func TestBlueprintPages_AFormSentTwiceIsAnsweredAsBefore(t *testing.T) {
	r := stacked(t)
	r.serving("shop")
	mark := regexp.MustCompile(`name="mark" value="([A-Z2-7]{26})"`)
	form := func(path string) string {
		found := mark.FindStringSubmatch(r.do(ask{path: path, session: r.session}).want(t, http.StatusOK).body)
		if found == nil {
			t.Fatalf("%s: the form has no mark", path)
		}
		return found[1]
	}
	one := form("/create/database")
	if one == form("/create/database") {
		t.Error("two forms have the same mark")
	}
	send := func(mark, name string) answer {
		return r.sends("/create/database", "kind", "cache", "name", name, "plan", "db-pico", "app", "shop", "mark", mark)
	}
	leads := func(got answer) {
		if to := got.want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/tea/deployments/1" {
			t.Errorf("it leads to %s", to)
		}
	}
	send(one, "Bad Name").want(t, http.StatusUnprocessableEntity)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { leads(send(one, "tea")) })
	}
	both.Wait()
	leads(send(one, "tea"))
	send(form("/create/database"), "tea").want(t, http.StatusConflict)
	other := r.signedIn("eve@example.test", platform.RoleOwner)
	stranger := url.Values{"kind": {"cache"}, "name": {"tea"}, "plan": {"db-pico"}, "mark": {one}}
	r.do(ask{method: post, path: "/create/database", session: other, form: stranger}).want(t, http.StatusConflict)
}

func TestAddonsPage_BindsShowsWhatIsHiddenAndUnbinds(t *testing.T) {
	r := stacked(t)
	r.serving("shop")
	empty := r.do(ask{path: "/apps/shop/addons", session: r.session}).want(t, http.StatusOK).body
	wants(t, empty, "None yet.", "There is no add-on on this server yet.")
	r.cache("tea")
	r.sends("/apps/shop/addons", "addon", "tea", "prefix", "PORT").want(t, 422)
	r.sends("/apps/shop/addons", "addon", "nothing").want(t, http.StatusNotFound)
	got := r.sends("/apps/shop/addons", "addon", "tea", "prefix", "TEA").want(t, http.StatusSeeOther)
	if to := got.Header.Get("Location"); !strings.HasPrefix(to, "/apps/shop/deployments/") {
		t.Errorf("binding leads to %s", to)
	}
	_, err := r.apps.ChangeConfig(t.Context(), r.owner, "shop", app.ConfigEdit{Set: map[string]string{"TEA_URL": "mine"}, Later: true})
	must(t, err)
	r.cache("mint")
	_, err = r.apps.ChangeConfig(t.Context(), r.owner, "shop", app.ConfigEdit{Set: map[string]string{"MINT_URL": "mine"}, Later: true})
	must(t, err)
	hidden := r.sends("/apps/shop/addons", "addon", "mint", "prefix", "mint").want(t, http.StatusConflict)
	wants(t, hidden.body, "has a config var MINT_URL already", `Remove it: <a class="link" href="/apps/shop/config">Config vars</a>.`) // a page instead of a command
	page := r.do(ask{path: "/apps/shop/addons", session: r.session}).body
	wants(t, page, `<code class="gone">TEA_URL</code>`, "<code>TEA_HOST</code>", "has a config var of its own", `action="/apps/shop/addons/unbind"`)
	looks := r.do(ask{path: "/apps/shop/addons", session: r.viewer()}).want(t, http.StatusOK).body
	wantsNone(t, looks, "<form method=\"post\" action=\"/apps/shop/addons", "/create/database")
	r.sends("/apps/shop/addons/unbind", "addon", "tea").want(t, http.StatusSeeOther)
	wants(t, r.do(ask{path: "/apps/shop/addons", session: r.session}).body, "None yet.")
	if to := r.sends("/apps/shop/addons/unbind", "addon", "tea").want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/shop/addons?done=untied" {
		t.Errorf("unbinding once more leads to %s", to)
	}
	r.sends("/apps/shop/addons/unbind", "addon", "nothing").want(t, http.StatusNotFound)
	r.do(ask{path: "/apps/tea/addons", session: r.session}).want(t, http.StatusSeeOther)
}

func TestAddonPage_MasksThePasswordUntilItIsAskedFor(t *testing.T) {
	r := stacked(t)
	r.serving("shop")
	password := r.cache("tea")
	_, err := r.apps.BindAddon(t.Context(), r.owner, "shop", "tea", "")
	must(t, err)
	page := r.do(ask{path: "/apps/tea", session: r.session}).want(t, http.StatusOK).body
	wants(t, page, `<code id="part-HOST" class="">tea</code>`, `<code id="part-USER" class="">app</code>`, "Show the password", "lugsail addons shell tea", "lugsail addons tunnel tea", "as <code>REDIS_…</code>")
	wantsNone(t, page, password, "/apps/tea/source", "/apps/tea/domains", "Push your code", "Deploy again", "Change the password", "tea.example.test")
	r.runs("tea")
	page = r.do(ask{path: "/apps/tea", session: r.session}).body
	wants(t, page, "Change the password", "When the new password logs in, shop restarts with it; when it does not, the old one stays everywhere.", "and shop without it; its data stays.")
	wantsNone(t, page, "no web process")
	shown := r.sends("/apps/tea/connection").want(t, http.StatusOK).body
	wants(t, shown, `class="secret">`+password+"</code>", "redis://:"+password+"@tea:6379/0")
	wants(t, r.do(ask{path: "/activity", session: r.session}).body, "the password of tea was shown")
	r.do(ask{method: post, path: "/apps/tea/connection", session: r.viewer(), form: url.Values{}}).want(t, http.StatusForbidden)
	r.sends("/apps/shop/connection").want(t, 422)
}

func TestAddonPage_RotatesRenewsAndCannotBeDestroyedWhileBound(t *testing.T) {
	r := stacked(t)
	r.serving("shop")
	password := r.cache("tea")
	_, err := r.apps.BindAddon(t.Context(), r.owner, "shop", "tea", "")
	must(t, err)
	wants(t, r.sends("/apps/tea/rotate").want(t, http.StatusConflict).body, "does not run yet", "lugsail addons shell tea")
	r.runs("tea")
	if to := r.sends("/apps/tea/rotate").want(t, http.StatusSeeOther).Header.Get("Location"); !strings.HasPrefix(to, "/apps/tea/deployments/") {
		t.Errorf("a new password leads to %s", to)
	}
	wants(t, r.sends("/apps/tea/connection").body, password) // what serves still has the old one
	a, err := r.store.AppByName(t.Context(), "tea")
	must(t, err)
	vars, err := r.store.ConfigVars(t.Context(), a.ID)
	must(t, err)
	if vars["ADDON_PASSWORD"] == password {
		t.Error("the password did not change")
	}
	if to := r.sends("/apps/tea/renew").want(t, http.StatusSeeOther).Header.Get("Location"); !strings.HasPrefix(to, "/apps/tea/deployments/") {
		t.Errorf("a renewal leads to %s", to)
	}
	if all, err := r.store.DeploymentsOf(t.Context(), a.ID, 1); err != nil || len(all) != 1 || !all[0].Source.Renew {
		t.Errorf("it takes over what was built before: %+v, %v", all, err)
	}
	settings := r.do(ask{path: "/apps/tea/settings", session: r.session}).want(t, http.StatusOK).body
	wants(t, settings, "It cannot be destroyed while apps use it.", `href="/apps/shop/addons"`)
	wantsNone(t, settings, `action="/apps/tea/destroy"`, "Deploy branch", "Path of the Dockerfile", "/git/tea.git")
	r.sends("/apps/tea/destroy", "confirm", "tea").want(t, http.StatusConflict)
	if to := r.sends("/apps/shop/addons/unbind", "addon", "tea", "from", "addon").want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/tea?done=untied" {
		t.Errorf("unbinding from the add-on leads to %s", to)
	}
	wants(t, r.do(ask{path: "/apps/tea/settings", session: r.session}).body, `action="/apps/tea/destroy"`, "Destroy the add-on")
	r.sends("/apps/tea/destroy", "confirm", "tea").want(t, http.StatusSeeOther)
	wants(t, r.do(ask{path: "/", session: r.session}).body, "1 add-on in the")
}

func TestAddonPages_LeaveOutWhatAnAddonHasNot(t *testing.T) {
	r := stacked(t)
	r.cache("tea")
	r.runs("tea")
	volumes := r.do(ask{path: "/apps/tea/volumes", session: r.session}).want(t, http.StatusOK).body
	wants(t, volumes, ">data</span>", "All that tea keeps.")
	wantsNone(t, volumes, "Add a volume", "Remove the volume", "<summary>Change</summary>")
	scaling := r.do(ask{path: "/apps/tea/scaling", session: r.session}).want(t, http.StatusOK).body
	wants(t, scaling, "it is away for some seconds", "away for some seconds, uses")
	wantsNone(t, scaling, "Set the replicas", "no downtime")
	terminal := r.do(ask{path: "/apps/tea/terminal", session: r.session}).want(t, http.StatusOK).body
	wants(t, terminal, `<option value="own">`, "lugsail addons shell tea")
	wantsNone(t, r.do(ask{path: "/apps/tea/deployments", session: r.session}).body, "Roll back")
	found := r.do(ask{path: "/palette?q=tea", session: r.session}).body
	wants(t, found, `href="/apps/tea"`, `href="/apps/tea/volumes"`)
	wantsNone(t, found, `href="/apps/tea/domains"`, `href="/apps/tea/source"`)
	wants(t, r.do(ask{path: "/palette?q=create", session: r.session}).body, `href="/create/database"`, `href="/create/blueprint"`)
	wantsNone(t, r.do(ask{path: "/palette?q=create", session: r.viewer()}).body, `href="/create`)
}

func TestHome_AddonsHaveASectionOfTheirOwn(t *testing.T) {
	r := stacked(t)
	wants(t, r.page("/"), "Make a database", "See the blueprints")
	r.serving("shop")
	wants(t, r.page("/"), "Databases and caches for your apps")
	r.cache("tea")
	_, err := r.apps.BindAddon(t.Context(), r.owner, "shop", "tea", "")
	must(t, err)
	home := r.page("/")
	apps, addons, _ := strings.Cut(home, `id="addons"`)
	wants(t, addons, `<a href="/apps/tea">tea</a>`, ">Cache<", "Used by shop.", "<span>db-pico</span>")
	wantsNone(t, home, "tea.example.test")
	wantsNone(t, apps, `href="/apps/tea"`)
}

// told is a program in replicas that says a text and ends.
type told struct {
	run.Commands
	text string
	code int
	ran  []string
}

func (p *told) Exec(_ context.Context, _ string, spec platform.ExecSpec) (platform.Terminal, error) {
	p.ran = spec.Command
	return saying{told: p}, nil
}

type saying struct {
	platform.Terminal
	told *told
}

func (saying) CloseInput() error { return nil }

func (s saying) Output(take func(string, []byte) error) error {
	return take("stdout", []byte(s.told.text))
}

func (s saying) End(context.Context) (platform.RunEnd, error) {
	return platform.RunEnd{ExitCode: s.told.code}, nil
}

func (saying) Close(context.Context, time.Duration) (bool, error) { return false, nil }

func TestAddonStats_TellsWhatTheAddonSays(t *testing.T) {
	r := stacked(t)
	r.cache("tea")
	program := &told{}
	r.apps.Conductor.Replicas = &run.Service{Commands: program}
	wants(t, r.do(ask{path: "/apps/tea/stats", session: r.session}).want(t, http.StatusConflict).body, "tea does not run just now")
	wantsNone(t, r.page("/apps/tea"), `id="stats"`)
	r.runs("tea")
	a, err := r.store.AppByName(t.Context(), "tea")
	must(t, err)
	r.engine.replicas = append(r.engine.replicas, platform.Replica{ID: "r", AppID: a.ID, Process: "database", Index: 1, Release: a.CurrentRelease, State: platform.ReplicaRunning})
	wants(t, r.page("/apps/tea"), `href="/apps/tea/stats"`)

	program.text = "bytes\t12400000\nconnections\t3\nconnections-max\t29\nslow-over\t1000\nquery\t2\t1500\t2100\tSELECT '" + markup + "'\n"
	page := r.do(ask{path: "/apps/tea/stats", session: r.session}).want(t, http.StatusOK).body
	wants(t, page, "11.8 MB", "3 of 29", "Slower than 1s", "2.1s", "1.5s", html.EscapeString(markup))
	wantsNone(t, page, markup)
	if len(program.ran) != 1 || program.ran[0] != addon.StatsProgram {
		t.Errorf("ran %v", program.ran)
	}
	body := r.do(ask{path: "/api/v1/apps/tea/stats", token: r.token("", platform.ScopeRead)}).want(t, http.StatusOK).body
	wants(t, body, `"bytes":12400000`, `"max_connections":29`, `"slow":null`, `"longest":2100`)
	program.text = "bytes\t1\nbytes-max\t4000000\nconnections\t0\nconnections-max\t1\nslow-over\t10\nslow\t3\n"
	wants(t, r.page("/apps/tea/stats"), "1 byte of 3.8 MB", "Slower than 10ms", "3 queries since it started")

	program.text, program.code = "", 127 // an image of before
	wants(t, r.do(ask{path: "/apps/tea/stats", session: r.session}).want(t, http.StatusServiceUnavailable).body, "does not tell how it is", "its data stays")
	r.serving("shop")
	r.do(ask{path: "/api/v1/apps/shop/stats", token: r.token("", platform.ScopeRead)}).want(t, 422)
}

// A browser whose connection breaks before the answer sends the form again by itself.
func TestCreatePage_AFormSentAgainAfterABrokenConnectionMakesOneApp(t *testing.T) {
	r := stacked(t)
	mark := regexp.MustCompile(`name="mark" value="([A-Z2-7]{26})"`).FindStringSubmatch(r.do(ask{path: "/create", session: r.session}).want(t, http.StatusOK).body)
	if mark == nil {
		t.Fatal("the form has no mark")
	}
	form := ask{method: post, path: "/create", session: r.session, form: url.Values{"name": {"shop"}, "plan": {"pico"}, "start": {"git"}, "mark": {mark[1]}}}
	ctx, broken := context.WithCancel(t.Context())
	looks := 0
	r.apps.Now = func() time.Time {
		if looks++; looks == 2 { // the app is there, its answer is not
			broken()
		}
		return time.Now()
	}
	r.server.Handler().ServeHTTP(httptest.NewRecorder(), form.request(ctx))
	if _, err := r.store.AppByName(t.Context(), "shop"); err != nil || ctx.Err() == nil {
		t.Fatalf("the connection has to break when the app is there: %v, %v", err, ctx.Err())
	}
	if to := r.do(form).want(t, http.StatusSeeOther).Header.Get("Location"); !strings.HasPrefix(to, "/apps/shop") {
		t.Errorf("it leads to %s", to)
	}
}
