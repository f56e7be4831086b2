package api

import (
	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform/app"
)

// UploadCreate answers POST /apps/:app/uploads: the archive is the body.
func (a *API) UploadCreate(c echo.Context) error {
	body, size, err := request.Upload(c)
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.Upload(ctx, actor, name, app.Upload{Body: body, Size: size, Name: c.QueryParam("name")})
	return started(c, d, request.UploadStatus(err))
}

var nameParam = openapi.Param{Name: "name", Type: "string", Means: "what the file or folder is called, to be shown"}

var uploadOperations = []openapi.Operation{
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/uploads", Group: "Deployments", Summary: "Deploy an archive",
		Notes: "The body is a zip, tar, tar.gz or tar.zst archive, of 1 GiB at most; what kind it is, its first bytes tell. " +
			"Of an archive with a single folder at its top, the inside of that folder is deployed.",
		Query: []openapi.Param{nameParam}, Media: request.Archives,
		Errors: openapi.Codes{
			400: "upload_cut", 413: "upload_too_large", 415: "not_archive", 429: "uploads_busy",
			422: "upload_empty upload_kind upload_locked upload_method upload_slow source_empty source_unreadable source_entry_refused " +
				"source_too_large source_too_many_files source_too_deep source_name_too_long",
			507: "disk_low disk_files disk_full",
		},
	}),
}
