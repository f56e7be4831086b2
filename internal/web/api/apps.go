package api

import (
	"maps"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/observe"
)

// App is an app as the API shows it.
type App struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	State            platform.AppState `json:"state"`
	Plan             string            `json:"plan"`
	Scale            platform.Scale    `json:"scale" doc:"wanted replicas of each process type"`
	DeployBranch     string            `json:"deploy_branch"`
	Source           *Source           `json:"source" doc:"the repository that it is bound to; null when it is not"`
	Health           platform.Health   `json:"health"`
	StopGrace        int               `json:"stop_grace" doc:"seconds that a replica has between SIGTERM and SIGKILL"`
	HasWeb           bool              `json:"has_web" doc:"false when what serves has no web process, and nothing answers at the URL"`
	Builder          string            `json:"builder" doc:"auto, buildpacks or dockerfile"`
	Dockerfile       string            `json:"dockerfile" doc:"its path in the source; empty means Dockerfile"`
	SnapshotFirst    bool              `json:"snapshot_first" doc:"each deployment makes a snapshot before its release is started"`
	Addon            bool              `json:"addon" doc:"it is for other apps: a database, a cache"`
	Blueprint        string            `json:"blueprint" doc:"that it was made of; empty for none"`
	TrashedAt        *time.Time        `json:"trashed_at" doc:"null when it is not in the trash"`
	TrashEndsAt      *time.Time        `json:"trash_ends_at" doc:"when it is removed for good"`
	URL              string            `json:"url"`
	GitURL           string            `json:"git_url"`
	SSHURL           string            `json:"ssh_url" doc:"empty where there is no git over SSH"`
	Hosts            []string          `json:"hosts"`
	Status           observe.Word      `json:"status"`
	Release          *Release          `json:"release"`
	LatestDeployment *Deployment       `json:"latest_deployment"`
	CreatedAt        time.Time         `json:"created_at"`
	CreatedBy        string            `json:"created_by"`
}

func appBody(o app.Overview) App {
	body := App{
		ID: o.App.ID, Name: o.App.Name, State: o.App.State, Plan: o.App.Plan, Scale: scaleOf(o),
		DeployBranch: o.App.DeployBranch, Source: sourceBody(o.Remote), Health: o.App.Health, URL: o.URL, GitURL: o.GitURL, SSHURL: o.SSHURL,
		StopGrace: int(o.App.Grace().Seconds()), HasWeb: !o.NoWeb,
		Hosts: append([]string{}, o.Hosts...), Status: o.Health, CreatedAt: o.App.CreatedAt, CreatedBy: o.App.CreatedBy,
	}
	body.Builder, body.Dockerfile = o.App.Builder.Word(), o.App.Dockerfile
	body.SnapshotFirst = o.App.SnapshotFirst
	body.Addon, body.Blueprint = o.App.Addon, o.App.Blueprint
	body.TrashedAt, body.TrashEndsAt = trashTimes(o.App)
	if o.Release != nil {
		r := releaseBody(*o.Release)
		r.Current = true
		body.Release = &r
	}
	if o.Latest != nil {
		d := deploymentBody(*o.Latest)
		body.LatestDeployment = &d
	}
	return body
}

// scaleOf tells every process type that the app has, also those at their default.
func scaleOf(o app.Overview) platform.Scale {
	scale := platform.Scale{}
	if o.Release == nil {
		maps.Copy(scale, o.App.Scale)
		scale[platform.WebProcess] = o.App.Scale.Of(platform.WebProcess)
		return scale
	}
	for _, p := range o.Release.Processes {
		if p.Type == platform.ReleaseProcess {
			continue // it has no replicas
		}
		scale[p.Type] = o.App.Scale.Of(p.Type)
	}
	return scale
}

// AppsList answers GET /apps.
func (a *API) AppsList(c echo.Context) error {
	page, err := request.ReadPage(c)
	if err != nil {
		return err
	}
	all, err := a.Apps.AppsAfter(c.Request().Context(), request.Actor(c), page.After, page.Limit+1)
	if err != nil {
		return err
	}
	all, next := request.Cut(page, all, func(o app.Overview) string { return o.App.Name })
	return c.JSON(http.StatusOK, AppsAnswer{list(all, appBody), next})
}

// AppCreateBody is what POST /apps takes.
type AppCreateBody struct {
	Name string `json:"name" example:"my-shop"`
	Plan string `json:"plan" example:"nano"`
}

// AppCreate answers POST /apps.
func (a *API) AppCreate(c echo.Context) error {
	var body AppCreateBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	o, err := a.Apps.Create(c.Request().Context(), request.Actor(c), app.CreateRequest{Name: body.Name, Plan: body.Plan})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, AppAnswer{appBody(o)})
}

// AppGet answers GET /apps/:app.
func (a *API) AppGet(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	o, err := a.Apps.App(ctx, actor, name)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, AppAnswer{appBody(o)})
}

// AppConfigureBody is what PATCH /apps/ takes.
type AppConfigureBody struct {
	Plan         *string          `json:"plan" example:"micro"`
	Health       *platform.Health `json:"health"`
	DeployBranch *string          `json:"deploy_branch" example:"main"`
	StopGrace    *int             `json:"stop_grace" doc:"seconds that a replica has between SIGTERM and SIGKILL, 1 to 600; 0 means 30" example:"60"`
	Builder      *string          `json:"builder" doc:"auto, buildpacks or dockerfile; for the next push"`
	Dockerfile   *string          `json:"dockerfile" doc:"its path in the source; empty means Dockerfile"`

	SnapshotFirst *bool `json:"snapshot_first" doc:"each deployment that brings a new release makes a snapshot before that is started, and fails when it cannot"`
}

// AppConfigure answers PATCH /apps/:app.
func (a *API) AppConfigure(c echo.Context) error {
	var body AppConfigureBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.Configure(ctx, actor, name, app.Settings{Plan: body.Plan, Health: body.Health, DeployBranch: body.DeployBranch, StopGrace: body.StopGrace, Builder: body.Builder, Dockerfile: body.Dockerfile, SnapshotFirst: body.SnapshotFirst})
	return started(c, d, err)
}

// AppRenameBody is what POST /apps/ takes.
type AppRenameBody struct {
	Name string `json:"name" example:"our-shop"`
}

// AppRename answers POST /apps/:app/rename.
func (a *API) AppRename(c echo.Context) error {
	var body AppRenameBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	o, err := a.Apps.Rename(ctx, actor, name, body.Name)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, AppAnswer{appBody(o)})
}

// AppScaleBody is what PUT /apps/ takes.
type AppScaleBody struct {
	Scale platform.Scale `json:"scale" example:"web"`
}

// AppScale answers PUT /apps/:app/scale.
func (a *API) AppScale(c echo.Context) error {
	var body AppScaleBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.Scale(ctx, actor, name, body.Scale)
	return started(c, d, err)
}

// AppRestart answers POST /apps/:app/restart.
func (a *API) AppRestart(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.Restart(ctx, actor, name)
	return started(c, d, err)
}

var appOperations = []openapi.Operation{
	{Route: "GET /api/v1/apps", Group: "Apps", Summary: "List apps by name", Query: pageParams, Status: http.StatusOK, Answer: AppsAnswer{}},
	{
		Route: "POST /api/v1/apps", Group: "Apps", Summary: "Create an app", Notes: "Without a plan it gets the smallest usual one.",
		Body: AppCreateBody{}, Status: http.StatusCreated, Answer: AppAnswer{},
		Errors: openapi.Codes{409: "app_exists does_not_fit", 422: "app_name_invalid app_name_reserved plan_unknown"},
	},
	{Route: "GET /api/v1/apps/:app", Group: "Apps", Summary: "Show an app", Status: http.StatusOK, Answer: AppAnswer{}},
	begins(openapi.Operation{
		Route: "PATCH /api/v1/apps/:app", Group: "Apps", Summary: "Change an app's plan, health check, deploy branch or builder",
		Notes: "What is left out stays as it is. A new plan or health check brings a new release live.", Body: AppConfigureBody{},
		Errors: openapi.Codes{409: "does_not_fit", 422: "plan_unknown branch_invalid health_path_invalid health_timeout_invalid stop_grace_invalid builder_unknown dockerfile_path_invalid"},
	}),
	{
		Route: "POST /api/v1/apps/:app/rename", Group: "Apps", Summary: "Rename an app", Notes: "Its address and its git address change with the name.",
		Body: AppRenameBody{}, Status: http.StatusOK, Answer: AppAnswer{},
		Errors: openapi.Codes{409: "addon_bound app_exists deployment_running", 422: "app_name_invalid app_name_reserved"},
	},
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/restart", Group: "Apps", Summary: "Start an app's replicas anew",
		Notes:  "One after another; each new one answers before the one in its place is stopped. Nothing is built, and no release is made.",
		Errors: openapi.Codes{409: "nothing_serves scaled_to_zero"},
	}),
	begins(openapi.Operation{
		Route: "PUT /api/v1/apps/:app/scale", Group: "Apps", Summary: "Set the replicas of process types",
		Notes: "Process types that are left out stay as they are.", Body: AppScaleBody{},
		Errors: openapi.Codes{409: "does_not_fit volume_exclusive", 422: "scale_empty scale_invalid scale_out_of_range scale_release scale_too_many process_unknown process_type_invalid"},
	}),
}
