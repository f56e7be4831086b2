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

type homePage struct {
	Apps     []app.Overview
	Trashed  int                // in the trash
	Capacity *capacityBar       // nil when the engine does not tell
	Sparks   map[string][]spark // by app id
}

// Home answers GET /: all apps, and what the machine has left.
func (c *Console) Home(e echo.Context) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	apps, err := c.apps.Apps(ctx, actor)
	if err != nil {
		return err
	}
	trashed, err := c.apps.Trash(ctx, actor)
	if err != nil {
		return err
	}
	page := homePage{Apps: apps, Trashed: len(trashed), Sparks: c.sparks(actor, apps)}
	if offers, capacity, err := c.apps.Plans(ctx, actor); err == nil {
		page.Capacity = drawCapacity(apps, offers, capacity)
	}
	return c.show(e, http.StatusOK, "home", frame{Title: "Apps", Nav: "apps", Data: page})
}

// capacityBar is the machine's memory as a drawing: who has promised how much of it.
type capacityBar struct {
	plan.Capacity
	Parts []capacityPart
	Fits  string  // "1 micro or 3 nano"
	Worth float64 // dollars a month, by the labels of the plans
}

type capacityPart struct {
	Name   string
	Class  string
	Memory int64
	X, W   float64 // percent
}

func drawCapacity(apps []app.Overview, offers []plan.Offer, capacity plan.Capacity) *capacityBar {
	bar := &capacityBar{Capacity: capacity, Fits: fits(offers)}
	prices := map[string]platform.Plan{}
	for _, o := range offers {
		prices[o.Plan.Name] = o.Plan
	}
	shades := []string{"s0", "s1", "s2", "s3"}
	x := 0.0
	add := func(name, class string, memory int64) {
		w := 100 * float64(memory) / float64(max(1, capacity.Memory))
		bar.Parts = append(bar.Parts, capacityPart{Name: name, Class: class, Memory: memory, X: x, W: max(0, w-0.2)})
		x += w
	}
	for _, o := range apps {
		memory := plan.Promise(o.App)
		if memory == 0 {
			continue
		}
		p := prices[o.App.Plan]
		bar.Worth += p.MonthlyDollar * float64(memory/max(1, p.Memory))
		add(o.App.Name, shades[len(bar.Parts)%len(shades)], memory)
	}
	add("Lugsail and the system", "s-own", capacity.Reserved)
	return bar
}

// fits names the largest plan that fits and, beside it, the next smaller one.
func fits(offers []plan.Offer) string {
	text := ""
	for i := len(offers) - 1; i >= 0; i-- {
		if offers[i].Fits == 0 {
			continue
		}
		text = fitsText(offers[i])
		if i > 0 {
			text += " or " + fitsText(offers[i-1])
		}
		break
	}
	return text
}

func fitsText(o plan.Offer) string { return strconv.Itoa(o.Fits) + " " + o.Plan.Name }
