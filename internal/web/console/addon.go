package console

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/observe"
)

// addonPage is the overview of an add-on.
type addonPage struct {
	Kind     platform.Blueprint
	Parts    []app.ConnectionPart // by which programs reach it
	Revealed bool
	Users    []app.BindingView
	Failed   *platform.Deployment
	Hints    []observe.Finding
	Replicas []replicaRow
	LastHour *lastHour
	Commands []addonCommand
	Public   *app.PublicPortView // nil: only apps reach it
	Outside  string              // the URL by which programs elsewhere reach it; "" when it is not shown
	Ask      publicPortForm
}

// publicPortForm is what the form for a public port begins with.
type publicPortForm struct {
	From, Hours, Port string
	You               string // the address that asks; "" when it is none of the internet
	Own               string // the add-on's own port
	Wrong             string // why it was refused
	Sent              bool   // and was refused, or something else of the page
}

// addonCommand is something that the command line does with an add-on.
type addonCommand struct{ ID, Title, Line string }

func (c *Console) addonWith(e echo.Context, f frame, revealed bool, wrong error) error {
	ctx, name := e.Request().Context(), f.App.App.Name
	kinds, err := c.blueprints(e)
	if err != nil {
		return err
	}
	page := addonPage{Kind: kinds[f.App.App.Blueprint], Revealed: revealed, Hints: c.hints(e, f), Commands: addonCommands(f.App.App)}
	if page.Parts, err = c.apps.Connection(ctx, f.Actor, name, revealed); err != nil {
		return err
	}
	if page.Users, err = c.apps.BindingsOf(ctx, f.Actor, name); err != nil {
		return err
	}
	if replicas, err := c.apps.Replicas(ctx, f.Actor, name); err == nil { // the state's sentence tells when the engine is away
		page.Replicas = replicaRows(f.App.App, replicas)
	}
	if l := f.App.Latest; l != nil && l.State == platform.DeploymentFailed {
		page.Failed = l
	}
	if page.LastHour, err = c.lastHour(e, f); err != nil {
		return err
	}
	if page.Public, page.Ask, err = c.publicPort(e, f); err != nil {
		return err
	}
	page.Ask.Own = page.Kind.Gives["PORT"]
	if wrong != nil && page.Ask.Sent {
		_, why := request.Explain(wrong)
		page.Ask.Wrong = why.Message
	}
	page.Outside = outside(page.Parts, page.Public)
	f.Stream = url.Values{"measured": {"minute"}}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "addon", f)
	}
	return c.show(e, http.StatusOK, "addon", f)
}

func (c *Console) publicPort(e echo.Context, f frame) (*app.PublicPortView, publicPortForm, error) {
	form := publicPortForm{From: e.FormValue("from"), Hours: cmp.Or(e.FormValue("hours"), "24"), Port: e.FormValue("port"), Sent: e.FormValue("hours") != ""}
	if ip, err := netip.ParseAddr(request.Source(e)); err == nil && ip.Unmap().IsGlobalUnicast() {
		form.You = ip.Unmap().String()
	}
	all, err := c.apps.PublicPortsSeen(e.Request().Context(), f.Actor)
	for _, v := range all {
		if v.AddonID == f.App.App.ID {
			form.From = cmp.Or(form.From, strings.Join(v.Froms(), ", "))
			return &v, form, err
		}
	}
	form.From = cmp.Or(form.From, form.You)
	return nil, form, err
}

// outside is the URL of the connection with the server's address and the public port in it.
func outside(parts []app.ConnectionPart, p *app.PublicPortView) string {
	if p == nil || p.Trouble != "" {
		return ""
	}
	for _, part := range parts {
		if u, err := url.Parse(part.Value); err == nil && u.Host != "" {
			u.Host = net.JoinHostPort(p.Host, strconv.Itoa(p.Port))
			return u.String()
		}
	}
	return ""
}

func addonCommands(a platform.App) []addonCommand {
	file := a.Name + ".sql"
	if a.Blueprint == "valkey" {
		file = a.Name + ".rdb"
	}
	return []addonCommand{
		{"cmd-shell", "A shell of its own", "lugsail addons shell " + a.Name},
		{"cmd-export", "Everything in it, to a file on your computer", "lugsail addons export " + a.Name + " " + file},
		{"cmd-import", "Such a file, into it", "lugsail addons import " + a.Name + " " + file},
		{"cmd-tunnel", "A door for programs on your computer, as long as it runs; nothing is opened on the server", "lugsail addons tunnel " + a.Name},
	}
}

// AddonReveal answers POST /apps/:app/connection: the add-on's page with its passwords in it.
func (c *Console) AddonReveal(e echo.Context) error {
	f, err := c.inApp(e, "overview", "")
	if err != nil {
		return err
	}
	return c.addonWith(e, f, true, nil)
}

// AddonStats answers GET /apps/:app/stats: how it is at this moment. It is a page of its own, because the add-on is asked.
func (c *Console) AddonStats(e echo.Context) error {
	f, err := c.inApp(e, "overview", "How it is")
	if err != nil {
		return err
	}
	stats, err := c.apps.AddonStats(e.Request().Context(), f.Actor, f.App.App.Name)
	if err != nil {
		return c.refuse(e, err, "stats", f)
	}
	f.Data = statsPage{stats, time.Duration(stats.SlowOver) * time.Millisecond}
	return c.show(e, http.StatusOK, "stats", f)
}

type statsPage struct {
	app.Stats
	Over time.Duration // from which on a query is slow
}

// HowMany were slow.
func (p statsPage) HowMany() string {
	switch {
	case p.Slow == nil || *p.Slow == 0:
		return "no query"
	case *p.Slow == 1:
		return "1 query since it started"
	}
	return fmt.Sprintf("%d queries since it started", *p.Slow)
}

// Took is a time in words.
func (statsPage) Took(milliseconds int64) string {
	return (time.Duration(milliseconds) * time.Millisecond).String()
}

// AddonRotate answers POST /apps/:app/rotate: a new password.
func (c *Console) AddonRotate(e echo.Context) error {
	d, err := c.apps.RotateAddon(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return c.overviewWith(e, err)
	}
	return afterwards(e, d, appPath(e, ""), "unchanged")
}

// AddonRenew answers POST /apps/:app/renew: made anew with today's packages.
func (c *Console) AddonRenew(e echo.Context) error {
	d, err := c.apps.RenewAddon(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return c.overviewWith(e, err)
	}
	return afterwards(e, d, appPath(e, ""), "unchanged")
}

// PublicPortSet answers POST /apps/:app/public-port: some addresses reach the add-on for a while.
func (c *Console) PublicPortSet(e echo.Context) error {
	hours, err := strconv.Atoi(e.FormValue("hours"))
	if err != nil || hours < 1 {
		hours = -1 // refused in the words of the rule
	}
	port := 0
	if text := strings.TrimSpace(e.FormValue("port")); text != "" {
		if port, err = strconv.Atoi(text); err != nil || port == 0 {
			port = -1
		}
	}
	spec := app.PublicPortSpec{Sources: strings.FieldsFunc(e.FormValue("from"), func(r rune) bool { return r == ',' || unicode.IsSpace(r) }), Port: port, Time: time.Duration(min(hours, 10_000)) * time.Hour}
	if _, err := c.apps.OpenPort(e.Request().Context(), request.Actor(e), e.Param("app"), spec); err != nil {
		return c.overviewWith(e, err)
	}
	return e.Redirect(http.StatusSeeOther, appPath(e, "")+"?done=opened#public-port")
}

// PublicPortClose answers POST /apps/:app/public-port/close.
func (c *Console) PublicPortClose(e echo.Context) error {
	if err := c.apps.ClosePort(e.Request().Context(), request.Actor(e), e.Param("app")); err != nil {
		return c.overviewWith(e, err)
	}
	return e.Redirect(http.StatusSeeOther, appPath(e, "")+"?done=port-closed#public-port")
}
