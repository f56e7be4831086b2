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

// Machine is what the server says of itself to its owner.
type Machine struct {
	Version     string     `json:"version"`
	Program     string     `json:"program" doc:"where the program lies"`
	InstalledAt *time.Time `json:"installed_at" doc:"null when that is not known"`
	StartedAt   time.Time  `json:"started_at" doc:"the control plane"`
	Previous    bool       `json:"previous" doc:"the program before lies beside it, with .previous behind its name"`
	System      string     `json:"system"`
	Kernel      string     `json:"kernel"`
	Docker      string     `json:"docker" doc:"its version; empty when it does not answer"`
	Database    string     `json:"database"`
}

// MachineAnswer is that.
type MachineAnswer struct {
	Machine Machine `json:"machine"`
}

// Certificate is what visitors of a name are shown.
type Certificate struct {
	Host    string     `json:"host"`
	App     string     `json:"app" doc:"empty for the console"`
	Wanted  bool       `json:"wanted" doc:"it shall come from the public authority"`
	Public  bool       `json:"public" doc:"and does; else the server's own authority's is shown"`
	Issuer  string     `json:"issuer"`
	Since   *time.Time `json:"since" doc:"null: none was made yet, which happens at the first visit"`
	Until   *time.Time `json:"until"`
	Renewal *time.Time `json:"renewal"`
	Trouble string     `json:"trouble" doc:"of the last order; empty when that went well"`
}

// CertificatesAnswer is the list of them.
type CertificatesAnswer struct {
	Certificates []Certificate `json:"certificates"`
}

// Copy is a copy of Lugsail's own database.
type Copy struct {
	Path  string    `json:"path"`
	At    time.Time `json:"at"`
	Why   string    `json:"why"`
	Bytes int64     `json:"bytes"`
}

// CopiesAnswer is the list of them, newest first.
type CopiesAnswer struct {
	Copies []Copy `json:"copies"`
}

// CopyAnswer is one that was made.
type CopyAnswer struct {
	Copy Copy `json:"copy"`
}

// Leftover is something that can be removed without harm.
type Leftover struct {
	ID    string `json:"id"`
	Kind  string `json:"kind" doc:"cache, images or orphan"`
	App   string `json:"app" doc:"empty for an orphan"`
	Bytes int64  `json:"bytes"`
	Text  string `json:"text"`
}

// LeftoversAnswer is the list of them, the largest first.
type LeftoversAnswer struct {
	Leftovers []Leftover `json:"leftovers"`
	Bytes     int64      `json:"bytes" doc:"of all"`
}

// CleanBody says what to remove.
type CleanBody struct {
	IDs []string `json:"ids" doc:"of leftovers; all when left out"`
}

// CleanedAnswer is what was removed.
type CleanedAnswer struct {
	Removed []Leftover `json:"removed"`
	Busy    []Leftover `json:"busy" doc:"in use just now, and left"`
	Bytes   int64      `json:"bytes" doc:"of what was removed"`
}

func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func leftoverBody(l app.Leftover) Leftover {
	return Leftover{l.ID, string(l.Kind), l.App, l.Bytes, l.Text}
}

// MachineGet answers GET /server/machine.
func (a *API) MachineGet(c echo.Context) error {
	f, err := a.Apps.ServerFacts(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, MachineAnswer{Machine{
		f.Version, f.Program, maybe(f.InstalledAt), f.StartedAt, f.Previous, f.System, f.Kernel, f.Engine, f.Database,
	}})
}

// CertificatesList answers GET /certificates.
func (a *API) CertificatesList(c echo.Context) error {
	all, err := a.Apps.Certificates(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, CertificatesAnswer{list(all, func(k platform.ServedCertificate) Certificate {
		return Certificate{k.Host, k.App, k.Wanted, k.Public, k.Issuer, maybe(k.Since), maybe(k.Until), maybe(k.Renewal), k.Trouble}
	})})
}

// CopiesList answers GET /copies.
func (a *API) CopiesList(c echo.Context) error {
	all, err := a.Apps.DatabaseCopies(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, CopiesAnswer{list(all, func(k app.DatabaseCopy) Copy { return Copy(k) })})
}

// CopyMake answers POST /copies.
func (a *API) CopyMake(c echo.Context) error {
	made, err := a.Apps.CopyDatabase(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, CopyAnswer{Copy(made)})
}

// LeftoversList answers GET /disk/leftovers.
func (a *API) LeftoversList(c echo.Context) error {
	all, err := a.Apps.Leftovers(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	answer := LeftoversAnswer{Leftovers: list(all, leftoverBody)}
	for _, l := range all {
		answer.Bytes += l.Bytes
	}
	return c.JSON(http.StatusOK, answer)
}

// DiskClean answers POST /disk/clean.
func (a *API) DiskClean(c echo.Context) error {
	var body CleanBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	done, err := a.Apps.Clean(c.Request().Context(), request.Actor(c), body.IDs)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, CleanedAnswer{list(done.Removed, leftoverBody), list(done.Busy, leftoverBody), done.Bytes})
}

// Diagnostics answers GET /diagnostics.
func (a *API) Diagnostics(c echo.Context) error { return request.Diagnostics(c, a.Apps.Diagnose) }

var machineOperations = []openapi.Operation{
	{
		Route: "GET /api/v1/server/machine", Group: "Server", Summary: "Show versions and states of the machine", Notes: "For the owner.",
		Status: http.StatusOK, Answer: MachineAnswer{}, Errors: openapi.Codes{503: "machine_missing"},
	},
	{
		Route: "GET /api/v1/certificates", Group: "Server", Summary: "List the certificates of all names", Notes: "For the owner.",
		Status: http.StatusOK, Answer: CertificatesAnswer{}, Errors: openapi.Codes{503: "machine_missing proxy_unavailable"},
	},
	{
		Route: "GET /api/v1/copies", Group: "Server", Summary: "List the copies of Lugsail's own database", Notes: "For the owner. They lie on the server; `lugsail db restore` there puts one back.",
		Status: http.StatusOK, Answer: CopiesAnswer{}, Errors: openapi.Codes{503: "machine_missing"},
	},
	{
		Route: "POST /api/v1/copies", Group: "Server", Summary: "Copy Lugsail's own database now", Notes: "For the owner.",
		Status: http.StatusCreated, Answer: CopyAnswer{}, Errors: openapi.Codes{503: "machine_missing"},
	},
	{
		Route: "GET /api/v1/disk/leftovers", Group: "Server", Summary: "See what a clean-up would remove",
		Notes:  "For the owner. It is what Lugsail made and nobody uses; what belongs to others, or is in the trash, is never in it.",
		Status: http.StatusOK, Answer: LeftoversAnswer{}, Errors: openapi.Codes{503: "disk_missing"},
	},
	{
		Route: "POST /api/v1/disk/clean", Group: "Server", Summary: "Remove what nobody uses", Notes: "For the owner.",
		Body: CleanBody{}, Status: http.StatusOK, Answer: CleanedAnswer{}, Errors: openapi.Codes{503: "disk_missing"},
	},
	{
		Route: "GET /api/v1/diagnostics", Group: "Server", Summary: "Download what helps to find out what is wrong",
		Notes:  "For the owner. An archive (tar, gzip) of versions, findings, settings without secrets, states and last log lines of Lugsail's own processes.",
		Status: http.StatusOK, Type: "application/gzip", Errors: openapi.Codes{503: "machine_missing doctor_missing"},
	},
}
