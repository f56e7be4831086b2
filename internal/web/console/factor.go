package console

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform/account"
)

type factorPage struct {
	Security account.Security
	Wrong    string // which form was refused: "begin", "confirm", "off" or "codes"
}

// SecondFactor answers GET /account/second-factor.
func (c *Console) SecondFactor(e echo.Context) error { return c.factorWith(e, "", nil) }

func (c *Console) factorWith(e echo.Context, which string, wrong error) error {
	state, err := c.accounts.Security(e.Request().Context(), request.Actor(e))
	if err != nil {
		return err
	}
	return c.answerWith(e, "second-factor", frame{Title: "Second factor", Data: factorPage{state, which}}, wrong)
}

type invitationPage struct {
	Secret string // in groups of four
	Path   string // of the QR code's dark squares, as SVG
	Box    string // its view box, with the quiet edge
	Begun  bool   // only a code was wrong: the secret is not shown again
}

// SecondFactorBegin answers POST /account/second-factor: the only page that ever shows the secret.
func (c *Console) SecondFactorBegin(e echo.Context) error {
	invitation, err := c.accounts.BeginSecondFactor(e.Request().Context(), request.Actor(e), e.FormValue("password"))
	if err != nil {
		return c.factorWith(e, "begin", err)
	}
	page := invitationPage{Secret: inFours(invitation.Secret), Path: squares(invitation.QR), Box: fmt.Sprintf("-4 -4 %d %d", len(invitation.QR)+8, len(invitation.QR)+8)}
	return c.show(e, http.StatusOK, "invitation", frame{Title: "Set up the second factor", Nav: "account", Data: page})
}

// SecondFactorConfirm answers POST /account/second-factor/confirm: the page with the recovery codes.
func (c *Console) SecondFactorConfirm(e echo.Context) error {
	codes, session, err := c.accounts.ConfirmSecondFactor(e.Request().Context(), request.Actor(e), e.FormValue("code"))
	if err != nil {
		return c.refuse(e, err, "invitation", frame{Title: "Set up the second factor", Nav: "account", Data: invitationPage{Begun: true}})
	}
	request.KeepSession(e, session)
	return c.showCodes(e, codes, true)
}

// SecondFactorEnd answers POST /account/second-factor/off.
func (c *Console) SecondFactorEnd(e echo.Context) error {
	session, err := c.accounts.EndSecondFactor(e.Request().Context(), request.Actor(e), e.FormValue("password"), e.FormValue("code"))
	if err != nil {
		return c.factorWith(e, "off", err)
	}
	request.KeepSession(e, session)
	return e.Redirect(http.StatusSeeOther, "/account?done=factor-off")
}

// RecoveryCodes answers POST /account/recovery-codes.
func (c *Console) RecoveryCodes(e echo.Context) error {
	codes, err := c.accounts.NewRecoveryCodes(e.Request().Context(), request.Actor(e), e.FormValue("password"), e.FormValue("code"))
	if err != nil {
		return c.factorWith(e, "codes", err)
	}
	return c.showCodes(e, codes, false)
}

type codesPage struct {
	Text string
	On   bool // the second factor was just switched on
}

func (c *Console) showCodes(e echo.Context, codes []string, on bool) error {
	return c.show(e, http.StatusCreated, "recovery-codes", frame{Title: "Recovery codes", Nav: "account", Data: codesPage{strings.Join(codes, "\n"), on}})
}

func inFours(text string) string {
	var groups []string
	for len(text) > 4 {
		groups, text = append(groups, text[:4]), text[4:]
	}
	return strings.Join(append(groups, text), " ")
}

// squares draws rows of '1' and '0' as the path of an SVG: a bar for each run of dark squares.
func squares(rows []string) string {
	var path strings.Builder
	for y, row := range rows {
		for x := 0; x < len(row); x++ {
			start := x
			for x < len(row) && row[x] == '1' {
				x++
			}
			if n := x - start; n > 0 {
				_, _ = fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", start, y, n, n) // a builder never fails
			}
		}
	}
	return path.String()
}
