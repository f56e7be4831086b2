package console

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// sshFacts is what a person needs to know of git over SSH.
type sshFacts struct {
	Port        int    // 0 where there is none
	Fingerprint string // of the host key; "" while the door is not open
	Example     string // address of an app
}

func (c *Console) sshFacts(actor platform.Actor) sshFacts {
	return sshFacts{
		Port: c.apps.Addresses.SSHPort, Fingerprint: c.ssh(), Example: c.apps.Addresses.SSHURL("my-app", actor.Console),
	}
}

type keysPage struct {
	Keys []platform.SSHKey
	SSH  sshFacts
	Name string // as it was typed
}

// Keys answers GET /account/keys.
func (c *Console) Keys(e echo.Context) error { return c.keysWith(e, nil) }

func (c *Console) keysWith(e echo.Context, wrong error) error {
	actor := request.Actor(e)
	keys, err := c.accounts.SSHKeys(e.Request().Context(), actor)
	if err != nil {
		return err
	}
	return c.answerWith(e, "keys", frame{Title: "SSH keys", Data: keysPage{keys, c.sshFacts(actor), e.FormValue("name")}}, wrong)
}

// KeyAdd answers POST /account/keys.
func (c *Console) KeyAdd(e echo.Context) error {
	text := e.FormValue("key")
	_, err := c.accounts.AddSSHKey(e.Request().Context(), request.Actor(e), strings.TrimSpace(e.FormValue("name")), text)
	if err != nil {
		return c.keysWith(e, err)
	}
	return e.Redirect(http.StatusSeeOther, "/account/keys?done=key")
}

// KeyRemove answers POST /account/keys/:id/remove.
func (c *Console) KeyRemove(e echo.Context) error {
	if err := c.accounts.RemoveSSHKey(e.Request().Context(), request.Actor(e), e.Param("id")); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/account/keys?done=key-gone")
}
