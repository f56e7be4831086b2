package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Source is the public repository that an app is bound to.
type Source struct {
	URL       string    `json:"url"`
	Branch    string    `json:"branch" doc:"empty means the repository's default branch"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

// SourceAnswer is the answer about an app's source.
type SourceAnswer struct {
	Source *Source `json:"source" doc:"null when the app is not bound to a repository"`
}

func sourceBody(r *platform.Remote) *Source {
	if r == nil {
		return nil
	}
	return &Source{URL: r.URL, Branch: r.Branch, CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy}
}

// SourceGet answers GET /apps/:app/source.
func (a *API) SourceGet(c echo.Context) error {
	remote, err := a.Apps.Remote(actorAnd(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, SourceAnswer{sourceBody(remote)})
}

// SourceBindBody is what PUT /apps/:app/source takes.
type SourceBindBody struct {
	URL    string `json:"url" openapi:"required"`
	Branch string `json:"branch"`
}

// SourceBind answers PUT /apps/:app/source.
func (a *API) SourceBind(c echo.Context) error {
	var body SourceBindBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	remote, err := a.Apps.Bind(ctx, actor, name, body.URL, body.Branch)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, SourceAnswer{sourceBody(&remote)})
}

// SourceUnbind answers DELETE /apps/:app/source.
func (a *API) SourceUnbind(c echo.Context) error {
	if err := a.Apps.Unbind(actorAnd(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// SourcePullBody is what POST /apps/:app/source/pull takes.
type SourcePullBody struct {
	Force bool `json:"force" doc:"builds and deploys also what serves already"`
}

// SourcePull answers POST /apps/:app/source/pull.
func (a *API) SourcePull(c echo.Context) error {
	var body SourcePullBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.Pull(ctx, actor, name, body.Force)
	return started(c, d, err)
}

var sourceOperations = []openapi.Operation{
	{Route: "GET /api/v1/apps/:app/source", Group: "Sources", Summary: "Show the repository that an app is bound to", Status: http.StatusOK, Answer: SourceAnswer{}},
	{
		Route: "PUT /api/v1/apps/:app/source", Group: "Sources", Summary: "Bind an app to a branch of a public git repository",
		Notes: "By https only, without credentials. Nothing is fetched yet.",
		Body:  SourceBindBody{}, Status: http.StatusOK, Answer: SourceAnswer{},
		Errors: openapi.Codes{422: "git_url_invalid git_url_not_https git_url_has_credentials url_refused host_unknown branch_invalid"},
	},
	{
		Route: "DELETE /api/v1/apps/:app/source", Group: "Sources", Summary: "Unbind an app from its repository", Status: http.StatusNoContent,
		Errors: openapi.Codes{404: "remote_not_found", 409: "source_not_bound"},
	},
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/source/pull", Group: "Sources", Summary: "Fetch the newest commit and deploy it",
		Notes: "When it is what serves already, the deployment ends as cancelled with the code nothing_new.",
		Body:  SourcePullBody{}, Errors: openapi.Codes{409: "source_not_bound"},
	}),
}
