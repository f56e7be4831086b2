package console

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
)

type passkeysPage struct {
	Passkeys []platform.Passkey
	Host     string
	Cannot   *platform.Error // why none can be made here
	Code     bool            // a code of the second factor is needed
	Name     string          // as it was typed
}

// Passkeys answers GET /account/passkeys.
func (c *Console) Passkeys(e echo.Context) error { return c.passkeysWith(e, nil) }

func (c *Console) passkeysWith(e echo.Context, wrong error) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	keys, err := c.accounts.PasskeyList(ctx, actor)
	if err != nil {
		return err
	}
	state, err := c.accounts.Security(ctx, actor)
	if err != nil {
		return err
	}
	page := passkeysPage{Passkeys: keys, Code: state.On, Name: e.FormValue("name")}
	site, err := account.SiteOf(e.Request().Host)
	if page.Host = site.Host; err != nil {
		page.Cannot = platform.AsError(err)
	}
	return c.answerWith(e, "passkeys", frame{Title: "Passkeys", Data: page}, wrong)
}

// PasskeyBegin answers POST /account/passkeys/begin, which the page's script asks.
func (c *Console) PasskeyBegin(e echo.Context) error {
	site, err := account.SiteOf(e.Request().Host)
	if err != nil {
		return toScript(e, account.PasskeyOffer{}, err)
	}
	offer, err := c.accounts.BeginPasskey(e.Request().Context(), request.Actor(e), site, e.FormValue("name"), e.FormValue("password"), e.FormValue("code"))
	return toScript(e, offer, err)
}

// PasskeyAdd answers POST /account/passkeys with what the device made.
func (c *Console) PasskeyAdd(e echo.Context) error {
	_, err := c.accounts.AddPasskey(e.Request().Context(), request.Actor(e), e.FormValue("id"), []byte(e.FormValue("answer")))
	if err != nil {
		return c.passkeysWith(e, err)
	}
	return e.Redirect(http.StatusSeeOther, "/account/passkeys?done=passkey")
}

// PasskeyRemove answers POST /account/passkeys/:id/remove.
func (c *Console) PasskeyRemove(e echo.Context) error {
	session, err := c.accounts.RemovePasskey(e.Request().Context(), request.Actor(e), e.Param("id"))
	if err != nil {
		return err
	}
	request.KeepSession(e, session)
	return e.Redirect(http.StatusSeeOther, "/account/passkeys?done=passkey-gone")
}

// LoginPasskeyBegin answers POST /login/passkey/begin, which the sign-in page's script asks.
func (c *Console) LoginPasskeyBegin(e echo.Context) error {
	site, err := account.SiteOf(e.Request().Host)
	if err != nil {
		return toScript(e, account.PasskeyOffer{}, err)
	}
	offer, err := c.accounts.AskPasskey(site, request.Source(e))
	return toScript(e, offer, err)
}

// LoginPasskey answers POST /login/passkey with what the device signed.
func (c *Console) LoginPasskey(e echo.Context) error {
	form := loginForm{Next: safeNext(e.FormValue("next"))}
	session, err := c.accounts.EnterPasskey(e.Request().Context(), e.FormValue("id"), []byte(e.FormValue("answer")), request.Source(e), request.UserAgent(e))
	if err != nil {
		return c.refuseLogin(e, err, form)
	}
	return signedIn(e, session, form.Next)
}

// toScript tells a script what the browser's own dialogue needs, or what was wrong.
func toScript(e echo.Context, offer account.PasskeyOffer, err error) error {
	if err != nil {
		status, wrong := request.Explain(err)
		if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
			return err
		}
		return request.WriteProblem(e, status, wrong)
	}
	return e.JSON(http.StatusOK, struct {
		ID      string          `json:"id"`
		Options json.RawMessage `json:"options"`
	}{offer.ID, offer.Options})
}
