// Package console is the pages for people: rendered on the server, complete without a
// script. One file per page; the templates lie in package ui.
//
// What surprises: a page that must stay fresh is simply asked for again, with part=live,
// by the script; so there is one renderer, and everything shown went through
// html/template. Answers to a form that failed show the form again, with what to do.
package console

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
	"github.com/lugsail/lugsail/platform/app"
)

// Config is what the pages need.
type Config struct {
	Apps        *app.Service
	Accounts    *account.Service
	Version     string
	Fingerprint func(context.Context) string // of the internal CA, SHA-256 in hex; "" when unknown
	Now         func() time.Time
	Reference   func() openapi.Reference // of the API

	SSHFingerprint func() string // of the host key; "" where there is no git over SSH
}

// Console holds the page handlers.
type Console struct {
	apps        *app.Service
	accounts    *account.Service
	version     string
	fingerprint func(context.Context) string
	now         func() time.Time
	reference   func() openapi.Reference
	ssh         func() string // fingerprint of the host key
	assets      *assets
	pages       map[string]*template.Template
	onces       onces
}

// New reads all templates; an error means that one is broken.
func New(config Config) (*Console, error) {
	c := &Console{
		apps: config.Apps, accounts: config.Accounts, version: config.Version,
		fingerprint: config.Fingerprint, now: config.Now, ssh: config.SSHFingerprint, reference: config.Reference,
	}
	var err error
	if c.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if c.pages, err = c.loadPages(); err != nil {
		return nil, err
	}
	return c, nil
}

// frame is what every page has around its own content.
type frame struct {
	Title   string
	Nav     string // which entry of the menu is current
	Bare    bool   // without the menu: nobody is signed in
	Actor   platform.Actor
	Guard   platform.Guard // what an owner is asked for beside the password
	At      string         // the page that does it: "second-factor" or "passkeys"
	Console string         // URL of the console, as this person knows it
	Notice  string
	Undo    *undo           // beside the notice; nil when nothing can be taken back
	Seen    int64           // the version of all that the page may have read
	Stream  url.Values      // what the page wants of its app's stream, beside changes
	Events  string          // names of those events, for the script
	Wrong   *platform.Error // why the form was refused
	App     *appFrame       // around the pages of one app
	Data    any
}

// guards are the pages by which an owner sets up what the guard asks for.
var guards = map[string]string{"second-factor": "second-factor", "invitation": "second-factor", "recovery-codes": "second-factor", "passkeys": "passkeys"}

// undo is a button that takes back what the notice tells of.
type undo struct{ Action, Label string }

// Live is where the page hears of changes.
func (f frame) Live() string { return streamOf(f) }

// May tells whether the page may offer something.
func (f frame) May(action string) bool {
	id := ""
	if f.App != nil {
		id = f.App.Overview.App.ID
	}
	return platform.Can(f.Actor, platform.Action(action), id)
}

// show renders a page into memory first, so that a broken one is a clean error.
func (c *Console) show(e echo.Context, status int, name string, f frame) error {
	if actor, ok := request.SignedIn(e); ok {
		f.Actor, f.Guard, f.At = actor, request.Guard(e), guards[name]
	} else {
		f.Bare = true
	}
	f.Seen, _ = e.Get(seenVersion).(int64)
	if f.Wrong == nil && opened(e) {
		f.Wrong = request.TakeRefusal(e)
	}
	f.Console = c.apps.Addresses.ConsoleURL(f.Actor.Console)
	if f.Notice == "" {
		f.Notice = notices[e.QueryParam("done")]
	}
	var page bytes.Buffer
	if err := c.pages[name].ExecuteTemplate(&page, "layout", f); err != nil {
		return fmt.Errorf("rendering page %s: %w", name, err)
	}
	return e.HTMLBlob(status, page.Bytes())
}

// refuse shows the form again with what was wrong. Our own faults are not the form's.
func (c *Console) refuse(e echo.Context, err error, name string, f frame) error {
	status, wrong := request.Explain(err)
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		return err
	}
	if byScript(e) {
		return request.WriteProblem(e, status, wrong)
	}
	f.Wrong = wrong
	return c.show(e, status, name, f)
}

// Trouble answers an error with a page; who is not signed in is sent to sign in, and an owner who must set up a
// second factor to that.
func (c *Console) Trouble(e echo.Context, status int, wrong *platform.Error) error {
	if byScript(e) || status == http.StatusUnauthorized && listens(e) {
		return request.WriteProblem(e, status, wrong)
	}
	if status == http.StatusUnauthorized {
		return e.Redirect(http.StatusSeeOther, loginPath(e))
	}
	if wrong.Code == request.GuardNeeded {
		return e.Redirect(http.StatusSeeOther, "/account/second-factor")
	}
	if r := e.Request(); status == http.StatusMethodNotAllowed && r.Method == http.MethodGet {
		return e.Redirect(http.StatusSeeOther, path.Dir(r.URL.EscapedPath())) // of a form, opened anew: its page stands above
	}
	page, nav := troublePage{Back: "/", To: "To your apps"}, ""
	if name := e.Param("app"); name != "" && status != http.StatusNotFound {
		page, nav = troublePage{Back: "/apps/" + url.PathEscape(name), To: "Back to " + name}, "apps"
	}
	return c.show(e, status, "trouble", frame{Title: troubleTitle(status, wrong), Nav: nav, Wrong: wrong, Data: page})
}

// troublePage is where the page of an error leads.
type troublePage struct{ Back, To string }

func troubleTitle(status int, wrong *platform.Error) string {
	switch {
	case wrong.Code == "not_set_up":
		return "Not set up yet"
	case status == http.StatusNotFound:
		return "Not here"
	case status == http.StatusForbidden:
		return "Not allowed"
	case status >= http.StatusInternalServerError:
		return "Something went wrong"
	}
	return "That did not work"
}

// notices are what a page may say after a redirect; the address carries the key alone.
var notices = map[string]string{
	"saved":      "Saved.",
	"renamed":    "The app has its new name, and its new address. Computers that push to it need the new git address below.",
	"next":       "Saved for the next deployment. What runs keeps its values until then.",
	"created":    "The app is there.",
	"later":      "Saved. It takes effect with the first deployment.",
	"same":       "Nothing changed: it was so already.",
	"unchanged":  "Nothing changed, so nothing was deployed.",
	"added":      "The domain is added.",
	"removed":    "Removed.",
	"volume":     "The volume is there. The app finds it from its next deployment on.",
	"password":   "Your password is changed. All other browsers are signed out; tokens go on working.",
	"factor-off": "The second factor is off: the password alone signs you in. All other browsers are signed out.",
	"recovered":  "Your password is set. All other browsers are signed out; tokens go on working: revoke those that you do not know.",
	"key":        "The key is added. Git over SSH knows you by it from now on.",
	"key-gone":   "The key no longer works.",
	"revoked":    "The token no longer works.",
	"ended":      "That browser is signed out.",

	"file-saved":     "The file is there. The app finds it at once.",
	"volume-saved":   "Saved. It counts from the next deployment on.",
	"volume-trashed": "The volume is in the trash. For 14 days it can be brought back.",
	"ended-others":   "All other browsers are signed out.",
	"passkey":        "The passkey is added. The sign-in page takes it from now on.",
	"passkey-gone":   "The passkey no longer works here. All other browsers are signed out. Your device may still offer it: remove it there, too.",

	"bound":       "The add-on is bound. The app finds it by its config vars.",
	"opened":      "The port is open. A firewall of your provider has to let it through, too.",
	"port-closed": "The port is closed. Only apps that are bound to it reach it now.",

	"untied": "The add-on is not bound any more. It and its data are still there.",

	"snapshot": "The snapshot is being made: the list tells how far it is.",

	"signed-out": "You are signed out.",
	"over":       "Your session has ended. Sign in, and you are back where you were.",
	"unsent":     "You were signed out meanwhile, so what you sent was not done. Sign in, and send it again.",
	"destroyed":  "The app is being removed for good.",
	"trashed":    "The app is in the trash. It can be brought back until the day that stands beside it.",
	"restored":   "The app is back.",
	"builder":    "Saved. The next push is built with it.",

	"moved":          "The server has its new address. It may take some seconds until it answers there.",
	"confirmed":      "The old address is let go.",
	"cleaned":        "Removed.",
	"cleaned-some":   "Removed, but for what is in use just now: a build is under way. Try again when it has ended.",
	"nothing-ticked": "Nothing was ticked, so nothing was removed.",
	"copied":         "The copy is made.",

	"backups-on":       "Backups go there from now on. The first one is being made.",
	"backups-off":      "No more backups are made. Those that there are stay where they are.",
	"backup-asked":     "The backup is being made.",
	"backup-rehearsed": "The backup is being restored for a trial. What runs notices nothing of it.",

	"unbound":     "The app is not bound to a repository any more. What runs goes on running.",
	"webhook-off": "The webhook is off: its address answers nobody any more. Remove it at the Git host, too.",
	"redelivered": "It was looked at again; below is what that led to.",
}

// afterwards leads to the deployment that a change began, or back with a notice.
func afterwards(e echo.Context, d platform.Deployment, back, notice string) error {
	if d.Number == 0 {
		return see(e, back+"?done="+notice)
	}
	return see(e, fmt.Sprintf("/apps/%s/deployments/%d", e.Param("app"), d.Number))
}
