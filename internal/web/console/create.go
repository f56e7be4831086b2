package console

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/plan"
)

type createPage struct {
	Name  string
	Plans []planCard
}

// planCard is a plan that can be chosen.
type planCard struct {
	platform.Plan
	Fits     int
	Chosen   bool
	Disabled bool
	Note     string
	Limit    string // of what this machine has less than the plan; "" when nothing
}

// Create answers GET /create.
func (c *Console) Create(e echo.Context) error {
	page, err := c.createPage(e, "", "")
	if err != nil {
		return err
	}
	return c.show(e, http.StatusOK, "create", frame{Title: "Create an app", Nav: "apps", Data: page})
}

// CreateApp answers POST /create.
func (c *Console) CreateApp(e echo.Context) error {
	ask := app.CreateRequest{Name: strings.TrimSpace(e.FormValue("name")), Plan: e.FormValue("plan")}
	o, err := c.apps.Create(e.Request().Context(), request.Actor(e), ask)
	if err == nil {
		return e.Redirect(http.StatusSeeOther, "/apps/"+o.App.Name)
	}
	page, pageErr := c.createPage(e, ask.Name, ask.Plan)
	if pageErr != nil {
		return pageErr
	}
	return c.refuse(e, err, "create", frame{Title: "Create an app", Nav: "apps", Data: page})
}

func (c *Console) createPage(e echo.Context, name, chosen string) (createPage, error) {
	offers, capacity, err := c.apps.Plans(e.Request().Context(), request.Actor(e))
	if err != nil {
		return createPage{}, err
	}
	if chosen == "" {
		chosen = capacity.Largest(plan.Default).Name
	}
	page := createPage{Name: name}
	for _, o := range offers {
		card := planCard{Plan: o.Plan, Fits: o.Fits, Disabled: o.Fits == 0, Chosen: o.Plan.Name == chosen && o.Fits > 0}
		card.Note = "Fits " + times(o.Fits)
		if o.Fits == 0 {
			card.Note = "Needs " + plan.Bytes(o.Plan.Memory-capacity.Free) + " more than is free"
		}
		card.Limit = limit(o, capacity)
		page.Plans = append(page.Plans, card)
	}
	return page, nil
}

// limit says that a plan that fits may use more cores than there are.
func limit(o plan.Offer, capacity plan.Capacity) string {
	if !o.Limited || o.Fits == 0 {
		return ""
	}
	return "limited to this server's " + plural(capacity.CPUs, "core")
}

func times(n int) string {
	switch n {
	case 1:
		return "once more"
	case 2:
		return "twice more"
	}
	return plural(n, "time") + " more"
}
