package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Blueprint is a stack that is ready to run.
type Blueprint struct {
	Name     string     `json:"name"`
	Title    string     `json:"title"`
	Sentence string     `json:"sentence"`
	Category string     `json:"category" doc:"starter, site, tool or database; what is made of a database is an add-on"`
	Plan     string     `json:"plan" doc:"the smallest that it runs well on; empty for any"`
	Internet bool       `json:"internet" doc:"making it fetches from other sites than the distribution's mirrors"`
	Addons   []string   `json:"addons" doc:"blueprints of the add-ons that come with it"`
	Asks     []Question `json:"asks"`
}

// Question is what a blueprint asks the person.
type Question struct {
	Name    string `json:"name"`
	Label   string `json:"label"`
	Help    string `json:"help"`
	Default string `json:"default" doc:"with placeholders such as {app}"`
	Pattern string `json:"pattern" doc:"regular expression for the whole answer; empty lets any line through"`
}

func blueprintBody(b platform.Blueprint) Blueprint {
	body := Blueprint{Name: b.Name, Title: b.Title, Sentence: b.Sentence, Category: b.Category, Plan: b.Plan, Internet: b.Internet, Addons: []string{}, Asks: []Question{}}
	for _, a := range b.Addons {
		body.Addons = append(body.Addons, a.Blueprint)
	}
	for _, q := range b.Asks {
		body.Asks = append(body.Asks, Question(q))
	}
	return body
}

// BlueprintsList answers GET /blueprints.
func (a *API) BlueprintsList(c echo.Context) error {
	all, err := a.Apps.BlueprintsOf(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, BlueprintsAnswer{list(all, blueprintBody)})
}

// BlueprintMakeBody is what POST /blueprints/:blueprint takes.
type BlueprintMakeBody struct {
	Name    string            `json:"name" example:"my-shop-db"`
	Plan    string            `json:"plan" doc:"empty means the blueprint's own" example:"nano"`
	Answers map[string]string `json:"answers" doc:"to what the blueprint asks, by the questions' names; what is missing has its default"`
}

// BlueprintMake answers POST /blueprints/:blueprint.
func (a *API) BlueprintMake(c echo.Context) error {
	var body BlueprintMakeBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	made, err := a.Apps.CreateFromBlueprint(c.Request().Context(), request.Actor(c), app.BlueprintRequest{
		Blueprint: c.Param("blueprint"), Name: body.Name, Plan: body.Plan, Answers: body.Answers,
	})
	if err != nil {
		return err
	}
	d := deploymentBody(made.Deployment)
	return c.JSON(http.StatusAccepted, MadeAnswer{appBody(made.App), &d, append([]string{}, made.Addons...), made.Note})
}

// Binding is an add-on's tie to an app.
type Binding struct {
	App        string   `json:"app"`
	Addon      string   `json:"addon"`
	Blueprint  string   `json:"blueprint" doc:"of the add-on"`
	Prefix     string   `json:"prefix" doc:"what the config vars begin with"`
	ConfigVars []string `json:"config_vars" doc:"names of what the app gets"`
	Hidden     []string `json:"hidden" doc:"of those, which a config var of the app's own takes the place of"`
}

func bindingBody(v app.BindingView) Binding {
	return Binding{App: v.App, Addon: v.Addon, Blueprint: v.Blueprint, Prefix: v.Prefix, ConfigVars: append([]string{}, v.Names...), Hidden: append([]string{}, v.Hidden...)}
}

// BindingsList answers GET /bindings and GET /apps/:app/bindings.
func (a *API) BindingsList(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	all, err := a.Apps.AllBindings(ctx, actor)
	if name != "" {
		all, err = a.Apps.BindingsOf(ctx, actor, name)
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, BindingsAnswer{list(all, bindingBody)})
}

// BindingCreateBody is what POST /apps/:app/bindings takes.
type BindingCreateBody struct {
	Addon  string `json:"addon" example:"my-shop-db"`
	Prefix string `json:"prefix" doc:"what the config vars begin with; empty means the add-on's own, DATABASE for example" example:"DATABASE"`
}

// BindingCreate answers POST /apps/:app/bindings.
func (a *API) BindingCreate(c echo.Context) error {
	var body BindingCreateBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.BindAddon(ctx, actor, name, body.Addon, body.Prefix)
	return started(c, d, err)
}

// BindingRemove answers DELETE /apps/:app/bindings/:addon.
func (a *API) BindingRemove(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.UnbindAddon(ctx, actor, name, c.Param("addon"))
	return started(c, d, err)
}

// AddonRotate answers POST /apps/:app/rotate.
func (a *API) AddonRotate(c echo.Context) error {
	d, err := a.Apps.RotateAddon(actorAnd(c))
	return started(c, d, err)
}

// AddonRenew answers POST /apps/:app/renew.
func (a *API) AddonRenew(c echo.Context) error {
	d, err := a.Apps.RenewAddon(actorAnd(c))
	return started(c, d, err)
}

// Stats is how an add-on is at a moment.
type Stats struct {
	Bytes          int64       `json:"bytes" doc:"of its data"`
	MaxBytes       int64       `json:"max_bytes" doc:"that it keeps at most; 0 means no limit of its own beside the plan's disk"`
	Connections    int64       `json:"connections" doc:"open ones"`
	MaxConnections int64       `json:"max_connections"`
	SlowOver       int64       `json:"slow_over" doc:"milliseconds from which on a query is slow"`
	Slow           *int64      `json:"slow" doc:"how many were since it started, of Valkey the last 128 at most; null where it tells which instead"`
	Queries        []SlowQuery `json:"queries" doc:"that were slow, the slowest first; at most 10"`
}

// SlowQuery is one that was slow.
type SlowQuery struct {
	Text    string `json:"text" doc:"without the values; at most 200 characters"`
	Calls   int64  `json:"calls"`
	Mean    int64  `json:"mean" doc:"milliseconds"`
	Longest int64  `json:"longest" doc:"milliseconds"`
}

// AddonStats answers GET /apps/:app/stats.
func (a *API) AddonStats(c echo.Context) error {
	s, err := a.Apps.AddonStats(actorAnd(c))
	if err != nil {
		return err
	}
	body := Stats{
		Bytes: s.Bytes, MaxBytes: s.MaxBytes, Connections: s.Connections, MaxConnections: s.MaxConnections, SlowOver: s.SlowOver, Slow: s.Slow,
		Queries: list(s.Queries, func(q app.SlowQuery) SlowQuery { return SlowQuery(q) }),
	}
	return c.JSON(http.StatusOK, StatsAnswer{body})
}

var blueprintOperations = []openapi.Operation{
	{Route: "GET /api/v1/blueprints", Group: "Blueprints", Summary: "List the stacks that are ready to run", Status: http.StatusOK, Answer: BlueprintsAnswer{}},
	{
		Route: "POST /api/v1/blueprints/:blueprint", Group: "Blueprints", Summary: "Make an app or an add-on of a blueprint",
		Notes: "With its volumes, config vars and add-ons; it is deployed at once. The note may hold passwords, which are told here only.",
		Body:  BlueprintMakeBody{}, Status: http.StatusAccepted, Answer: MadeAnswer{},
		Errors: openapi.Codes{404: "blueprint_not_found", 409: "app_exists does_not_fit", 422: "app_name_invalid app_name_reserved plan_unknown answer_unknown answer_invalid blueprint_name_invalid"},
	},
	{Route: "GET /api/v1/bindings", Group: "Add-ons", Summary: "List which apps are bound to which add-ons", Status: http.StatusOK, Answer: BindingsAnswer{}},
	{Route: "GET /api/v1/apps/:app/bindings", Group: "Add-ons", Summary: "List the add-ons of an app, or the apps of an add-on", Status: http.StatusOK, Answer: BindingsAnswer{}},
	{
		Route: "GET /api/v1/apps/:app/stats", Group: "Add-ons", Summary: "Tell how an add-on is: its size, connections and slow queries", Status: http.StatusOK, Answer: StatsAnswer{},
		Notes: "The add-on is asked at this moment.", Errors: openapi.Codes{404: "addon_not_found", 409: "addon_not_running", 422: "app_not_addon", 503: "addon_stats_unreadable"},
	},
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/bindings", Group: "Add-ons", Summary: "Bind an add-on to an app",
		Notes: "The app reaches the add-on by its name and gets config vars; what runs gets them by a restart.", Body: BindingCreateBody{},
		Errors: openapi.Codes{404: "addon_not_found", 409: "binding_exists prefix_taken config_var_taken", 422: "prefix_invalid app_is_addon app_not_addon"},
	}),
	begins(openapi.Operation{
		Route: "DELETE /api/v1/apps/:app/bindings/:addon", Group: "Add-ons", Summary: "Take an add-on away from an app", Notes: "The add-on and its data stay.",
		Errors: openapi.Codes{404: "addon_not_found binding_not_found", 422: "app_is_addon app_not_addon"},
	}),
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/rotate", Group: "Add-ons", Summary: "Give an add-on a new password",
		Notes:  "It starts anew and has to let somebody log in with it; then the apps that are bound to it are restarted. When it fails, the old one stays everywhere.",
		Errors: openapi.Codes{404: "addon_not_found", 409: "addon_not_ready", 422: "app_not_addon"},
	}),
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/renew", Group: "Add-ons", Summary: "Make an add-on anew with today's packages", Notes: "Its data stays.",
		Errors: openapi.Codes{404: "addon_not_found", 422: "app_not_addon"},
	}),
}
