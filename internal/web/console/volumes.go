package console

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type volumesPage struct {
	Volumes []app.VolumeView
	Trashed []app.VolumeView
	Name    string // as it was filled in
	Path    string
	Shared  bool
}

// Volumes answers GET /apps/:app/volumes.
func (c *Console) Volumes(e echo.Context) error { return c.volumesWith(e, volumesPage{}, nil) }

func (c *Console) volumesWith(e echo.Context, page volumesPage, wrong error) error {
	f, err := c.inApp(e, "volumes", "Volumes")
	if err != nil {
		return err
	}
	if page.Name == "" && page.Path == "" { // a new form: what fits the app as it is
		page.Shared = severalReplicas(f.App.App.Scale)
	}
	all, err := c.apps.VolumesOf(e.Request().Context(), f.Actor, f.App.App.Name)
	if err != nil {
		return err
	}
	for _, v := range all {
		if v.State == platform.VolumeTrashed {
			page.Trashed = append(page.Trashed, v)
		} else {
			page.Volumes = append(page.Volumes, v)
		}
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "volumes", f)
	}
	return c.show(e, http.StatusOK, "volumes", f)
}

// VolumeCreate answers POST /apps/:app/volumes.
func (c *Console) VolumeCreate(e echo.Context) error {
	page := volumesPage{Name: strings.TrimSpace(e.FormValue("name")), Path: strings.TrimSpace(e.FormValue("path")), Shared: e.FormValue("shared") == "true"}
	_, d, err := c.apps.CreateVolume(e.Request().Context(), request.Actor(e), e.Param("app"), page.Name, app.VolumeRequest{Path: page.Path, Shared: page.Shared})
	if err != nil {
		return c.volumesWith(e, page, err)
	}
	return afterwards(e, d, appPath(e, "/volumes"), "volume")
}

// VolumeChange answers POST /apps/:app/volumes/:volume.
func (c *Console) VolumeChange(e echo.Context) error {
	ask := app.VolumeRequest{Path: strings.TrimSpace(e.FormValue("path")), Shared: e.FormValue("shared") == "true"}
	before, err := c.volume(e, request.Actor(e))
	if err != nil {
		return c.volumesWith(e, volumesPage{}, err)
	}
	now, d, err := c.apps.ChangeVolume(e.Request().Context(), request.Actor(e), e.Param("app"), e.Param("volume"), ask)
	if err != nil {
		return c.volumesWith(e, volumesPage{}, err)
	}
	notice := "volume-saved"
	if before.Path == now.Path && before.Shared == now.Shared {
		notice = "same"
	}
	return afterwards(e, d, appPath(e, "/volumes"), notice)
}

// VolumeRemove answers POST /apps/:app/volumes/:volume/remove.
func (c *Console) VolumeRemove(e echo.Context) error {
	now, notice := e.FormValue("now") == "true", "volume-trashed"
	if now {
		notice = "removed"
	}
	d, err := c.apps.RemoveVolume(e.Request().Context(), request.Actor(e), e.Param("app"), e.Param("volume"), strings.TrimSpace(e.FormValue("confirm")), now)
	if err != nil {
		return c.volumesWith(e, volumesPage{}, err)
	}
	return afterwards(e, d, appPath(e, "/volumes"), notice)
}

// VolumeRestore answers POST /apps/:app/volumes/:volume/restore.
func (c *Console) VolumeRestore(e echo.Context) error {
	_, d, err := c.apps.RestoreVolume(e.Request().Context(), request.Actor(e), e.Param("app"), e.Param("volume"))
	if err != nil {
		return c.volumesWith(e, volumesPage{}, err)
	}
	return afterwards(e, d, appPath(e, "/volumes"), "volume")
}

// severalReplicas reports whether a volume for one replica would not go with the scale.
func severalReplicas(scale platform.Scale) bool {
	for _, n := range scale {
		if n > 1 {
			return true
		}
	}
	return false
}
