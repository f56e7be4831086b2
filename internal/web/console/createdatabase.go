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

type databasePage struct {
	Kinds  []platform.Blueprint
	Kind   platform.Blueprint // that is chosen
	Name   app.NameAnswer
	Plans  []planCard
	Apps   []string // that it can be bound to at once
	App    string
	Prefix string
}

// CreateDatabase answers GET /create/database.
func (c *Console) CreateDatabase(e echo.Context) error {
	page, err := c.databasePage(e, e.QueryParams())
	if err != nil {
		return err
	}
	return c.show(e, http.StatusOK, "database", databaseFrame(page))
}

func databaseFrame(page databasePage) frame {
	return frame{Title: "Create a database", Nav: "apps", Data: page}
}

// CreateAddon answers POST /create/database: the add-on, and its binding where an app was chosen.
func (c *Console) CreateAddon(e echo.Context) error {
	form, err := e.FormParams()
	if err != nil {
		return err
	}
	page, err := c.databasePage(e, form)
	if err != nil {
		return err
	}
	ctx, actor := e.Request().Context(), request.Actor(e)
	if page.Prefix != "" {
		err = platform.ValidatePrefix(page.Prefix)
	}
	var made app.Made
	if err == nil {
		made, err = c.createOnce(e, app.BlueprintRequest{Blueprint: page.Kind.Name, Name: strings.TrimSpace(form.Get("name")), Plan: form.Get("plan")})
	}
	if err != nil {
		return c.refuse(e, err, "database", databaseFrame(page))
	}
	if page.App != "" {
		name := made.App.App.Name
		if _, err := c.apps.BindAddon(ctx, actor, page.App, name, page.Prefix); err != nil && platform.AsError(err).Code != "binding_exists" { // it is there already: the app's page says why it is not bound
			chosen := url.Values{"addon": {name}, "prefix": {page.Prefix}}
			return seeRefused(e, notBound(name, page.App, err), "/apps/"+url.PathEscape(page.App)+"/addons?"+chosen.Encode())
		}
	}
	return c.madeOf(e, page.Kind, made)
}

// notBound says that one half of what was asked for is done.
func notBound(addon, app string, err error) error {
	status, why := request.Explain(err)
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		return err
	}
	return platform.Errorf(why.Kind, why.Code, "%s is being made, but %s is not bound to it: %s", addon, app, why.Message).WithHint("%s", why.Hint)
}

func (c *Console) databasePage(e echo.Context, form url.Values) (databasePage, error) {
	ctx, actor := e.Request().Context(), request.Actor(e)
	page := databasePage{App: form.Get("app"), Prefix: typedPrefix(form.Get("prefix"))}
	all, err := c.apps.BlueprintsOf(ctx, actor)
	if err != nil {
		return page, err
	}
	for _, b := range all {
		if !b.IsAddon() {
			continue
		}
		page.Kinds = append(page.Kinds, b)
		if b.Name == form.Get("kind") || b.Name == "postgresql" && page.Kind.Name == "" {
			page.Kind = b
		}
	}
	if len(page.Kinds) == 0 {
		return page, platform.Errorf(platform.NotFound, "blueprint_not_found", "This server has no blueprints of databases.")
	}
	if page.Kind.Name == "" {
		page.Kind = page.Kinds[0]
	}
	apps, err := c.apps.AppsSeen(ctx, actor)
	if err != nil {
		return page, err
	}
	for _, a := range apps {
		if !a.Addon && a.State == platform.AppActive {
			page.Apps = append(page.Apps, a.Name)
		}
	}
	like := "my-db"
	if page.App != "" && len(page.App) < 35 {
		like = page.App + "-db"
	}
	if page.Name, err = c.nameAnswer(e, form.Get("name"), like); err != nil {
		return page, err
	}
	page.Plans, err = c.offeredPlans(e, true, form.Get("plan"), page.Kind.Plan, 0)
	return page, err
}
