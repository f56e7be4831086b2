package console

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type filesPage struct {
	Volume app.VolumeView
	Path   string // of the directory, without slashes around it; "" is the volume itself
	Way    []step // from the volume down to it
	Files  []fileRow
	More   bool // than are shown
	Write  bool // files may be saved and removed
}

// step is a directory on the way to another.
type step struct{ Name, Path string }

type fileRow struct {
	platform.VolumeFile
	Shown string // the name, without what could turn the line around
	Path  string
}

// Files answers GET /apps/:app/volumes/:volume/files.
func (c *Console) Files(e echo.Context) error { return c.filesWith(e, e.QueryParam("path"), nil) }

func (c *Console) filesWith(e echo.Context, dir string, wrong error) error {
	f, err := c.inApp(e, "volumes", "Files of "+e.Param("volume"))
	if err != nil {
		return err
	}
	dir = strings.Trim(path.Clean("/"+dir), "/")
	page := filesPage{Path: dir, Way: way(dir)}
	if page.Volume, err = c.volume(e, f.Actor); err != nil {
		return err
	}
	all, err := c.apps.VolumeFiles(e.Request().Context(), f.Actor, f.App.App.Name, page.Volume.Name, dir, "", platform.MaxFilesListed+1)
	if err != nil && wrong == nil {
		return err
	}
	if page.More = len(all) > platform.MaxFilesListed; page.More {
		all = all[:platform.MaxFilesListed]
	}
	for _, v := range all {
		page.Files = append(page.Files, fileRow{v, shownName(v.Name), path.Join(dir, v.Name)})
	}
	page.Write = f.May(string(platform.ActionManage)) && page.Volume.State == platform.VolumeActive
	f.Data = page
	if wrong != nil {
		return c.refuse(e, request.UploadStatus(wrong), "files", f)
	}
	return c.show(e, http.StatusOK, "files", f)
}

func (c *Console) volume(e echo.Context, actor platform.Actor) (app.VolumeView, error) {
	all, err := c.apps.VolumesOf(e.Request().Context(), actor, e.Param("app"))
	for _, v := range all {
		if v.Name == e.Param("volume") {
			return v, nil
		}
	}
	if err == nil {
		err = platform.Errorf(platform.NotFound, "volume_not_found", "The app has no volume %.60q.", e.Param("volume"))
	}
	return app.VolumeView{}, err
}

func way(dir string) []step {
	var all []step
	at := ""
	for part := range strings.SplitSeq(dir, "/") {
		if part != "" {
			at = path.Join(at, part)
			all = append(all, step{shownName(part), at})
		}
	}
	return all
}

// shownName lets nothing in a name hide, or turn the writing around.
func shownName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(name, string(unicode.ReplacementChar)))
}

// FileGet answers GET /apps/:app/volumes/:volume/file with what is in a file.
func (c *Console) FileGet(e echo.Context) error {
	file, info, err := c.apps.OpenVolumeFile(e.Request().Context(), request.Actor(e), e.Param("app"), e.Param("volume"), e.QueryParam("path"))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing was written
	return request.Download(e, info.Name, info.Bytes, file)
}

// FileSave answers POST /apps/:app/volumes/:volume/files: a form with a file. Paths stand in the address of forms,
// as browsers change the ends of lines in fields.
func (c *Console) FileSave(e echo.Context) error {
	dir := e.QueryParam("path")
	_, body, name, err := request.FormBeforeFile(e, "file")
	if err == nil && body == nil {
		err = platform.Errorf(platform.Invalid, "file_missing", "No file was chosen.").WithHint("Choose a file and send the form again.")
	}
	if err == nil {
		err = c.apps.SaveVolumeFile(e.Request().Context(), request.Actor(e), e.Param("app"), e.Param("volume"), path.Join(dir, name), app.Upload{Body: body, Size: -1})
	}
	if err != nil {
		return c.filesWith(e, dir, err)
	}
	return toFiles(e, dir, "file-saved")
}

// FileRemove answers POST /apps/:app/volumes/:volume/files/remove.
func (c *Console) FileRemove(e echo.Context) error {
	name := e.QueryParam("path")
	dir := path.Dir(path.Clean("/" + name))
	if err := c.apps.RemoveVolumeFile(e.Request().Context(), request.Actor(e), e.Param("app"), e.Param("volume"), name, e.FormValue("all") == "true"); err != nil {
		return c.filesWith(e, dir, err)
	}
	return toFiles(e, dir, "removed")
}

func toFiles(e echo.Context, dir, notice string) error {
	query := url.Values{"path": {strings.Trim(dir, "/")}, "done": {notice}}
	return see(e, appPath(e, "/volumes/"+url.PathEscape(e.Param("volume"))+"/files?"+query.Encode()))
}
