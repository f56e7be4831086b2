package console

import (
	"net/http"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// addressPage is the form of the server's address, and what the DNS says.
type addressPage struct {
	Tab     string
	Welcome bool // a step of the first run
	Now     app.AddressView
	Form    addressForm
	Check   *app.AddressView // of what the form wishes; nil: it was not asked for
	Anyway  bool             // the person may take it although it does not lead here
}

type addressForm struct{ Kind, Domain, IP, Email string }

func formOf(a app.AddressView) addressForm {
	f := addressForm{Kind: string(a.Kind), Domain: a.Domain, Email: a.Email}
	if a.IP.IsValid() && !a.IP.IsLoopback() {
		f.IP = a.IP.String()
	}
	return f
}

func readAddress(e echo.Context) addressForm {
	return addressForm{e.FormValue("kind"), e.FormValue("domain"), e.FormValue("ip"), e.FormValue("email")}
}

func (f addressForm) wish(now app.AddressView, anyway bool) platform.AddressWish {
	w := platform.AddressWish{Kind: platform.AddressKind(f.Kind), Domain: f.Domain, Email: &f.Email, Anyway: anyway}
	if f.IP != formOf(now).IP || now.Guessed {
		w.IP = f.IP
	}
	return w
}

// ServerAddress answers GET /server/address.
func (c *Console) ServerAddress(e echo.Context) error { return c.addressOf(e, false) }

// Welcome answers GET /welcome: the step of the first run that comes after the account.
func (c *Console) Welcome(e echo.Context) error { return c.addressOf(e, true) }

func (c *Console) addressOf(e echo.Context, welcome bool) error {
	now, err := c.apps.ServerAddress(e.Request().Context(), request.Actor(e))
	if err != nil {
		return err
	}
	page := addressPage{Tab: "address", Welcome: welcome, Now: now, Form: formOf(now)}
	if now.Kind == platform.AddressDomain {
		page.Check = &now
	}
	return c.show(e, http.StatusOK, "address", addressFrame(page))
}

func addressFrame(page addressPage) frame {
	if page.Welcome {
		return frame{Title: "This server's address", Bare: true, Data: page}
	}
	return frame{Title: "Address", Nav: "server", Data: page}
}

// AddressCheck answers POST /server/address/check: what the DNS says, and nothing is changed.
func (c *Console) AddressCheck(e echo.Context) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	now, err := c.apps.ServerFound(actor)
	if err != nil {
		return err
	}
	page := addressPage{Tab: "address", Welcome: e.FormValue("welcome") != "", Now: now, Form: readAddress(e)}
	check, err := c.apps.CheckAddress(ctx, actor, page.Form.wish(now, false))
	if err != nil {
		return c.refuse(e, err, "address", addressFrame(page))
	}
	page.Check, page.Anyway = &check, !check.Leads
	return c.show(e, http.StatusOK, "address", addressFrame(page))
}

// AddressSet answers POST /server/address.
func (c *Console) AddressSet(e echo.Context) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	now, err := c.apps.ServerFound(actor)
	if err != nil {
		return err
	}
	page := addressPage{Tab: "address", Welcome: e.FormValue("welcome") != "", Now: now, Form: readAddress(e)}
	view, err := c.apps.MoveServer(ctx, actor, page.Form.wish(now, e.FormValue("anyway") != ""))
	if err != nil {
		if view.Base != "" {
			page.Check, page.Anyway = &view, !view.Leads
		}
		return c.refuse(e, err, "address", addressFrame(page))
	}
	to := "/server/address?done=moved"
	if reflect.DeepEqual(view.ServerAddress, now.ServerAddress) {
		to = "/server/address?done=same"
	}
	if page.Welcome {
		to = "/welcome/done"
	}
	return e.Redirect(http.StatusSeeOther, to)
}

// AddressConfirm answers POST /server/address/confirm.
func (c *Console) AddressConfirm(e echo.Context) error {
	if err := c.apps.ConfirmAddress(e.Request().Context(), request.Actor(e)); err != nil {
		return err
	}
	return e.Redirect(http.StatusSeeOther, "/server/address?done=confirmed")
}

// WelcomeDone answers GET /welcome/done: the end of the first run.
func (c *Console) WelcomeDone(e echo.Context) error {
	now, err := c.apps.ServerFound(request.Actor(e))
	if err != nil {
		return err
	}
	return c.show(e, http.StatusOK, "welcome", frame{Title: "Your server is ready", Bare: true, Data: now})
}
