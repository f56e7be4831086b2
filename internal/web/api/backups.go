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

// Backup is a copy of the whole server that has left it.
type Backup struct {
	ID          string               `json:"id"`
	State       platform.BackupState `json:"state"`
	Automatic   bool                 `json:"automatic" doc:"made by the server once a day; it goes when its time is over"`
	Bytes       int64                `json:"bytes" doc:"of all in it but images; what several backups hold is stored once"`
	Apps        []string             `json:"apps" doc:"that are in it, by name"`
	Gaps        string               `json:"gaps" doc:"what is older in it than it should be; empty for nothing"`
	Progress    string               `json:"progress" doc:"what is being done for it; empty when nothing is"`
	Failure     string               `json:"failure" doc:"why it could not be made"`
	Hint        string               `json:"hint" doc:"what to do about that"`
	Proven      bool                 `json:"proven" doc:"a trial has restored it and found nothing wrong"`
	RehearsedAt *time.Time           `json:"rehearsed_at" doc:"of the last trial; null: there was none"`
	Proof       string               `json:"proof" doc:"what the trial did"`
	Fault       string               `json:"fault" doc:"what the trial found wrong; empty for nothing"`
	CreatedAt   time.Time            `json:"created_at"`
	CreatedBy   string               `json:"created_by"`
	EndedAt     *time.Time           `json:"ended_at"`
}

// BackupsAnswer is where backups go, and which there are.
type BackupsAnswer struct {
	Address string   `json:"address" doc:"where backups go; empty for nowhere"`
	KeyID   string   `json:"key_id" doc:"of the access key for S3"`
	Backups []Backup `json:"backups" doc:"the newest first"`
}

// BackupAnswer is one backup.
type BackupAnswer struct {
	Backup Backup `json:"backup"`
}

func backupBody(v app.BackupView) Backup {
	body := Backup{
		ID: v.ID, State: v.State, Automatic: v.Automatic, Bytes: v.Bytes, Apps: []string{}, Gaps: v.Gaps, Progress: v.Progress, Failure: v.FailureText, Hint: v.FailureHint,
		Proven: v.Proven(), RehearsedAt: v.RehearsedAt, Proof: v.Proof, Fault: v.Fault, CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy, EndedAt: v.EndedAt,
	}
	for _, a := range v.Apps {
		body.Apps = append(body.Apps, a.Name)
	}
	return body
}

// BackupsList answers GET /backups.
func (a *API) BackupsList(c echo.Context) error {
	view, err := a.Apps.Backups(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, BackupsAnswer{view.Address, view.KeyID, list(view.Backups, backupBody)})
}

// BackupsSetBody is what PUT /backups/target takes.
type BackupsSetBody struct {
	Address    string `json:"address" doc:"/mnt/disk/backups, sftp://USER@HOST/DIRECTORY, s3://BUCKET/DIRECTORY or s3:https://ENDPOINT/BUCKET/DIRECTORY" example:"sftp://backup@nas.example.com/lugsail"`
	KeyID      string `json:"key_id" doc:"of an access key for S3; empty keeps the one of the same address"`
	Secret     string `json:"secret" doc:"of that key"`
	Password   string `json:"password" doc:"of the backups; empty keeps the one of the same address, or makes one"`
	NewHostKey bool   `json:"new_host_key" doc:"an SFTP server may show another host key than the first time"`
}

// BackupsSetAnswer tells the password that was made.
type BackupsSetAnswer struct {
	Password string `json:"password" doc:"that was made, and is told this once; empty when none was"`
}

// BackupsSet answers PUT /backups/target.
func (a *API) BackupsSet(c echo.Context) error {
	var body BackupsSetBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	made, err := a.Apps.SetBackups(c.Request().Context(), request.Actor(c), app.BackupWish(body))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, BackupsSetAnswer{made})
}

// BackupsOff answers DELETE /backups/target.
func (a *API) BackupsOff(c echo.Context) error {
	if err := a.Apps.StopBackups(c.Request().Context(), request.Actor(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// BackupKeyAnswer is the key that an SFTP server must know.
type BackupKeyAnswer struct {
	Key string `json:"key" doc:"a line for ~/.ssh/authorized_keys there"`
}

// BackupKey answers GET /backups/key.
func (a *API) BackupKey(c echo.Context) error {
	key, err := a.Apps.BackupKey(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, BackupKeyAnswer{key})
}

// BackupCreate answers POST /backups.
func (a *API) BackupCreate(c echo.Context) error {
	made, err := a.Apps.CreateBackup(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, BackupAnswer{backupBody(made)})
}

// BackupRemove answers DELETE /backups/:backup.
func (a *API) BackupRemove(c echo.Context) error {
	if err := a.Apps.RemoveBackup(c.Request().Context(), request.Actor(c), c.Param("backup")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// BackupRehearse answers POST /backups/:backup/rehearse.
func (a *API) BackupRehearse(c echo.Context) error {
	if err := a.Apps.RehearseBackup(c.Request().Context(), request.Actor(c), c.Param("backup")); err != nil {
		return err
	}
	return c.NoContent(http.StatusAccepted)
}

var backupOperations = []openapi.Operation{
	{Route: "GET /api/v1/backups", Group: "Backups", Summary: "See where backups go, and which there are", Notes: "For the owner.", Status: http.StatusOK, Answer: BackupsAnswer{}, Errors: openapi.Codes{503: "backup_target_unreadable"}},
	{
		Route: "PUT /api/v1/backups/target", Group: "Backups", Summary: "Say where backups go",
		Notes: "For the owner. The place is opened, or made. One backup a day is made from then on, and one a week is restored for a trial. Rows of another place are forgotten; their backups stay there.",
		Body:  BackupsSetBody{}, Status: http.StatusOK, Answer: BackupsSetAnswer{},
		Errors: openapi.Codes{
			409: "backup_making backup_password_wrong", 422: "backup_address_invalid backup_password_invalid backup_key_missing",
			503: "backup_denied backup_refused backup_clock backup_session backup_unreachable backup_host_changed backup_repository_missing backup_password_wrong restic_missing ssh_missing", 507: "backup_full",
		},
	},
	{Route: "DELETE /api/v1/backups/target", Group: "Backups", Summary: "Make no more backups", Notes: "For the owner. Those that there are stay where they are.", Status: http.StatusNoContent, Errors: openapi.Codes{409: "backup_target_missing"}},
	{Route: "GET /api/v1/backups/key", Group: "Backups", Summary: "See the key by which this server logs in by SFTP", Notes: "For the owner. The public half.", Status: http.StatusOK, Answer: BackupKeyAnswer{}, Errors: openapi.Codes{503: "ssh_missing"}},
	{Route: "POST /api/v1/backups", Group: "Backups", Summary: "Make a backup now", Notes: "For the owner. It is made in the background, and stays until it is removed.", Status: http.StatusAccepted, Answer: BackupAnswer{}, Errors: openapi.Codes{409: "backup_target_missing backup_making"}},
	{Route: "DELETE /api/v1/backups/:backup", Group: "Backups", Summary: "Remove a backup for good", Notes: "For the owner.", Status: http.StatusNoContent, Errors: openapi.Codes{404: "backup_not_found", 409: "backup_making backup_in_use", 503: "backup_busy backup_unreachable backup_denied"}},
	{Route: "POST /api/v1/backups/:backup/rehearse", Group: "Backups", Summary: "Restore a backup for a trial", Notes: "For the owner. It is restored into a place of its own in the background, apps are let run there without a way out, and all of it is thrown away; rehearsed_at, proof and fault tell what came of it.", Status: http.StatusAccepted, Errors: openapi.Codes{404: "backup_not_found", 409: "backup_making backup_not_ready"}},
}
