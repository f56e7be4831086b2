package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Deployment is a deployment as the API shows it.
type Deployment struct {
	Number      int                      `json:"number"`
	Kind        platform.DeploymentKind  `json:"kind"`
	State       platform.DeploymentState `json:"state"`
	Serves      bool                     `json:"serves" doc:"its release is the one that is live now; of those that are live, the others were replaced by newer ones"`
	Cause       string                   `json:"cause"`
	Commit      string                   `json:"commit"`
	CommitTitle string                   `json:"commit_title"`
	Branch      string                   `json:"branch"`
	Origin      platform.Origin          `json:"origin" doc:"where its source came from; empty where there is none"`
	FromRelease int                      `json:"from_release"`
	Release     int                      `json:"release"`
	Failure     *Failure                 `json:"failure"`
	Actor       string                   `json:"actor"`
	Via         string                   `json:"via"`
	CancelAsked bool                     `json:"cancel_asked"`
	CreatedAt   time.Time                `json:"created_at"`
	StartedAt   *time.Time               `json:"started_at"`
	EndedAt     *time.Time               `json:"ended_at"`
	Steps       []Step                   `json:"steps"`
}

// Failure says why a deployment failed and what to do.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// Step is one station of a deployment.
type Step struct {
	Name      platform.StepName  `json:"name"`
	State     platform.StepState `json:"state"`
	Detail    string             `json:"detail"`
	StartedAt *time.Time         `json:"started_at"`
	EndedAt   *time.Time         `json:"ended_at"`
}

func deploymentBody(d platform.Deployment) Deployment {
	body := Deployment{
		Number: d.Number, Kind: d.Kind, State: d.State, Serves: d.Serves, Cause: d.Cause,
		Commit: d.Source.Commit, CommitTitle: d.Source.Title, Branch: d.Source.Branch, Origin: d.Source.Origin(),
		FromRelease: d.FromRelease, Release: d.Release, Actor: d.Actor, Via: d.Via, CancelAsked: d.CancelAsked,
		CreatedAt: d.CreatedAt, StartedAt: d.StartedAt, EndedAt: d.EndedAt,
		Steps: list(d.Steps, func(s platform.Step) Step {
			return Step{Name: s.Name, State: s.State, Detail: s.Detail, StartedAt: s.StartedAt, EndedAt: s.EndedAt}
		}),
	}
	if d.FailureText != "" || d.FailureCode != "" {
		body.Failure = &Failure{Code: d.FailureCode, Message: d.FailureText, Hint: d.FailureHint}
	}
	return body
}

// DeploymentsList answers GET /apps/:app/deployments.
func (a *API) DeploymentsList(c echo.Context) error {
	page, before, err := numberedPage(c)
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	filter := platform.DeploymentFilter{State: platform.DeploymentState(c.QueryParam("state")), Kind: platform.DeploymentKind(c.QueryParam("kind"))}
	all, err := a.Apps.DeploymentsLike(ctx, actor, name, filter, before, page.Limit+1)
	if err != nil {
		return err
	}
	all, next := request.Cut(page, all, func(d platform.Deployment) string { return strconv.Itoa(d.Number) })
	return c.JSON(http.StatusOK, DeploymentsAnswer{list(all, deploymentBody), next})
}

// DeploymentGet answers GET /apps/:app/deployments/:number.
func (a *API) DeploymentGet(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	number, err := request.Number(c, "number")
	if err != nil {
		return err
	}
	d, err := a.Apps.Deployment(ctx, actor, name, number)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, DeploymentAnswer{deploymentBody(d)})
}

// DeploymentCreateBody says how.
type DeploymentCreateBody struct {
	Renew bool `json:"renew,omitempty"` // a Dockerfile's steps all run again, for packages that are newer by now
}

// DeploymentCreate answers POST /apps/:app/deployments: the newest commit again.
func (a *API) DeploymentCreate(c echo.Context) error {
	var body DeploymentCreateBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.Redeploy(ctx, actor, name, body.Renew)
	return started(c, d, err)
}

// DeploymentCancel answers POST /apps/:app/deployments/:number/cancel.
func (a *API) DeploymentCancel(c echo.Context) error {
	if err := request.Decode(c, &struct{}{}); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	number, err := request.Number(c, "number")
	if err != nil {
		return err
	}
	d, err := a.Apps.Cancel(ctx, actor, name, number)
	return started(c, d, err)
}

// DeploymentRetry answers POST /apps/:app/deployments/:number/retry.
func (a *API) DeploymentRetry(c echo.Context) error {
	if err := request.Decode(c, &struct{}{}); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	number, err := request.Number(c, "number")
	if err != nil {
		return err
	}
	d, err := a.Apps.Retry(ctx, actor, name, number)
	return started(c, d, err)
}

// logEvent is the data of an event "log". Its id is the place behind the line, where a
// reader that lost the connection goes on.
type logEvent struct {
	Line string `json:"line"`
}

// DeploymentEvents answers GET /apps/:app/deployments/:number/events with server-sent
// events: log, step (the deployment as it is now) and at last done.
func (a *API) DeploymentEvents(c echo.Context) error {
	_, actor, name := actorAnd(c)
	number, err := request.Number(c, "number")
	if err != nil {
		return err
	}
	return request.Serve(c, func(ctx context.Context, s *request.Stream) error {
		d, err := a.Apps.FollowDeployment(ctx, actor, name, number, request.LastEventID(c), func(p app.Progress) error {
			return sendProgress(s, p)
		})
		if err != nil || !d.State.Ended() {
			return err
		}
		return s.Send("done", 0, deploymentBody(d))
	})
}

func sendProgress(s *request.Stream, p app.Progress) error {
	if p.Deployment != nil {
		return s.Send("step", 0, deploymentBody(*p.Deployment))
	}
	return s.Send("log", p.Offset, logEvent{Line: p.Line})
}

var deploymentOperations = []openapi.Operation{
	{
		Route: "GET /api/v1/apps/:app/deployments", Group: "Deployments", Summary: "List deployments, the newest first",
		Query:  append([]openapi.Param{{Name: "state", Type: "string", Means: "only those that are waiting, running, live, failed, cancelled or replaced"}, {Name: "kind", Type: "string", Means: "only those of a kind: push, rollback, config, scale, restart, trash, restore, rewind or destroy"}}, pageParams...),
		Status: http.StatusOK, Answer: DeploymentsAnswer{},
		Errors: openapi.Codes{422: "deployment_kind_unknown deployment_state_unknown"},
	},
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/deployments", Group: "Deployments", Summary: "Deploy the newest commit again", Body: DeploymentCreateBody{},
		Errors: openapi.Codes{404: "source_gone", 409: "source_gone nothing_pushed push_under_way"},
	}),
	{Route: "GET /api/v1/apps/:app/deployments/:number", Group: "Deployments", Summary: "Show a deployment and its steps", Status: http.StatusOK, Answer: DeploymentAnswer{}},
	{
		Route: "GET /api/v1/apps/:app/deployments/:number/events", Group: "Deployments", Summary: "Follow a deployment",
		Notes: "Server-sent events: log for each line, step when a step changes, done at the end, error when something breaks. " +
			"The header Last-Event-ID, or the parameter from, goes on behind that line.",
		Query:  []openapi.Param{{Name: "from", Type: "integer", Max: 1 << 40, Means: "id of the last event that is known already"}},
		Status: http.StatusOK, Events: map[string]any{"log": logEvent{}, "step": Deployment{}, "done": Deployment{}, "error": Problem},
	},
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/deployments/:number/cancel", Group: "Deployments", Summary: "Cancel a deployment", Body: struct{}{},
		Errors: openapi.Codes{409: "deployment_ended deployment_not_running"},
	}),
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/deployments/:number/retry", Group: "Deployments", Summary: "Retry a deployment that failed or was cancelled", Body: struct{}{},
		Notes:  "The same image, branch, older release or settings. What was pushed or uploaded is not kept after a failure, unless the commit is on the deploy branch.",
		Errors: openapi.Codes{403: "image_here", 404: "source_gone release_not_found", 409: "nothing_to_retry source_gone source_not_bound nothing_pushed push_under_way release_serves release_never_live does_not_fit nothing_serves scaled_to_zero", 422: "image_invalid remote_not_allowed", 503: "no_way_out"},
	}),
}
