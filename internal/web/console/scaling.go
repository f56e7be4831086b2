package console

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/plan"
)

type scalingPage struct {
	Plans     []planCard
	Processes []processRow
	Release   string // the release command; "" when there is none
	NoWeb     bool
	Max       int
	MaxAll    int
	Free      int64
	Effect    *app.Effect // of the numbers that were looked at; nil when none were
}

type processRow struct {
	Type    string
	Command string
	Count   int
}

// Scaling answers GET /apps/:app/scaling.
func (c *Console) Scaling(e echo.Context) error { return c.scalingWith(e, nil, nil) }

// scalingWith shows the numbers that were asked for: their effect, or why they were refused.
func (c *Console) scalingWith(e echo.Context, asked platform.Scale, wrong error) error {
	f, err := c.inApp(e, "scaling", "Scaling")
	if err != nil {
		return err
	}
	capacity, err := c.apps.Plans(e.Request().Context(), f.Actor)
	if err != nil {
		return err
	}
	a := f.App.App
	effects, err := c.apps.PlanEffects(e.Request().Context(), f.Actor, a.Name)
	if err != nil {
		return err
	}
	page := scalingPage{
		Plans: planCards(a, capacity, effects), Processes: processRows(f.App.Overview),
		Release: releaseCommand(f.App.Overview), NoWeb: f.App.NoWeb,
		Max: platform.MaxReplicas, MaxAll: platform.MaxAppReplicas, Free: capacity.Free,
	}
	if asked != nil && wrong == nil {
		effect, lookErr := c.apps.ScaleEffect(e.Request().Context(), f.Actor, a.Name, "", asked)
		if page.Effect, wrong = &effect, lookErr; lookErr != nil {
			page.Effect = nil
		}
	}
	for i, p := range page.Processes {
		if n, ok := asked[p.Type]; ok {
			page.Processes[i].Count = n
		}
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "scaling", f)
	}
	return c.show(e, http.StatusOK, "scaling", f)
}

// planCards says of each plan what a change to it does.
func planCards(a platform.App, capacity plan.Capacity, effects map[string]app.Effect) []planCard {
	var cards []planCard
	offers := capacity.Offers(a.Addon)
	if p, err := plan.ByName(a.Plan); err == nil && p.Addon != a.Addon { // of before add-ons had plans of their own
		offers = append([]plan.Offer{{Plan: p}}, offers...)
	}
	for _, o := range offers {
		e := effects[o.Plan.Name]
		card := planCard{Plan: o.Plan, Chosen: o.Plan.Name == a.Plan, Note: e.Sentence, Limit: limit(o, capacity), Disabled: !e.Memory.Fits}
		if card.Chosen {
			card.Note, card.Disabled = "The plan now", false
		}
		cards = append(cards, card)
	}
	return cards
}

// releaseCommand is what runs before each switch.
func releaseCommand(o app.Overview) string {
	if o.Release == nil {
		return ""
	}
	p, _ := o.Release.Process(platform.ReleaseProcess)
	return p.Command
}

func processRows(o app.Overview) []processRow {
	if o.Release == nil || len(o.Release.Processes) == 0 {
		return []processRow{{Type: platform.WebProcess, Count: o.App.Scale.Of(platform.WebProcess)}}
	}
	var rows []processRow
	for _, p := range o.Release.Processes {
		if p.Type == platform.ReleaseProcess {
			continue
		}
		rows = append(rows, processRow{Type: p.Type, Command: p.Command, Count: o.App.Scale.Of(p.Type)})
	}
	return rows
}

// PlanSet answers POST /apps/:app/scaling/plan.
func (c *Console) PlanSet(e echo.Context) error {
	name := e.FormValue("plan")
	d, notice, err := c.configure(e, app.Settings{Plan: &name}, "later")
	if err != nil {
		return c.scalingWith(e, nil, err)
	}
	return afterwards(e, d, appPath(e, "/scaling"), notice)
}

// ScaleSet answers POST /apps/:app/scaling/replicas: a number for each process type.
func (c *Console) ScaleSet(e echo.Context) error {
	scale := platform.Scale{}
	form := e.Request().PostForm
	looks := form.Get("-look") != "" // no process type is called so
	form.Del("-look")
	for process, values := range form {
		n, err := strconv.Atoi(values[0])
		if err != nil {
			return c.scalingWith(e, nil, platform.Errorf(platform.Invalid, "scale_invalid", "The number of replicas must be a whole number."))
		}
		scale[process] = n
	}
	if looks {
		return c.scalingWith(e, scale, nil)
	}
	d, notice, err := c.settle(e, "later", func(name string) (platform.Deployment, error) {
		return c.apps.Scale(e.Request().Context(), request.Actor(e), name, scale)
	})
	if err != nil {
		return c.scalingWith(e, scale, err)
	}
	return afterwards(e, d, appPath(e, "/scaling"), notice)
}
