package api

import (
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// File is what lies in a directory of a volume.
type File struct {
	Name       string            `json:"name"`
	Kind       platform.FileKind `json:"kind" doc:"only a file can be read"`
	Bytes      int64             `json:"bytes" doc:"of a file; 0 for everything else"`
	ModifiedAt time.Time         `json:"modified_at"`
}

// FilesAnswer is a part of a directory.
type FilesAnswer struct {
	Files []File  `json:"files"`
	Next  *string `json:"next"`
}

func fileBody(f platform.VolumeFile) File {
	return File{f.Name, f.Kind, f.Bytes, f.ModifiedAt}
}

// VolumeFilesList answers GET /apps/:app/volumes/:volume/files.
func (a *API) VolumeFilesList(c echo.Context) error {
	page, err := request.ReadPage(c)
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	all, err := a.Apps.VolumeFiles(ctx, actor, name, c.Param("volume"), c.QueryParam("path"), page.After, page.Limit+1)
	if err != nil {
		return err
	}
	all, next := request.Cut(page, all, platform.VolumeFile.Order)
	return c.JSON(http.StatusOK, FilesAnswer{list(all, fileBody), next})
}

// VolumeFileGet answers GET /apps/:app/volumes/:volume/file with what is in a file.
func (a *API) VolumeFileGet(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	file, info, err := a.Apps.OpenVolumeFile(ctx, actor, name, c.Param("volume"), c.QueryParam("path"))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing was written
	return request.Download(c, info.Name, info.Bytes, file)
}

// VolumeFileSave answers PUT /apps/:app/volumes/:volume/file: the file is the body.
func (a *API) VolumeFileSave(c echo.Context) error {
	body, size, err := request.File(c)
	if err != nil {
		return err
	}
	mode, err := fileMode(c.QueryParam("mode"))
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	err = a.Apps.SaveVolumeFile(ctx, actor, name, c.Param("volume"), c.QueryParam("path"), app.Upload{Body: body, Size: size, Mode: mode})
	if err != nil {
		return request.UploadStatus(err)
	}
	return c.NoContent(http.StatusNoContent)
}

// fileMode reads permissions as chmod takes them. Those that let a program run as somebody else are none.
func fileMode(text string) (fs.FileMode, error) {
	if text == "" {
		return 0, nil
	}
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mode > 0o777 || mode == 0 {
		return 0, platform.Errorf(platform.Invalid, "file_mode_invalid", "The mode %.20q is none of a file.", text).
			WithHint("Give it as chmod takes it, with three digits from 0 to 7: 644, or 755 for a program.")
	}
	return fs.FileMode(mode), nil
}

// VolumeFileRemove answers DELETE /apps/:app/volumes/:volume/file.
func (a *API) VolumeFileRemove(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	if err := a.Apps.RemoveVolumeFile(ctx, actor, name, c.Param("volume"), c.QueryParam("path"), c.QueryParam("all") == "true"); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

var pathParam = openapi.Param{Name: "path", Type: "string", Means: "from the top of the volume on; empty is the volume itself"}

var fileOperations = []openapi.Operation{
	{
		Route: "GET /api/v1/apps/:app/volumes/:volume/files", Group: "Volumes", Summary: "List what lies in a directory of a volume",
		Notes: "Directories come first, then everything by name. A volume that no replica had yet is empty.",
		Query: append([]openapi.Param{pathParam}, pageParams...), Status: http.StatusOK, Answer: FilesAnswer{},
		Errors: openapi.Codes{404: "volume_not_found file_not_found", 409: "app_destroying app_trashed file_busy", 422: "file_path_invalid"},
	},
	{
		Route: "GET /api/v1/apps/:app/volumes/:volume/file", Group: "Volumes", Summary: "Download a file of a volume",
		Query: []openapi.Param{pathParam}, Status: http.StatusOK, Type: request.Binary,
		Errors: openapi.Codes{404: "volume_not_found file_not_found", 409: "app_destroying app_trashed file_not_regular file_busy", 422: "file_path_invalid"},
	},
	{
		Route: "PUT /api/v1/apps/:app/volumes/:volume/file", Group: "Volumes", Summary: "Save a file in a volume",
		Notes: "The body is the file. Directories on the way are made. A file that is there is replaced when all has come, and keeps its owner and rights.",
		Query: []openapi.Param{pathParam, {Name: "mode", Type: "string", Means: "the permissions of a new file as chmod takes them, up to 777; empty is 644"}}, Media: []string{request.Binary}, Status: http.StatusNoContent,
		Errors: openapi.Codes{
			400: "upload_cut file_in_parts", 404: "volume_not_found file_not_found", 408: "upload_pace", 409: "volume_trashed file_not_regular file_busy",
			415: "not_binary file_encoded", 422: "file_path_invalid file_mode_invalid", 429: "uploads_busy", 507: "disk_low disk_files disk_full volumes_full",
		},
	},
	{
		Route: "DELETE /api/v1/apps/:app/volumes/:volume/file", Group: "Volumes", Summary: "Remove a file of a volume",
		Notes: "A link is removed itself. There is no trash for files.",
		Query: []openapi.Param{pathParam, {Name: "all", Type: "boolean", Means: "true removes a directory with all that is in it"}}, Status: http.StatusNoContent,
		Errors: openapi.Codes{404: "volume_not_found file_not_found", 409: "volume_trashed directory_not_empty file_busy", 422: "file_path_invalid"},
	},
}
