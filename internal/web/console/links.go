package console

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
)

// linkForm is what the two pages behind a one-time link show.
type linkForm struct {
	Action string
	Email  string
	Open   bool // the link works, so the form is shown
	Phone  bool // there is a second factor or a passkey, which may be lost, too
	Alone  bool // as it was chosen
}

// Setup answers GET /setup/:token. Looking does not use the link up.
func (c *Console) Setup(e echo.Context) error {
	return c.link(e, "setup", frame{Title: "Set up this server"})
}

// Recover answers GET /recover/:token.
func (c *Console) Recover(e echo.Context) error {
	return c.link(e, "recover", frame{Title: "Set a new password"})
}

func (c *Console) link(e echo.Context, purpose string, f frame) error {
	token := e.Param("token")
	email, err := c.accounts.CheckLink(e.Request().Context(), token, purpose, request.Source(e))
	if err != nil {
		f.Data = linkForm{}
		return c.refuse(e, err, purpose, f)
	}
	form := linkForm{Action: "/" + purpose + "/" + token, Email: email, Open: true}
	if purpose == account.PurposeRecover {
		form.Phone = c.losable(e, token)
	}
	f.Data = form
	return c.show(e, http.StatusOK, purpose, f)
}

// losable reports whether somebody may have lost more than the password.
func (c *Console) losable(e echo.Context, token string) bool {
	state, err := c.accounts.LinkSecurity(e.Request().Context(), token, request.Source(e))
	return err == nil && (state.On || state.PasskeysAll > 0)
}

// SetupClaim answers POST /setup/:token: the first account, signed in.
func (c *Console) SetupClaim(e echo.Context) error {
	email, password := e.FormValue("email"), e.FormValue("password")
	err := samePassword(password, e.FormValue("again"))
	var in account.SignIn
	if err == nil {
		in.Session, err = c.accounts.Claim(e.Request().Context(), e.Param("token"), email, password, request.Source(e), request.UserAgent(e))
	}
	return c.enter(e, err, in, "setup", "/welcome", frame{Title: "Set up this server", Data: linkForm{Email: email}})
}

// RecoverSet answers POST /recover/:token: a new password, signed in.
func (c *Console) RecoverSet(e echo.Context) error {
	password, alone := e.FormValue("password"), e.FormValue("alone") != ""
	err := samePassword(password, e.FormValue("again"))
	var in account.SignIn
	if err == nil {
		in, err = c.accounts.Recover(e.Request().Context(), e.Param("token"), password, alone, request.Source(e), request.UserAgent(e))
	}
	return c.enter(e, err, in, "recover", "/account?done=recovered", frame{Title: "Set a new password", Data: linkForm{Alone: alone}})
}

// enter signs in and leads to next, or shows the form again as long as the link still works.
func (c *Console) enter(e echo.Context, err error, in account.SignIn, purpose, next string, f frame) error {
	if err == nil {
		return enter(e, in, next)
	}
	form := f.Data.(linkForm)
	email, linkErr := c.accounts.CheckLink(e.Request().Context(), e.Param("token"), purpose, request.Source(e))
	if purpose == "recover" {
		form.Email = email
	}
	form.Open = linkErr == nil
	form.Phone = purpose == account.PurposeRecover && form.Open && c.losable(e, e.Param("token"))
	form.Action = "/" + purpose + "/" + e.Param("token")
	f.Data = form
	return c.refuse(e, err, purpose, f)
}

func samePassword(password, again string) error {
	if password == again {
		return nil
	}
	return platform.Errorf(platform.Invalid, "passwords_differ", "The two passwords differ.").
		WithHint("Type the same password twice.")
}
