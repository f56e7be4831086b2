package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform/observe"
)

// Disk is one file system of the server.
type Disk struct {
	Path       string `json:"path"`
	Holds      string `json:"holds"`
	Free       uint64 `json:"free"`  // bytes
	Total      uint64 `json:"total"` // bytes
	FreeFiles  uint64 `json:"free_files"`
	TotalFiles uint64 `json:"total_files"`
}

// DiskUse is what one owner takes.
type DiskUse struct {
	App   string `json:"app"`  // "" for what belongs to the server
	Kind  string `json:"kind"` // a word that stays the same, "images" for example
	Text  string `json:"text"`
	Bytes int64  `json:"bytes"`
}

// DiskAnswer tells who takes the server's disks, the largest first.
type DiskAnswer struct {
	Disks []Disk    `json:"disks"`
	Uses  []DiskUse `json:"uses"`
}

// ServerDisk answers GET /disk.
func (a *API) ServerDisk(c echo.Context) error {
	view, err := a.Apps.Disk(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, DiskAnswer{
		Disks: list(view.Disks, func(d observe.Disk) Disk {
			return Disk{d.Path, d.Holds, d.Free, d.Total, d.FreeFiles, d.TotalFiles}
		}),
		Uses: list(view.Uses, func(u observe.DiskUse) DiskUse { return DiskUse(u) }),
	})
}

var diskOperations = []openapi.Operation{{
	Route: "GET /api/v1/disk", Group: "Server", Summary: "See who takes the disk",
	Notes:  "For the owner. Images, caches, repositories and what replicas have written are told by app; the rest belongs to the server. It is measured at most once a minute.",
	Status: http.StatusOK, Answer: DiskAnswer{}, Errors: openapi.Codes{503: "disk_missing"},
}}
