package console

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/plan"
)

type homePage struct {
	Apps     []app.Overview
	Addons   []addonCard
	Trashed  string             // what is in the trash: "2 apps"; "" when nothing is
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
	page := homePage{Trashed: counted(trashed), Sparks: c.sparks(actor, apps)}
	if page.Apps, page.Addons, err = c.addonsApart(e, apps); err != nil {
		return err
	}
	if capacity, err := c.apps.Plans(ctx, actor); err == nil {
		page.Capacity = drawCapacity(apps, capacity)
	}
	return c.show(e, http.StatusOK, "home", frame{Title: "Apps", Nav: "apps", Data: page})
}

// addonCard is an add-on on the home page.
type addonCard struct {
	app.Overview
	Kind   string              // title of its blueprint
	Apps   []string            // that are bound to it
	Public *app.PublicPortView // nil: only apps reach it
}

// addonsApart tells add-ons from apps.
func (c *Console) addonsApart(e echo.Context, all []app.Overview) (apps []app.Overview, addons []addonCard, err error) {
	kinds, err := c.blueprints(e)
	if err != nil {
		return nil, nil, err
	}
	bindings, err := c.apps.AllBindings(e.Request().Context(), request.Actor(e))
	if err != nil {
		return nil, nil, err
	}
	users := map[string][]string{}
	for _, b := range bindings {
		users[b.AddonID] = append(users[b.AddonID], b.App)
	}
	ports, err := c.apps.PublicPortsSeen(e.Request().Context(), request.Actor(e))
	if err != nil {
		return nil, nil, err
	}
	open := map[string]*app.PublicPortView{}
	for i := range ports {
		open[ports[i].AddonID] = &ports[i]
	}
	for _, o := range all {
		if o.App.Addon {
			addons = append(addons, addonCard{o, kinds[o.App.Blueprint].Title, users[o.App.ID], open[o.App.ID]})
		} else {
			apps = append(apps, o)
		}
	}
	return apps, addons, nil
}

func counted(trashed []platform.App) string {
	addons := 0
	for _, a := range trashed {
		if a.Addon {
			addons++
		}
	}
	var parts []string
	if n := len(trashed) - addons; n > 0 {
		parts = append(parts, plural(n, "app"))
	}
	if addons > 0 {
		parts = append(parts, plural(addons, "add-on"))
	}
	return strings.Join(parts, " and ")
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

func drawCapacity(apps []app.Overview, capacity plan.Capacity) *capacityBar {
	bar := &capacityBar{Capacity: capacity, Fits: fits(capacity.Offers(false))}
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
		p, _ := plan.ByName(o.App.Plan) // it promises something, so it exists
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
