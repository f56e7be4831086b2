package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/platform"
)

// The kinds of people and programs that come. A column of the expectation for each.
var comers = []string{"nobody", "viewer", "read", "deploy", "foreign", "admin", "session", "developer"}

// row is what each comer is answered on a route: "in" when the handler was reached, else
// the status: 303 is the way to the sign-in page.
type row struct {
	nobody, viewer, read, deploy, foreign, admin, session string
	owners                                                bool // not for developers
}

func (r row) of(comer string) string {
	if comer == "developer" {
		if r.owners {
			return "403"
		}
		return r.session
	}
	return []string{r.nobody, r.viewer, r.read, r.deploy, r.foreign, r.admin, r.session}[slices.Index(comers, comer)]
}

var (
	open = row{"in", "in", "in", "in", "in", "in", "in", false}
	// Tokens are for programs: on a page they are nobody.
	pageRead    = row{"303", "in", "303", "303", "303", "303", "in", false}
	pageDo      = row{"303", "403", "303", "303", "303", "303", "in", false}
	apiRead     = row{"401", "in", "in", "in", "404", "in", "in", false}
	apiDeploy   = row{"401", "403", "403", "in", "404", "in", "in", false}
	apiManage   = row{"401", "403", "403", "403", "404", "in", "in", false}
	apiAny      = row{"401", "in", "in", "in", "in", "in", "in", false}
	apiAllApps  = row{"401", "in", "in", "in", "403", "in", "in", false}
	apiOwn      = row{"401", "in", "403", "403", "403", "in", "in", false}
	apiServerDo = row{"401", "403", "403", "403", "403", "in", "in", false}
	// For the owner alone.
	pageOwner = row{"303", "403", "303", "303", "303", "303", "in", true}
	apiOwner  = row{"401", "403", "403", "403", "403", "in", "in", true}
)

// expected has a row for every route. A route without one fails the test.
var expected = map[string]row{
	"GET /healthz": open, "GET /ca.crt": open, "GET /robots.txt": open, "GET /assets/:file": open, "GET /api/v1/openapi.json": open,
	"GET /docs/api": pageRead,
	"GET /git/*":    open, "POST /git/*": open, // git's own handler asks for the token
	"GET /setup/:token": open, "POST /setup/:token": open, "GET /recover/:token": open, "POST /recover/:token": open,
	"GET /login": open, "POST /login": open, "POST /api/v1/login": open, "POST /api/v1/setup": open,

	"POST /api/v1/logout": apiAny, "GET /api/v1/account": apiAny, "GET /api/v1/server": apiAny, "GET /api/v1/plans": apiAny,
	"GET /api/v1/blueprints": apiAny, "POST /api/v1/blueprints/:blueprint": apiServerDo, "GET /api/v1/bindings": apiAny, "GET /api/v1/public-ports": apiAny, "PUT /api/v1/apps/:app/public-port": apiManage, "DELETE /api/v1/apps/:app/public-port": apiManage,
	"GET /api/v1/apps/:app/bindings": apiRead, "GET /api/v1/apps/:app/stats": apiRead, "POST /api/v1/apps/:app/bindings": apiManage, "DELETE /api/v1/apps/:app/bindings/:addon": apiManage,
	"POST /api/v1/apps/:app/rotate": apiManage, "POST /api/v1/apps/:app/renew": apiManage,
	"GET /api/v1/trash": apiAny, "POST /api/v1/apps/:app/restore": apiManage,
	"GET /trash": pageRead, "POST /apps/:app/restore": pageDo, "POST /apps/:app/builder": pageDo,
	"GET /api/v1/apps": apiAny, "GET /api/v1/events": apiAllApps, "POST /api/v1/apps": apiServerDo,
	"GET /api/v1/tokens": apiOwn, "POST /api/v1/tokens": apiOwn, "DELETE /api/v1/tokens/:id": apiOwn,
	"GET /api/v1/keys": apiOwn, "POST /api/v1/keys": apiOwn, "DELETE /api/v1/keys/:id": apiOwn,
	"GET /login/code": open, "POST /login/code": open, "POST /login/passkey/begin": open, "POST /login/passkey": open,
	"GET /api/v1/second-factor": apiOwn, "POST /api/v1/second-factor": apiOwn, "POST /api/v1/second-factor/confirm": apiOwn, "POST /api/v1/second-factor/off": apiOwn,
	"POST /api/v1/recovery-codes": apiOwn, "GET /api/v1/passkeys": apiOwn, "DELETE /api/v1/passkeys/:id": apiOwn,
	"GET /api/v1/sessions": apiOwn, "DELETE /api/v1/sessions": apiOwn, "DELETE /api/v1/sessions/:id": apiOwn,
	"GET /account/password": pageRead, "GET /account/browsers": pageRead, "POST /account/sessions/end-others": pageRead, "GET /account/tokens": pageRead, "GET /account/keys": pageRead,
	"GET /account/second-factor": pageRead, "POST /account/second-factor": pageRead, "POST /account/second-factor/confirm": pageRead, "POST /account/second-factor/off": pageRead,
	"POST /account/recovery-codes": pageRead, "GET /account/passkeys": pageRead, "POST /account/passkeys": pageRead, "POST /account/passkeys/begin": pageRead, "POST /account/passkeys/:id/remove": pageRead,
	"POST /account/keys": pageRead, "POST /account/keys/:id/remove": pageRead,

	"GET /api/v1/apps/:app": apiRead, "PATCH /api/v1/apps/:app": apiManage, "DELETE /api/v1/apps/:app": apiManage,
	"POST /api/v1/apps/:app/rename": apiManage, "POST /apps/:app/rename": pageDo,
	"GET /api/v1/apps/:app/runs": apiRead, "POST /api/v1/apps/:app/runs": apiManage, "DELETE /api/v1/apps/:app/runs/:run": apiManage,
	"GET /api/v1/apps/:app/runs/terminal": apiManage, "GET /api/v1/apps/:app/replicas/:replica/terminal": apiManage,
	"PUT /api/v1/apps/:app/scale":  apiManage,
	"GET /api/v1/apps/:app/config": apiRead, "PATCH /api/v1/apps/:app/config": apiManage, "GET /api/v1/apps/:app/config/values": apiManage,
	"GET /api/v1/apps/:app/deployments": apiRead, "POST /api/v1/apps/:app/deployments": apiDeploy,
	"GET /api/v1/apps/:app/deployments/:number": apiRead, "POST /api/v1/apps/:app/deployments/:number/cancel": apiDeploy,
	"GET /api/v1/apps/:app/deployments/:number/events": apiRead,
	"POST /api/v1/apps/:app/uploads":                   apiDeploy,
	"GET /apps/:app/upload":                            pageRead, "POST /apps/:app/upload": pageDo, "POST /apps/:app/image": pageDo, "POST /apps/:app/image/file": pageDo,
	"POST /api/v1/apps/:app/images":      apiDeploy,
	"POST /api/v1/apps/:app/images/file": apiDeploy,
	"GET /api/v1/apps/:app/releases":     apiRead, "POST /api/v1/apps/:app/rollback": apiDeploy, "POST /api/v1/apps/:app/restart": apiDeploy,
	"GET /api/v1/apps/:app/replicas": apiRead, "GET /api/v1/apps/:app/logs": apiRead, "GET /api/v1/apps/:app/metrics": apiRead, "GET /api/v1/apps/:app/events": apiRead,
	"GET /api/v1/apps/:app/domains": apiRead, "POST /api/v1/apps/:app/domains": apiManage, "DELETE /api/v1/apps/:app/domains/:host": apiManage,
	"GET /api/v1/apps/:app/volumes": apiRead, "POST /api/v1/apps/:app/volumes": apiManage, "PUT /api/v1/apps/:app/volumes/:volume": apiManage,
	"DELETE /api/v1/apps/:app/volumes/:volume": apiManage, "POST /api/v1/apps/:app/volumes/:volume/restore": apiManage,
	"GET /api/v1/apps/:app/snapshots": apiRead, "POST /api/v1/apps/:app/snapshots": apiManage, "DELETE /api/v1/apps/:app/snapshots/:snapshot": apiManage, "POST /api/v1/apps/:app/snapshots/:snapshot/restore": apiManage,
	"GET /api/v1/apps/:app/volumes/:volume/files": apiManage, "GET /api/v1/apps/:app/volumes/:volume/file": apiManage,
	"PUT /api/v1/apps/:app/volumes/:volume/file": apiManage, "DELETE /api/v1/apps/:app/volumes/:volume/file": apiManage,
	"GET /apps/:app/snapshots": pageRead, "POST /apps/:app/snapshots": pageDo, "POST /apps/:app/snapshots/before": pageDo, "POST /apps/:app/snapshots/:snapshot/restore": pageDo, "POST /apps/:app/snapshots/:snapshot/remove": pageDo, "POST /apps/:app/snapshots/:snapshot/copy": pageDo,
	"POST /api/v1/apps/:app/snapshots/:snapshot/copy": apiManage,
	"GET /apps/:app/volumes":                          pageRead, "POST /apps/:app/volumes": pageDo, "POST /apps/:app/volumes/:volume": pageDo, "POST /apps/:app/volumes/:volume/remove": pageDo, "POST /apps/:app/volumes/:volume/restore": pageDo,
	"GET /apps/:app/volumes/:volume/files": pageDo, "GET /apps/:app/volumes/:volume/file": pageDo, "POST /apps/:app/volumes/:volume/files": pageDo, "POST /apps/:app/volumes/:volume/files/remove": pageDo,

	"GET /api/v1/names/:name": apiServerDo, "GET /api/v1/apps/:app/preview/scale": apiRead, "GET /api/v1/apps/:app/preview/destroy": apiRead,
	"GET /api/v1/apps/:app/preview/rollback": apiRead, "POST /api/v1/apps/:app/config/preview": apiManage, "GET /api/v1/apps/:app/config/history": apiRead,
	"POST /api/v1/apps/:app/config/restore": apiManage, "POST /api/v1/apps/:app/config/apply": apiDeploy, "POST /api/v1/apps/:app/deployments/:number/retry": apiDeploy,

	"GET /api/v1/apps/:app/source": apiRead, "PUT /api/v1/apps/:app/source": apiManage, "DELETE /api/v1/apps/:app/source": apiManage,
	"POST /api/v1/apps/:app/source/pull": apiDeploy,
	"GET /api/v1/apps/:app/webhook":      apiRead, "POST /api/v1/apps/:app/webhook": apiManage, "DELETE /api/v1/apps/:app/webhook": apiManage,
	"GET /api/v1/apps/:app/webhook/deliveries": apiRead, "GET /api/v1/apps/:app/webhook/deliveries/:id": apiRead,
	"POST /api/v1/apps/:app/webhook/deliveries/:id/redeliver": apiDeploy,
	"GET /apps/:app/source":                                   pageRead, "POST /apps/:app/source": pageDo, "POST /apps/:app/source/pull": pageDo, "POST /apps/:app/source/unbind": pageDo,
	"POST /apps/:app/webhook": pageDo, "POST /apps/:app/webhook/off": pageDo, "POST /apps/:app/webhook/redeliver": pageDo,
	"POST /api/v1/hooks/:id": open, // the signature is asked for by the handler

	"GET /api/v1/doctor": apiOwner, "GET /api/v1/disk": apiOwner, "GET /api/v1/apps/:app/doctor": apiRead, "GET /server/checkup": pageOwner, "GET /apps/:app/checkup": pageRead,

	"POST /logout": pageRead, "GET /": pageRead, "GET /activity": pageRead, "GET /live": pageRead, "GET /palette": pageRead, "GET /apps/:app/live": pageRead, "GET /server": pageRead, "GET /account": pageRead,
	"GET /create": pageDo, "POST /create": pageDo,
	"GET /create/blueprint": pageDo, "GET /create/blueprint/:blueprint": pageDo, "POST /create/blueprint/:blueprint": pageDo, "GET /create/database": pageDo, "POST /create/database": pageDo,
	"GET /apps/:app/addons": pageRead, "GET /apps/:app/stats": pageRead, "POST /apps/:app/addons": pageDo, "POST /apps/:app/addons/unbind": pageDo, "POST /apps/:app/connection": pageDo, "POST /apps/:app/rotate": pageDo, "POST /apps/:app/public-port": pageDo, "POST /apps/:app/public-port/close": pageDo, "POST /apps/:app/renew": pageDo,
	"POST /account/password": pageRead, "POST /account/tokens": pageRead, "POST /account/tokens/:id/revoke": pageRead,
	"POST /account/sessions/:id/end": pageRead,
	"GET /apps/:app":                 pageRead, "GET /apps/:app/deployments": pageRead, "POST /apps/:app/deployments": pageDo,
	"GET /apps/:app/deployments/:number": pageRead, "POST /apps/:app/deployments/:number/cancel": pageDo,
	"POST /apps/:app/rollback": pageDo, "GET /apps/:app/logs": pageRead, "GET /apps/:app/logs.txt": pageRead, "GET /apps/:app/deployments/:number/log.txt": pageRead, "GET /apps/:app/terminal": pageDo, "GET /apps/:app/metrics": pageRead,
	"GET /apps/:app/config": pageRead, "POST /apps/:app/config": pageDo, "POST /apps/:app/config/remove": pageDo, "POST /apps/:app/config/reveal": pageDo,
	"GET /apps/:app/rollback": pageRead, "POST /apps/:app/deployments/:number/retry": pageDo, "POST /apps/:app/config/restore": pageDo, "POST /apps/:app/config/apply": pageDo,
	"GET /apps/:app/domains": pageRead, "POST /apps/:app/domains": pageDo, "POST /apps/:app/domains/remove": pageDo,
	"GET /apps/:app/scaling": pageRead, "POST /apps/:app/scaling/plan": pageDo, "POST /apps/:app/scaling/replicas": pageDo,
	"GET /apps/:app/settings": pageRead, "POST /apps/:app/settings": pageDo, "POST /apps/:app/destroy": pageDo,
}

func TestA45_EveryRouteTimesEveryComer(t *testing.T) {
	r := newRig(t)
	mine, other := r.serving("mine"), r.serving("other")
	viewer, developer := r.viewer(), r.signedIn("dev@example.test", platform.RoleDeveloper)
	comer := map[string]ask{
		"nobody": {}, "viewer": {session: viewer}, "session": {session: r.session}, "developer": {session: developer},
		"read":    {token: r.token("", platform.ScopeRead)},
		"deploy":  {token: r.token(mine.ID, platform.ScopeDeploy)},
		"foreign": {token: r.token(other.ID, platform.ScopeAdmin)},
		"admin":   {token: r.token("", platform.ScopeAdmin)},
	}
	seen := map[string]bool{}
	for _, route := range r.server.routes {
		key := route.method + " " + route.path
		want, ok := expected[key]
		if !ok {
			t.Errorf("%s has no row in the table", key)
			continue
		}
		seen[key] = true
		for _, who := range comers {
			got := r.reach(route, comer[who])
			wanted := want.of(who)
			if who == "deploy" && strings.HasPrefix(wanted, "in") && !strings.Contains(route.path, ":app") && route.kind == program && !route.any {
				wanted = "403" // it knows its app only
			}
			if got != wanted {
				t.Errorf("%s as %s: %s, want %s", key, who, got, wanted)
			}
		}
	}
	for key := range expected {
		if !seen[key] {
			t.Errorf("%s stands in the table, but there is no such route", key)
		}
	}
}

// reach asks a route whose handler only notes that it was reached: what a handler does is
// no question here.
func (r *rig) reach(rt route, who ask) string {
	reached := false
	rt.handler = func(c echo.Context) error {
		reached = true
		return c.NoContent(http.StatusNoContent)
	}
	routes, handler := r.server.routes, r.server.handler
	defer func() { r.server.routes, r.server.handler, r.undescribed = routes, handler, false }()
	r.undescribed = true
	r.server.routes = []route{rt}
	r.server.handler = r.server.build()
	who.method = rt.method
	who.path = strings.NewReplacer(":app", "mine", ":number", "1", ":token", "x", ":id", "x", ":host", "a.example.com", ":file", "x", "*", "mine.git").Replace(rt.path)
	if rt.method != get && rt.method != remove {
		who.json = "{}"
	}
	res := r.do(who)
	if reached {
		return "in"
	}
	return res.Status[:3]
}

func TestA45_ForeignAppReadsAsMissing(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	r.serving("other")
	token := r.token(mine.ID, platform.ScopeAdmin)
	foreign := r.do(ask{path: "/api/v1/apps/other", token: token}).want(t, http.StatusNotFound)
	missing := r.do(ask{path: "/api/v1/apps/nonesuch", token: token}).want(t, http.StatusNotFound)
	if strings.ReplaceAll(foreign.body, "other", "nonesuch") != missing.body {
		t.Errorf("a foreign app is told from a missing one:\n%s%s", foreign.body, missing.body)
	}
	list := r.do(ask{path: "/api/v1/apps", token: token}).want(t, http.StatusOK)
	if strings.Contains(list.body, `"other"`) || !strings.Contains(list.body, `"mine"`) {
		t.Errorf("the list is not narrowed to the token's app: %s", list.body)
	}
}

func TestAccess_TokensInQueryAndTwiceAreNobody(t *testing.T) {
	r := newRig(t)
	token := r.token("", platform.ScopeAdmin)
	r.do(ask{path: "/api/v1/apps?token=" + token + "&access_token=" + token}).want(t, http.StatusUnauthorized)
	r.do(ask{path: "/api/v1/apps", header: http.Header{"Authorization": {"Bearer " + token, "Bearer " + token}}}).want(t, http.StatusUnauthorized)
	r.do(ask{path: "/api/v1/apps", header: http.Header{"Authorization": {"Basic " + token}}}).want(t, http.StatusUnauthorized)
	// A wrong token does not fall back to the browser's session.
	r.do(ask{path: "/api/v1/apps", session: r.session, header: http.Header{"Authorization": {"Bearer lgs_wrong"}}}).want(t, http.StatusUnauthorized)
}

func TestA50_TwoSessionCookiesAreNone(t *testing.T) {
	r := newRig(t)
	two := http.Header{"Cookie": {"__Host-lugsail=planted; __Host-lugsail=" + r.session}}
	r.do(ask{path: "/api/v1/apps", header: two}).want(t, http.StatusUnauthorized)
	login := r.do(ask{method: post, path: "/login", form: url.Values{"email": {testEmail}, "password": {testPassword}}}).want(t, http.StatusSeeOther)
	cookie := login.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-lugsail=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("cookie %q lacks %s", cookie, part)
		}
	}
	if strings.Contains(cookie, "Domain=") {
		t.Errorf("cookie %q has a domain", cookie)
	}
}

func TestA59_HeadersThatClaimAnIdentityAreIgnored(t *testing.T) {
	r := newRig(t)
	h := http.Header{"Remote-User": {testEmail}, "X-Webauth-User": {testEmail}, "X-Forwarded-User": {testEmail}}
	r.do(ask{path: "/api/v1/apps", header: h}).want(t, http.StatusUnauthorized)
}

func TestA45_AnEmptyNameIsNoApp(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	for _, token := range []string{r.token(mine.ID, platform.ScopeAdmin), r.token("", platform.ScopeAdmin)} {
		for _, path := range []string{"/api/v1/apps//config/values", "/api/v1/apps//events", "/api/v1/apps//logs"} {
			r.do(ask{path: path, token: token}).want(t, http.StatusNotFound)
		}
	}
}
