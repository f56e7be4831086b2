package console

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// backupsPage is where backups go, and which there are; or the form that says so.
type backupsPage struct {
	Tab     string
	View    app.BackupsView
	Key     string // that an SFTP server must know; "" where none can be made
	Address string // as it was typed
	KeyID   string
}

func (c *Console) backupsPage(e echo.Context) (page backupsPage, err error) {
	ctx, actor := e.Request().Context(), request.Actor(e)
	page.Tab = "backups"
	if page.View, err = c.apps.Backups(ctx, actor); err != nil {
		return page, err
	}
	page.Address, page.KeyID = page.View.Address, page.View.KeyID
	if key, err := c.apps.BackupKey(ctx, actor); err == nil {
		page.Key = key
	}
	return page, nil
}

// ServerBackups answers GET /server/backups.
func (c *Console) ServerBackups(e echo.Context) error {
	page, err := c.backupsPage(e)
	if err != nil {
		return err
	}
	return c.show(e, http.StatusOK, "backups", frame{Title: "Backups", Nav: "server", Data: page})
}

// passwordPage shows the password of the backups, once.
type passwordPage struct{ Tab, Password, Address string }

// BackupsSet answers POST /server/backups/target.
func (c *Console) BackupsSet(e echo.Context) error {
	wish := app.BackupWish{
		Address: e.FormValue("address"), KeyID: e.FormValue("key_id"), Secret: e.FormValue("secret"), Password: e.FormValue("password"), NewHostKey: e.FormValue("new_host_key") != "",
	}
	made, err := c.apps.SetBackups(e.Request().Context(), request.Actor(e), wish)
	if err != nil {
		page, pageErr := c.backupsPage(e)
		if pageErr != nil {
			return pageErr
		}
		page.Address, page.KeyID = wish.Address, wish.KeyID
		return c.refuse(e, err, "backups", frame{Title: "Backups", Nav: "server", Data: page})
	}
	if made != "" {
		return c.show(e, http.StatusCreated, "backup-password", frame{Title: "Password of the backups", Nav: "server", Data: passwordPage{"backups", made, wish.Address}})
	}
	return e.Redirect(http.StatusSeeOther, "/server/backups?done=backups-on")
}

// BackupsOff answers POST /server/backups/off.
func (c *Console) BackupsOff(e echo.Context) error {
	return c.backupDone(e, c.apps.StopBackups(e.Request().Context(), request.Actor(e)), "backups-off")
}

// BackupCreate answers POST /server/backups.
func (c *Console) BackupCreate(e echo.Context) error {
	_, err := c.apps.CreateBackup(e.Request().Context(), request.Actor(e))
	return c.backupDone(e, err, "backup-asked")
}

// BackupRehearse answers POST /server/backups/:backup/rehearse.
func (c *Console) BackupRehearse(e echo.Context) error {
	return c.backupDone(e, c.apps.RehearseBackup(e.Request().Context(), request.Actor(e), e.Param("backup")), "backup-rehearsed")
}

// BackupRemove answers POST /server/backups/:backup/remove.
func (c *Console) BackupRemove(e echo.Context) error {
	return c.backupDone(e, c.apps.RemoveBackup(e.Request().Context(), request.Actor(e), e.Param("backup")), "removed")
}

func (c *Console) backupDone(e echo.Context, err error, notice string) error {
	if err == nil {
		return e.Redirect(http.StatusSeeOther, "/server/backups?done="+notice)
	}
	page, pageErr := c.backupsPage(e)
	if pageErr != nil {
		return pageErr
	}
	return c.refuse(e, err, "backups", frame{Title: "Backups", Nav: "server", Data: page})
}

// Trouble is what the newest attempt failed by; nil when it did not.
func (p backupsPage) Trouble() *app.BackupView {
	if len(p.View.Backups) == 0 || p.View.Backups[0].State != platform.BackupFailed {
		return nil
	}
	return &p.View.Backups[0]
}
