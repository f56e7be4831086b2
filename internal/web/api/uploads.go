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

// ImageBody names an image.
type ImageBody struct {
	Image string `json:"image" openapi:"required" doc:"as docker pull takes it; the owner of the server may also give the name or id of one that is on it"`
}

// ImageCreate answers POST /apps/:app/images.
func (a *API) ImageCreate(c echo.Context) error {
	var body ImageBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.DeployImage(ctx, actor, name, body.Image)
	return started(c, d, err)
}

// ImageFileCreate answers POST /apps/:app/images/file: what docker save wrote is the body.
func (a *API) ImageFileCreate(c echo.Context) error {
	body, size, err := request.Upload(c)
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.DeployImageFile(ctx, actor, name, app.Upload{Body: body, Size: size, Name: c.QueryParam("name")})
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
			400: "upload_cut", 408: "upload_pace", 413: "upload_too_large", 415: "not_archive", 429: "uploads_busy",
			422: "upload_empty upload_kind upload_locked upload_method upload_slow source_empty source_unreadable source_entry_refused " +
				"source_too_large source_too_many_files source_too_deep source_name_too_long",
			507: "disk_low disk_files disk_full",
		},
	}),
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/images", Group: "Deployments", Summary: "Deploy an image",
		Notes: "The image is pulled by the digest that its tag has then, and started as it says itself; PORT is the port that it exposes, when it exposes one.",
		Body:  ImageBody{},
		Errors: openapi.Codes{
			403: "image_here", 422: "image_invalid image_reserved", 503: "no_way_out",
		},
	}),
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/images/file", Group: "Deployments", Summary: "Deploy an image from a file",
		Notes: "The body is what docker save wrote, compressed or not, with one image in it. The names in it are not taken over.",
		Query: []openapi.Param{nameParam}, Media: request.Archives,
		Errors: openapi.Codes{
			400: "upload_cut", 408: "upload_pace", 413: "upload_too_large", 415: "not_archive", 429: "uploads_busy",
			422: "upload_empty upload_kind image_kind image_several image_entry_refused source_unreadable",
			507: "disk_low disk_files disk_full",
		},
	}),
}
