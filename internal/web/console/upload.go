package console

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type uploadPage struct {
	Image string // what the form holds
	Owner bool   // may name an image that is on the server
}

// deployUpload is one of the application's doors for files.
type deployUpload func(context.Context, platform.Actor, string, app.Upload) (platform.Deployment, error)

// Upload answers GET /apps/:app/upload: the ways to deploy without git.
func (c *Console) Upload(e echo.Context) error { return c.uploadWith(e, e.QueryParam("image"), nil) }

func (c *Console) uploadWith(e echo.Context, image string, wrong error) error {
	f, err := c.inApp(e, "source", "Upload")
	if err != nil {
		return err
	}
	f.Data = uploadPage{Image: image, Owner: platform.Can(f.Actor, platform.ActionServer, "")}
	if wrong != nil {
		return c.refuse(e, request.UploadStatus(wrong), "upload", f)
	}
	return c.show(e, http.StatusOK, "upload", f)
}

// UploadSend answers POST /apps/:app/upload: an archive in a form. With the script the page
// sends it to the API, and shows how far it is.
func (c *Console) UploadSend(e echo.Context) error { return c.sent(e, c.apps.Upload) }

// ImageFileSend answers POST /apps/:app/image/file: a form with what docker save wrote.
func (c *Console) ImageFileSend(e echo.Context) error { return c.sent(e, c.apps.DeployImageFile) }

func (c *Console) sent(e echo.Context, deploy deployUpload) error {
	body, name, err := request.FormFile(e, "file")
	if err != nil {
		return c.uploadWith(e, "", err)
	}
	d, err := deploy(e.Request().Context(), request.Actor(e), e.Param("app"), app.Upload{Body: body, Size: -1, Name: name})
	if err != nil {
		return c.uploadWith(e, "", err)
	}
	return afterwards(e, d, appPath(e, ""), "unchanged")
}

// ImageSet answers POST /apps/:app/image: an image by its name.
func (c *Console) ImageSet(e echo.Context) error {
	image := strings.TrimSpace(e.FormValue("image"))
	d, err := c.apps.DeployImage(e.Request().Context(), request.Actor(e), e.Param("app"), image)
	if err != nil {
		return c.uploadWith(e, image, err)
	}
	return afterwards(e, d, appPath(e, ""), "unchanged")
}
