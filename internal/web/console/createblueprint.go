package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/plan"
)

// shelf is the blueprints of a category.
type shelf struct {
	Title, Text string
	Blueprints  []platform.Blueprint
}

// categories are the shelves' titles and what stands there; databases have a page of their own.
var categories = map[string][3]string{ // title, text, icon
	"starter":  {"Starters", "A page that runs, and the code to make it yours.", "code-bracket"},
	"site":     {"Sites", "Set up, with an administrator for you. You write, it publishes.", "globe-alt"},
	"tool":     {"Tools", "Programs that help you or your apps.", "wrench-screwdriver"},
	"database": {"Databases and caches", "", "circle-stack"},
}

// blueprintIcon is a blueprint's own drawing, or its category's.
func (c *Console) blueprintIcon(b platform.Blueprint) string {
	if _, ok := c.assets.icons[b.Icon]; ok {
		return b.Icon
	}
	return cmp.Or(categories[b.Category][2], "cube")
}

// CreateShelf answers GET /create/blueprint: the stacks that are ready to run.
func (c *Console) CreateShelf(e echo.Context) error {
	all, err := c.apps.BlueprintsOf(e.Request().Context(), request.Actor(e))
	if err != nil {
		return err
	}
	var shelves []shelf
	for _, category := range platform.BlueprintCategories {
		s := shelf{Title: categories[category][0], Text: categories[category][1]}
		for _, b := range all {
			if b.Category == category && !b.IsAddon() {
				s.Blueprints = append(s.Blueprints, b)
			}
		}
		if len(s.Blueprints) > 0 {
			shelves = append(shelves, s)
		}
	}
	return c.show(e, http.StatusOK, "shelf", frame{Title: "Create from a blueprint", Nav: "apps", Data: shelves})
}

type blueprintPage struct {
	Blueprint platform.Blueprint
	Name      app.NameAnswer
	Plans     []planCard
	Asks      []askedRow
	Addons    []broughtRow // that come with it
	Room      int64        // bytes of memory that those need beside the app
}

// askedRow is a question with what was answered.
type askedRow struct {
	platform.BlueprintQuestion
	Value string
	Left  string // what it becomes when nothing is typed; "" when the form says it
}

type broughtRow struct{ Title, Plan string }

// CreateBlueprint answers GET /create/blueprint/:blueprint: what it asks.
func (c *Console) CreateBlueprint(e echo.Context) error {
	page, err := c.blueprintPage(e, url.Values{"name": {e.QueryParam("name")}}, false)
	if err != nil {
		return err
	}
	return c.show(e, http.StatusOK, "blueprint", blueprintFrame(page))
}

func blueprintFrame(page blueprintPage) frame {
	return frame{Title: "Create " + page.Blueprint.Title, Nav: "apps", Data: page}
}

// CreateFromBlueprint answers POST /create/blueprint/:blueprint: the one page that shows what it says of passwords.
func (c *Console) CreateFromBlueprint(e echo.Context) error {
	form, err := e.FormParams()
	if err != nil {
		return err
	}
	page, err := c.blueprintPage(e, form, true)
	if err != nil {
		return err
	}
	answers := map[string]string{}
	for _, a := range page.Asks {
		answers[a.Name] = a.Value
	}
	made, err := c.createOnce(e, app.BlueprintRequest{
		Blueprint: page.Blueprint.Name, Name: strings.TrimSpace(form.Get("name")), Plan: form.Get("plan"), Answers: answers,
	})
	if err != nil {
		return c.refuse(e, err, "blueprint", blueprintFrame(page))
	}
	return c.madeOf(e, page.Blueprint, made)
}

func (c *Console) createOnce(e echo.Context, ask app.BlueprintRequest) (app.Made, error) {
	ctx, actor := e.Request().Context(), request.Actor(e)
	return c.onces.do(ctx, actor.AccountID, e.FormValue("mark"), c.now(), func() (app.Made, error) {
		return c.apps.CreateFromBlueprint(context.WithoutCancel(ctx), actor, ask) // whoever sent it twice waits for the first
	})
}

type madePage struct {
	app.Made
	Blueprint platform.Blueprint
}

// madeOf shows the note of what was made. Its passwords are told here only: they stand in no address and no log.
func (c *Console) madeOf(e echo.Context, b platform.Blueprint, made app.Made) error {
	name := made.App.App.Name
	if strings.TrimSpace(made.Note) == "" {
		e.SetParamNames("app")
		e.SetParamValues(name)
		return afterwards(e, made.Deployment, appPath(e, ""), "created")
	}
	return c.show(e, http.StatusCreated, "made", frame{Title: name + " is being made", Nav: "apps", Data: madePage{made, b}})
}

func (c *Console) blueprintPage(e echo.Context, form url.Values, sent bool) (blueprintPage, error) {
	ctx, actor := e.Request().Context(), request.Actor(e)
	all, err := c.apps.BlueprintsOf(ctx, actor)
	if err != nil {
		return blueprintPage{}, err
	}
	byName := map[string]platform.Blueprint{}
	for _, b := range all {
		byName[b.Name] = b
	}
	b, ok := byName[e.Param("blueprint")]
	if !ok || b.IsAddon() {
		return blueprintPage{}, platform.Errorf(platform.NotFound, "blueprint_not_found", "There is no such blueprint.").
			WithHint("Choose one of those that there are: %s/create/blueprint", c.apps.Addresses.ConsoleURL(actor.Console))
	}
	page := blueprintPage{Blueprint: b}
	if page.Name, err = c.nameAnswer(e, form.Get("name"), b.Name); err != nil {
		return page, err
	}
	for _, a := range b.Addons {
		p, err := plan.ByName(cmp.Or(byName[a.Blueprint].Plan, plan.DefaultAddon))
		if err != nil {
			return page, err
		}
		page.Addons = append(page.Addons, broughtRow{byName[a.Blueprint].Title, p.Name})
		page.Room += p.Memory
	}
	page.Asks = c.askedRows(b, page.Name.Name, actor.Name, form, sent)
	page.Plans, err = c.offeredPlans(e, b.IsAddon(), form.Get("plan"), b.Plan, page.Room)
	return page, err
}

// nameAnswer looks at a name; without one it proposes a free one.
func (c *Console) nameAnswer(e echo.Context, name, like string) (app.NameAnswer, error) {
	ctx, actor := e.Request().Context(), request.Actor(e)
	if name = strings.TrimSpace(name); name != "" {
		return c.apps.NameFree(ctx, actor, name)
	}
	answer, err := c.apps.NameFree(ctx, actor, like)
	if answer.Refused != nil {
		answer = app.NameAnswer{Name: answer.Instead}
	}
	return answer, err
}

// askedRows fill in the defaults that do not hang on the name, and for an e-mail address that of who asks; of the
// others they tell what they become.
func (c *Console) askedRows(b platform.Blueprint, name, asks string, form url.Values, sent bool) []askedRow {
	host := c.apps.Addresses.Hosts(cmp.Or(name, b.Name))[0]
	values := map[string]string{"app": cmp.Or(name, b.Name), "host": host, "url": c.apps.Addresses.URL(host)}
	var rows []askedRow
	for _, q := range b.Asks {
		row := askedRow{BlueprintQuestion: q, Value: form.Get("ask-" + q.Name)}
		if filled, err := platform.Fill(q.Default, values); err == nil {
			values[q.Name] = cmp.Or(row.Value, filled)
			switch {
			case filled != q.Default:
				row.Left = filled
			case !sent && row.Value == "":
				row.Value = filled
				if strings.HasSuffix(filled, "@example.com") { // nobody's
					row.Value = asks
				}
			}
		}
		rows = append(rows, row)
	}
	return rows
}
