package console

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/plan"
)

type createPage struct {
	Name   app.NameAnswer
	Asked  bool // the name was looked at
	Plans  []planCard
	Start  string // how its code comes: "git", "upload", "remote" or "image"
	URL    string
	Branch string
	Image  string
	Owner  bool // may name an image that is on the server
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

// Create answers GET /create. It does not read the body: the form's file comes with it.
func (c *Console) Create(e echo.Context) error {
	page, err := c.createPage(e, url.Values{"name": {e.QueryParam("name")}, "start": {e.QueryParam("start")}})
	if err != nil {
		return err
	}
	return c.show(e, http.StatusOK, "create", frame{Title: "Create an app", Nav: "apps", Data: page})
}

// CreateApp answers POST /create: it makes the app and, where its code is told, begins to deploy it.
func (c *Console) CreateApp(e echo.Context) error {
	form, file, fileName, err := request.FormBeforeFile(e, "file")
	if err != nil {
		return err
	}
	var code begun
	var made app.Made
	if err = missingSource(form, file); err == nil {
		ctx, actor := e.Request().Context(), request.Actor(e)
		made, err = c.onces.do(ctx, actor.AccountID, form.Get("mark"), c.now(), func() (app.Made, error) {
			// A browser whose connection breaks sends the form again by itself: half of this would be refused then.
			o, err := c.apps.Create(context.WithoutCancel(ctx), actor, app.CreateRequest{Name: strings.TrimSpace(form.Get("name")), Plan: form.Get("plan")})
			if err == nil {
				code = c.startApp(e, o.App.Name, form, file, fileName)
			}
			return app.Made{App: o, Deployment: code.deployment}, err
		})
	}
	if err != nil {
		page, pageErr := c.createPage(e, form)
		if pageErr != nil {
			return pageErr
		}
		return c.refuse(e, err, "create", frame{Title: "Create an app", Nav: "apps", Data: page})
	}
	e.SetParamNames("app")
	e.SetParamValues(made.App.App.Name)
	if made.Deployment.Number == 0 && code.page == "" { // the same form once more, whose code did not arrive the first time
		code = c.startApp(e, made.App.App.Name, form, file, fileName)
		made.Deployment = code.deployment
	}
	switch {
	case code.err != nil:
		return seeRefused(e, code.err, appPath(e, code.page))
	case made.Deployment.Number == 0:
		return see(e, appPath(e, ""))
	}
	return afterwards(e, made.Deployment, appPath(e, ""), "created")
}

// missingSource asks for what the chosen way needs, before the app is made.
func missingSource(form url.Values, file io.Reader) error {
	switch form.Get("start") {
	case "upload":
		if file == nil {
			return platform.Errorf(platform.Invalid, "file_missing", "No archive was chosen.").WithHint("Choose a zip or tar of your app's folder, or another way to begin.")
		}
	case "remote":
		if _, err := platform.ValidateRemote(strings.TrimSpace(form.Get("url"))); err != nil {
			return err
		}
	case "image":
		if strings.TrimSpace(form.Get("image")) == "" {
			return platform.Errorf(platform.Invalid, "image_missing", "No image was named.").WithHint("For example ghcr.io/you/app:v2.")
		}
	}
	return nil
}

// begun is what came of the code that a form told of. The app is there already, so what goes wrong is said on one of
// its pages.
type begun struct {
	deployment platform.Deployment
	err        error
	page       string // of the app, where err is said
}

// startApp deploys what came with the form.
func (c *Console) startApp(e echo.Context, name string, form url.Values, file io.Reader, fileName string) (b begun) {
	ctx, actor := e.Request().Context(), request.Actor(e)
	switch form.Get("start") {
	case "upload":
		b.page = "/upload"
		b.deployment, b.err = c.apps.Upload(ctx, actor, name, app.Upload{Body: file, Size: -1, Name: fileName})
	case "image":
		image := strings.TrimSpace(form.Get("image"))
		b.page = "/upload?image=" + url.QueryEscape(image)
		b.deployment, b.err = c.apps.DeployImage(ctx, actor, name, image)
	case "remote":
		address, branch := strings.TrimSpace(form.Get("url")), strings.TrimSpace(form.Get("branch"))
		b.page = "/source?" + url.Values{"url": {address}, "branch": {branch}}.Encode()
		if _, b.err = c.apps.Bind(ctx, actor, name, address, branch); b.err == nil {
			b.deployment, b.err = c.apps.Pull(ctx, actor, name, true)
		}
	}
	return b
}

func (c *Console) createPage(e echo.Context, form url.Values) (createPage, error) {
	ctx, actor := e.Request().Context(), request.Actor(e)
	plans, err := c.offeredPlans(e, false, form.Get("plan"), "", 0)
	if err != nil {
		return createPage{}, err
	}
	page := createPage{
		Name: app.NameAnswer{Name: strings.TrimSpace(form.Get("name"))}, Start: form.Get("start"),
		URL: form.Get("url"), Branch: form.Get("branch"), Image: form.Get("image"), Owner: platform.Can(actor, platform.ActionServer, ""), Plans: plans,
	}
	if !slices.Contains([]string{"git", "upload", "remote", "image"}, page.Start) {
		page.Start = "git"
	}
	if page.Asked = page.Name.Name != ""; page.Asked {
		if page.Name, err = c.apps.NameFree(ctx, actor, page.Name.Name); err != nil {
			return createPage{}, err
		}
	}
	return page, nil
}

// offeredPlans are those that something new can have which runs well on the plan least and larger ones, and brings
// along what needs room beside it.
func (c *Console) offeredPlans(e echo.Context, addon bool, chosen, least string, room int64) ([]planCard, error) {
	capacity, err := c.apps.Plans(e.Request().Context(), request.Actor(e))
	if err != nil {
		return nil, err
	}
	missing := max(0, room-capacity.Free)
	capacity.Free = max(0, capacity.Free-room)
	if chosen == "" {
		chosen = capacity.Proposed(addon, least)
	}
	var cards []planCard
	for _, o := range capacity.Offers(addon) {
		card := planCard{Plan: o.Plan, Fits: o.Fits, Disabled: o.Fits == 0, Chosen: o.Plan.Name == chosen && o.Fits > 0}
		card.Note = "Fits " + times(o.Fits)
		if o.Fits == 0 {
			card.Note = "Needs " + plan.Bytes(o.Plan.Memory-capacity.Free+missing) + " more than is free"
		} else if plan.Larger(o.Plan.Name, least) != o.Plan.Name {
			card.Note = "Smaller than it runs well on"
		}
		card.Limit = limit(o, capacity)
		cards = append(cards, card)
	}
	return cards, nil
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
