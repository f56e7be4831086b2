package console

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/observe"
)

// diskPage is who takes the disk, and what can go.
type diskPage struct {
	Tab       string
	Disks     []diskBar
	Uses      []observe.DiskUse // 1 MB and more
	Small     int               // others, and what they take together
	Rest      int64
	Leftovers []app.Leftover
	Bytes     int64 // of those
	Trouble   *platform.Error
}

// diskBar is one disk as a drawing.
type diskBar struct {
	observe.Disk
	Used    uint64
	Percent float64
}

// ServerDisk answers GET /server/disk.
func (c *Console) ServerDisk(e echo.Context) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	view, err := c.apps.Disk(ctx, actor)
	if err != nil {
		return err
	}
	page := diskPage{Tab: "disk"}
	for _, d := range view.Disks {
		bar := diskBar{Disk: d, Used: d.Total - min(d.Free, d.Total)}
		if d.Total > 0 {
			bar.Percent = float64(bar.Used) * 100 / float64(d.Total)
		}
		page.Disks = append(page.Disks, bar)
	}
	for _, u := range view.Uses {
		if u.Bytes < 1<<20 {
			page.Small, page.Rest = page.Small+1, page.Rest+u.Bytes
			continue
		}
		page.Uses = append(page.Uses, u)
	}
	if page.Leftovers, err = c.apps.Leftovers(ctx, actor); err != nil {
		page.Trouble = platform.AsError(err)
	}
	for _, l := range page.Leftovers {
		page.Bytes += l.Bytes
	}
	return c.show(e, http.StatusOK, "disk", frame{Title: "Disk", Nav: "server", Data: page})
}

// DiskClean answers POST /server/disk/clean: what was ticked goes.
func (c *Console) DiskClean(e echo.Context) error {
	form, err := e.FormParams()
	if err != nil {
		return err
	}
	ids := form["id"]
	if len(ids) == 0 {
		return e.Redirect(http.StatusSeeOther, "/server/disk?done=nothing-ticked")
	}
	done, err := c.apps.Clean(e.Request().Context(), request.Actor(e), ids)
	if err != nil {
		return err
	}
	notice := "cleaned"
	if len(done.Busy) > 0 {
		notice = "cleaned-some"
	}
	return e.Redirect(http.StatusSeeOther, "/server/disk?done="+notice)
}

type certificatesPage struct {
	Tab         string
	All         []platform.ServedCertificate
	Waiting     int // that shall come from the public authority, and do not
	Fingerprint string
}

// ServerCertificates answers GET /server/certificates.
func (c *Console) ServerCertificates(e echo.Context) error {
	ctx := e.Request().Context()
	all, err := c.apps.Certificates(ctx, request.Actor(e))
	if err != nil {
		return err
	}
	page := certificatesPage{Tab: "certificates", All: all, Fingerprint: readable(c.fingerprint(ctx))}
	for _, k := range all {
		if k.Wanted && !k.Public {
			page.Waiting++
		}
	}
	return c.show(e, http.StatusOK, "certificates", frame{Title: "Certificates", Nav: "server", Data: page})
}

type copiesPage struct {
	Tab    string
	Copies []copyRow
	Facts  app.ServerFacts
}

type copyRow struct {
	app.DatabaseCopy
	Reason string
}

// ServerCopies answers GET /server/copies.
func (c *Console) ServerCopies(e echo.Context) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	all, err := c.apps.DatabaseCopies(ctx, actor)
	if err != nil {
		return err
	}
	page := copiesPage{Tab: "copies"}
	if page.Facts, err = c.apps.ServerFacts(ctx, actor); err != nil {
		return err
	}
	for _, k := range all {
		page.Copies = append(page.Copies, copyRow{k, reason(k.Why)})
	}
	return c.show(e, http.StatusOK, "copies", frame{Title: "Copies", Nav: "server", Data: page})
}

// reason says why a copy was made.
func reason(why string) string {
	switch {
	case why == "daily":
		return "the copy of the day"
	case strings.HasPrefix(why, "before-0"):
		return "before an upgrade"
	case strings.HasPrefix(why, "before"):
		return "before a change"
	}
	return "by hand"
}

// CopyMake answers POST /server/copies.
func (c *Console) CopyMake(e echo.Context) error {
	if _, err := c.apps.CopyDatabase(e.Request().Context(), request.Actor(e)); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/server/copies?done=copied")
}

// ServerDiagnostics answers GET /server/diagnostics: a file.
func (c *Console) ServerDiagnostics(e echo.Context) error {
	return request.Diagnostics(e, c.apps.Diagnose)
}
