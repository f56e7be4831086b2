package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type addonsPage struct {
	Bound   []boundRow
	Free    []addonRow // that the app is not bound to
	Chosen  string     // as it was filled in
	Prefix  string
	Restart app.Effect
}

type boundRow struct {
	app.BindingView
	Title string // of its blueprint
	Vars  []boundVar
}

// boundVar is a config var that a binding brings.
type boundVar struct {
	Name   string
	Hidden bool // by one of the app's own
}

type addonRow struct{ Name, Title, Prefix string }

// Addons answers GET /apps/:app/addons: what an app is bound to.
func (c *Console) Addons(e echo.Context) error {
	return c.addonsWith(e, addonsPage{Chosen: e.QueryParam("addon"), Prefix: e.QueryParam("prefix")}, nil)
}

func (c *Console) addonsWith(e echo.Context, page addonsPage, wrong error) error {
	f, err := c.inApp(e, "addons", "Add-ons")
	if err != nil {
		return err
	}
	if f.App.App.Addon {
		return e.Redirect(http.StatusSeeOther, appPath(e, ""))
	}
	if err := c.aroundAddons(e, f, &page); err != nil {
		return err
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "addons", f)
	}
	return c.show(e, http.StatusOK, "addons", f)
}

func (c *Console) aroundAddons(e echo.Context, f frame, page *addonsPage) error {
	ctx, name := e.Request().Context(), f.App.App.Name
	bound, err := c.apps.BindingsOf(ctx, f.Actor, name)
	if err != nil {
		return err
	}
	kinds, err := c.blueprints(e)
	if err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, b := range bound {
		taken[b.Addon] = true
		page.Bound = append(page.Bound, boundRow{b, kinds[b.Blueprint].Title, boundVars(b)})
	}
	apps, err := c.apps.AppsSeen(ctx, f.Actor)
	if err != nil {
		return err
	}
	for _, a := range apps {
		if a.Addon && a.State == platform.AppActive && !taken[a.Name] {
			page.Free = append(page.Free, addonRow{a.Name, kinds[a.Blueprint].Title, kinds[a.Blueprint].Prefix})
		}
	}
	page.Restart, err = c.apps.RestartEffect(ctx, f.Actor, name)
	return err
}

func boundVars(b app.BindingView) []boundVar {
	hidden := map[string]bool{}
	for _, name := range b.Hidden {
		hidden[name] = true
	}
	vars := make([]boundVar, 0, len(b.Names))
	for _, name := range b.Names {
		vars = append(vars, boundVar{name, hidden[name]})
	}
	return vars
}

// blueprints gives all of them by name.
func (c *Console) blueprints(e echo.Context) (map[string]platform.Blueprint, error) {
	all, err := c.apps.BlueprintsOf(e.Request().Context(), request.Actor(e))
	byName := map[string]platform.Blueprint{}
	for _, b := range all {
		byName[b.Name] = b
	}
	return byName, err
}

// AddonBind answers POST /apps/:app/addons.
func (c *Console) AddonBind(e echo.Context) error {
	page := addonsPage{Chosen: e.FormValue("addon"), Prefix: typedPrefix(e.FormValue("prefix"))}
	d, err := c.apps.BindAddon(e.Request().Context(), request.Actor(e), e.Param("app"), page.Chosen, page.Prefix)
	if err != nil {
		return c.addonsWith(e, page, err)
	}
	return afterwards(e, d, appPath(e, "/addons"), "bound")
}

// AddonUnbind answers POST /apps/:app/addons/unbind. Who came from the add-on's page is led back there.
func (c *Console) AddonUnbind(e echo.Context) error {
	d, err := c.apps.UnbindAddon(e.Request().Context(), request.Actor(e), e.Param("app"), e.FormValue("addon"))
	if err != nil && platform.AsError(err).Code != "binding_not_found" { // sent twice, it is as the person wanted it
		return c.addonsWith(e, addonsPage{}, err)
	}
	if e.FormValue("from") == "addon" {
		return e.Redirect(http.StatusSeeOther, "/apps/"+url.PathEscape(e.FormValue("addon"))+"?done=untied")
	}
	return afterwards(e, d, appPath(e, "/addons"), "untied")
}

// typedPrefix is what config vars begin with, as they are written.
func typedPrefix(text string) string { return strings.ToUpper(strings.TrimSpace(text)) }
