package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// SecondFactor is how an account is guarded beside its password.
type SecondFactor struct {
	On                bool       `json:"on"`
	Since             *time.Time `json:"since"`
	RecoveryCodesLeft int        `json:"recovery_codes_left"`
	Passkeys          int        `json:"passkeys" doc:"how many there are; see GET /api/v1/passkeys"`
}

// SecondFactorGet answers GET /second-factor.
func (a *API) SecondFactorGet(c echo.Context) error {
	state, err := a.Accounts.Security(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	body := SecondFactor{On: state.On, RecoveryCodesLeft: state.CodesLeft, Passkeys: state.PasskeysAll}
	if state.On {
		body.Since = &state.Since
	}
	return c.JSON(http.StatusOK, SecondFactorAnswer{body})
}

// SecondFactorBeginBody is what POST /second-factor takes.
type SecondFactorBeginBody struct {
	Password string `json:"password" doc:"of the account, once more" example:"a long sentence"`
}

// SecondFactorBegin answers POST /second-factor.
func (a *API) SecondFactorBegin(c echo.Context) error {
	var body SecondFactorBeginBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	invitation, err := a.Accounts.BeginSecondFactor(c.Request().Context(), request.Actor(c), body.Password)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, InvitationAnswer{Secret: invitation.Secret, URL: invitation.URL, QR: invitation.QR})
}

// SecondFactorConfirmBody is what POST /second-factor/confirm takes.
type SecondFactorConfirmBody struct {
	Code string `json:"code" doc:"that the phone shows" example:"123456"`
}

// SecondFactorConfirm answers POST /second-factor/confirm.
func (a *API) SecondFactorConfirm(c echo.Context) error {
	var body SecondFactorConfirmBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	codes, session, err := a.Accounts.ConfirmSecondFactor(c.Request().Context(), request.Actor(c), body.Code)
	if err != nil {
		return err
	}
	return renewed(c, session, http.StatusCreated, RecoveryCodesAnswer{codes})
}

// ProofBody proves the person once more, before something that a stolen token alone must not do.
type ProofBody struct {
	Password string `json:"password" example:"a long sentence"`
	Code     string `json:"code" doc:"of the second factor, or a recovery code" example:"123456"`
}

// SecondFactorEnd answers POST /second-factor/off.
func (a *API) SecondFactorEnd(c echo.Context) error {
	var body ProofBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	session, err := a.Accounts.EndSecondFactor(c.Request().Context(), request.Actor(c), body.Password, body.Code)
	if err != nil {
		return err
	}
	return renewed(c, session, http.StatusNoContent, nil)
}

// RecoveryCodesMake answers POST /recovery-codes.
func (a *API) RecoveryCodesMake(c echo.Context) error {
	var body ProofBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	codes, err := a.Accounts.NewRecoveryCodes(c.Request().Context(), request.Actor(c), body.Password, body.Code)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, RecoveryCodesAnswer{codes})
}

// renewed answers after a change that ended all sessions; a browser gets its new one.
func renewed(c echo.Context, session string, status int, body any) error {
	if session != "" {
		request.KeepSession(c, session)
	}
	if body == nil {
		return c.NoContent(status)
	}
	return c.JSON(status, body)
}

// Passkey is a passkey of an account.
type Passkey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Host       string     `json:"host" doc:"of the console where it was made; it works there"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// PasskeysList answers GET /passkeys: one's own.
func (a *API) PasskeysList(c echo.Context) error {
	all, err := a.Accounts.PasskeyList(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, PasskeysAnswer{list(all, func(k platform.Passkey) Passkey {
		return Passkey{ID: k.ID, Name: k.Name, Host: k.Host, CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt}
	})})
}

// PasskeyRemove answers DELETE /passkeys/:id.
func (a *API) PasskeyRemove(c echo.Context) error {
	session, err := a.Accounts.RemovePasskey(c.Request().Context(), request.Actor(c), c.Param("id"))
	if err != nil {
		return err
	}
	return renewed(c, session, http.StatusNoContent, nil)
}

// Session is a signed-in browser.
type Session struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current" doc:"this one asks"`
	Source     string    `json:"source" doc:"IP address at sign-in"`
	UserAgent  string    `json:"user_agent"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
}

// SessionsList answers GET /sessions: one's own.
func (a *API) SessionsList(c echo.Context) error {
	actor := request.Actor(c)
	all, err := a.Accounts.Sessions(c.Request().Context(), actor)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, SessionsAnswer{list(all, func(s platform.Session) Session {
		return Session{ID: s.ID, Current: s.ID == actor.SessionID, Source: s.Source, UserAgent: s.UserAgent, CreatedAt: s.CreatedAt, LastSeenAt: s.LastSeenAt}
	})})
}

// SessionEnd answers DELETE /sessions/:id.
func (a *API) SessionEnd(c echo.Context) error {
	if err := a.Accounts.RevokeSession(c.Request().Context(), request.Actor(c), c.Param("id")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// SessionsEnd answers DELETE /sessions: all but the one that asks.
func (a *API) SessionsEnd(c echo.Context) error {
	ended, err := a.Accounts.RevokeOtherSessions(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, EndedAnswer{ended})
}

// The bodies of these answers.
type (
	SecondFactorAnswer struct {
		SecondFactor SecondFactor `json:"second_factor"`
	}
	InvitationAnswer struct {
		Secret string   `json:"secret" doc:"to be typed into the app on the phone; shown this once"`
		URL    string   `json:"url" doc:"the same as an otpauth address"`
		QR     []string `json:"qr" doc:"the address as a QR code, row by row; 1 is a dark square"`
	}
	RecoveryCodesAnswer struct {
		RecoveryCodes []string `json:"recovery_codes" doc:"shown this once; each works once"`
	}
	PasskeysAnswer struct {
		Passkeys []Passkey `json:"passkeys"`
	}
	SessionsAnswer struct {
		Sessions []Session `json:"sessions"`
	}
	EndedAnswer struct {
		Ended int `json:"ended" doc:"how many there were"`
	}
)

const proofCodes = "wrong_password second_factor_needed second_factor_wrong"

var securityOperations = []openapi.Operation{
	{Route: "GET /api/v1/second-factor", Group: "Security", Summary: "Show how your account is guarded", Status: http.StatusOK, Answer: SecondFactorAnswer{}},
	{
		Route: "POST /api/v1/second-factor", Group: "Security", Summary: "Begin a second factor",
		Notes: "Makes a secret for an app on your phone that shows codes. Nobody is asked for codes until a first one was confirmed, within 15 minutes.",
		Body:  SecondFactorBeginBody{}, Status: http.StatusCreated, Answer: InvitationAnswer{},
		Errors: openapi.Codes{401: "wrong_password", 409: "second_factor_on", 429: "too_many_tries"},
	},
	{
		Route: "POST /api/v1/second-factor/confirm", Group: "Security", Summary: "Switch the second factor on",
		Notes: "From then on, signing in needs a code. Gives ten recovery codes for the day when the phone is lost. All browsers are signed out but the one that asks; tokens go on.",
		Body:  SecondFactorConfirmBody{}, Status: http.StatusCreated, Answer: RecoveryCodesAnswer{},
		Errors: openapi.Codes{401: "second_factor_wrong", 409: "second_factor_not_begun", 429: "too_many_tries"},
	},
	{
		Route: "POST /api/v1/second-factor/off", Group: "Security", Summary: "Switch the second factor off",
		Notes: "All browsers are signed out but the one that asks.", Body: ProofBody{}, Status: http.StatusNoContent,
		Errors: openapi.Codes{401: proofCodes, 409: "second_factor_off", 429: "too_many_tries"},
	},
	{
		Route: "POST /api/v1/recovery-codes", Group: "Security", Summary: "Make new recovery codes", Notes: "The older ones work no more.",
		Body: ProofBody{}, Status: http.StatusCreated, Answer: RecoveryCodesAnswer{},
		Errors: openapi.Codes{401: proofCodes, 409: "second_factor_off", 429: "too_many_tries"},
	},
	{
		Route: "GET /api/v1/passkeys", Group: "Security", Summary: "List your passkeys", Notes: "They are made in the console, by a browser.",
		Status: http.StatusOK, Answer: PasskeysAnswer{},
	},
	{
		Route: "DELETE /api/v1/passkeys/:id", Group: "Security", Summary: "Remove a passkey", Notes: "All browsers are signed out but the one that asks.",
		Status: http.StatusNoContent, Errors: openapi.Codes{404: "passkey_not_found"},
	},
	{Route: "GET /api/v1/sessions", Group: "Security", Summary: "List the browsers that are signed in", Status: http.StatusOK, Answer: SessionsAnswer{}},
	{
		Route: "DELETE /api/v1/sessions/:id", Group: "Security", Summary: "Sign a browser out", Notes: "What it has open ends within 5 seconds.",
		Status: http.StatusNoContent, Errors: openapi.Codes{404: "session_not_found"},
	},
	{Route: "DELETE /api/v1/sessions", Group: "Security", Summary: "Sign all other browsers out", Status: http.StatusOK, Answer: EndedAnswer{}},
}
