package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Volume is a directory of an app that outlives its replicas.
type Volume struct {
	Name        string               `json:"name"`
	Path        string               `json:"path" doc:"where the app's processes find it"`
	Shared      bool                 `json:"shared" doc:"several replicas may have it at once; else one at a time"`
	State       platform.VolumeState `json:"state"`
	Bytes       *int64               `json:"bytes" doc:"of the disk, as of the last minute; null until it is measured"`
	TrashedAt   *time.Time           `json:"trashed_at"`
	TrashEndsAt *time.Time           `json:"trash_ends_at" doc:"when it is removed for good; null when it is not in the trash"`
	CreatedAt   time.Time            `json:"created_at"`
	CreatedBy   string               `json:"created_by"`
}

func volumeBody(v app.VolumeView) Volume {
	body := Volume{Name: v.Name, Path: v.Path, Shared: v.Shared, State: v.State, TrashedAt: v.TrashedAt, CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy}
	if v.Measured {
		body.Bytes = &v.Bytes
	}
	if ends := v.TrashEnds(); !ends.IsZero() {
		body.TrashEndsAt = &ends
	}
	return body
}

// VolumesList answers GET /apps/:app/volumes.
func (a *API) VolumesList(c echo.Context) error {
	page, err := request.ReadPage(c)
	if err != nil {
		return err
	}
	all, err := a.Apps.VolumesOf(actorAnd(c))
	if err != nil {
		return err
	}
	name := func(v app.VolumeView) string { return v.Name }
	all, next := request.Cut(page, request.Skip(page, all, name), name)
	return c.JSON(http.StatusOK, VolumesAnswer{list(all, volumeBody), next})
}

// VolumeCreateBody is what POST /apps/:app/volumes takes.
type VolumeCreateBody struct {
	Name   string `json:"name" example:"uploads"`
	Path   string `json:"path" example:"/data"`
	Shared bool   `json:"shared" doc:"true lets several replicas have it at once"`
}

// VolumeCreate answers POST /apps/:app/volumes.
func (a *API) VolumeCreate(c echo.Context) error {
	var body VolumeCreateBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	_, d, err := a.Apps.CreateVolume(ctx, actor, name, body.Name, app.VolumeRequest{Path: body.Path, Shared: body.Shared})
	return started(c, d, err)
}

// VolumeChangeBody is what PUT /apps/:app/volumes/:volume takes.
type VolumeChangeBody struct {
	Path   string `json:"path" example:"/data"`
	Shared bool   `json:"shared"`
}

// VolumeChange answers PUT /apps/:app/volumes/:volume.
func (a *API) VolumeChange(c echo.Context) error {
	var body VolumeChangeBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	_, d, err := a.Apps.ChangeVolume(ctx, actor, name, c.Param("volume"), app.VolumeRequest{Path: body.Path, Shared: body.Shared})
	return started(c, d, err)
}

// VolumeRemoveBody is what DELETE /apps/:app/volumes/:volume takes.
type VolumeRemoveBody struct {
	Confirm string `json:"confirm" doc:"the volume's name" example:"uploads"`
	Now     bool   `json:"now" doc:"true removes one that is in the trash for good"`
}

// VolumeRemove answers DELETE /apps/:app/volumes/:volume; the body repeats the name.
func (a *API) VolumeRemove(c echo.Context) error {
	var body VolumeRemoveBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, err := a.Apps.RemoveVolume(ctx, actor, name, c.Param("volume"), body.Confirm, body.Now)
	return started(c, d, err)
}

// VolumeRestore answers POST /apps/:app/volumes/:volume/restore.
func (a *API) VolumeRestore(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	_, d, err := a.Apps.RestoreVolume(ctx, actor, name, c.Param("volume"))
	return started(c, d, err)
}

var volumeOperations = []openapi.Operation{
	{Route: "GET /api/v1/apps/:app/volumes", Group: "Volumes", Summary: "List an app's volumes by name, those in the trash too", Query: pageParams, Status: http.StatusOK, Answer: VolumesAnswer{}},
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/volumes", Group: "Volumes", Summary: "Give an app a volume",
		Notes: "What runs gets it by a restart. A volume that is not shared is for one replica at a time: a new release starts when the old one has ended.", Body: VolumeCreateBody{},
		Errors: openapi.Codes{409: "volume_exists volumes_too_many volume_path_taken volume_exclusive", 422: "volume_name_invalid volume_path_invalid volume_path_reserved"},
	}),
	begins(openapi.Operation{
		Route: "PUT /api/v1/apps/:app/volumes/:volume", Group: "Volumes", Summary: "Say where an app finds a volume, and whether replicas share it", Body: VolumeChangeBody{},
		Errors: openapi.Codes{404: "volume_not_found", 409: "volume_path_taken volume_exclusive volume_trashed volume_of_addon", 422: "volume_path_invalid volume_path_reserved"},
	}),
	begins(openapi.Operation{
		Route: "DELETE /api/v1/apps/:app/volumes/:volume", Group: "Volumes", Summary: "Put a volume into the trash, or remove one for good that is there",
		Notes: "For 14 days it can be brought back with its files.", Body: VolumeRemoveBody{},
		Errors: openapi.Codes{404: "volume_not_found", 409: "volume_trashed volume_not_trashed volume_in_use", 422: "not_confirmed"},
	}),
	begins(openapi.Operation{
		Route: "POST /api/v1/apps/:app/volumes/:volume/restore", Group: "Volumes", Summary: "Bring a volume back from the trash",
		Errors: openapi.Codes{404: "volume_not_found", 409: "volume_not_trashed volume_path_taken volume_exclusive"},
	}),
}
