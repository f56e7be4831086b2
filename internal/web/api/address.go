package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// ServerAddress is where the server is found.
type ServerAddress struct {
	Kind       platform.AddressKind `json:"kind"`
	Base       string               `json:"base" doc:"the console is console.BASE, an app NAME.BASE"`
	ConsoleURL string               `json:"console_url"`
	IP         string               `json:"ip" doc:"that visitors reach the server at; empty when it is not known"`
	IPGuessed  bool                 `json:"ip_guessed" doc:"nobody has named it, and it may be another one"`
	ReadyBase  string               `json:"ready_base" doc:"what the base would be with kind ready"`
	ACMEEmail  string               `json:"acme_email"`
	PublicCA   bool                 `json:"public_ca" doc:"certificates come from a public authority, so that browsers do not warn"`
	Former     []string             `json:"former" doc:"URLs at which the console answers as well until the address is confirmed"`
	Names      []AddressName        `json:"names" doc:"what the DNS says, for a domain"`
	Records    []AddressRecord      `json:"records" doc:"what to enter at the domain's provider"`
	LeadsHere  bool                 `json:"leads_here" doc:"every name that is needed leads here"`
}

// AddressName is what the DNS says of a name.
type AddressName struct {
	Host     string `json:"host"`
	State    string `json:"state" doc:"here, elsewhere, nowhere or unknown"`
	Needed   bool   `json:"needed"`
	Sentence string `json:"sentence"`
}

// AddressRecord is a record of the DNS.
type AddressRecord struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Value   string `json:"value" doc:"empty when the server does not know its public address"`
	Instead bool   `json:"instead" doc:"in the place of the others"`
	Means   string `json:"means"`
}

// AddressAnswer is an address.
type AddressAnswer struct {
	Address ServerAddress `json:"address"`
}

// AddressBody is the wish for an address.
type AddressBody struct {
	Kind      platform.AddressKind `json:"kind" openapi:"required" doc:"domain: below a domain of your own. ready: below a name made of the IP address. local: on the machine itself alone"`
	Domain    string               `json:"domain" doc:"for the kind domain" example:"apps.example.com"`
	IP        string               `json:"ip" doc:"for the kind ready; left out it stays as it is" example:"203.0.113.7"`
	ACMEEmail *string              `json:"acme_email" doc:"for the kind domain; left out it stays as it is" example:"ada@example.com"`
	Anyway    bool                 `json:"anyway" doc:"also when the domain does not lead here yet"`
}

func (b AddressBody) wish() platform.AddressWish {
	return platform.AddressWish{Kind: b.Kind, Domain: b.Domain, IP: b.IP, Email: b.ACMEEmail, Anyway: b.Anyway}
}

func addressBody(v app.AddressView) AddressAnswer {
	a := ServerAddress{
		Kind: v.Kind, Base: v.Base, ConsoleURL: v.Console, IPGuessed: v.Guessed, ReadyBase: v.Ready, ACMEEmail: v.Email, PublicCA: v.Public,
		Former: append([]string{}, v.Former...), LeadsHere: v.Leads,
		Names:   list(v.Names, func(n app.NameCheck) AddressName { return AddressName{n.Host, string(n.State), n.Needed, n.Sentence} }),
		Records: list(v.Records, func(r app.DNSRecord) AddressRecord { return AddressRecord(r) }),
	}
	if v.IP.IsValid() {
		a.IP = v.IP.String()
	}
	return AddressAnswer{a}
}

// AddressGet answers GET /server/address.
func (a *API) AddressGet(c echo.Context) error {
	view, err := a.Apps.ServerAddress(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, addressBody(view))
}

// AddressCheck answers POST /server/address/check.
func (a *API) AddressCheck(c echo.Context) error {
	var body AddressBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	view, err := a.Apps.CheckAddress(c.Request().Context(), request.Actor(c), body.wish())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, addressBody(view))
}

// AddressSet answers PUT /server/address.
func (a *API) AddressSet(c echo.Context) error {
	var body AddressBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	view, err := a.Apps.MoveServer(c.Request().Context(), request.Actor(c), body.wish())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, addressBody(view))
}

// AddressConfirm answers POST /server/address/confirm.
func (a *API) AddressConfirm(c echo.Context) error {
	if err := a.Apps.ConfirmAddress(c.Request().Context(), request.Actor(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

var addressErrors = openapi.Codes{
	409: "setting_fixed settings_form", 422: "address_invalid address_kind email_invalid config_former_domains", 503: "settings_missing",
}

var addressOperations = []openapi.Operation{
	{
		Route: "GET /api/v1/server/address", Group: "Server", Summary: "Show where the server is found", Notes: "For the owner. The DNS is asked meanwhile.",
		Status: http.StatusOK, Answer: AddressAnswer{}, Errors: openapi.Codes{503: "settings_missing"},
	},
	{
		Route: "POST /api/v1/server/address/check", Group: "Server", Summary: "See how another address would do", Notes: "For the owner. Nothing is changed; the answer says what to enter into the DNS.",
		Body: AddressBody{}, Status: http.StatusOK, Answer: AddressAnswer{}, Errors: addressErrors,
	},
	{
		Route: "PUT /api/v1/server/address", Group: "Server", Summary: "Give the server another address",
		Notes: "For the owner. The control plane starts anew with it, which fails no request. The server answers at its old address as well until the new one is confirmed.",
		Body:  AddressBody{}, Status: http.StatusOK, Answer: AddressAnswer{},
		Errors: openapi.Codes{409: addressErrors[409] + " address_not_here", 422: addressErrors[422], 503: addressErrors[503]},
	},
	{
		Route: "POST /api/v1/server/address/confirm", Group: "Server", Summary: "Let go of the addresses that the server has left",
		Notes:  "For the owner, and only by the new address: so it is known to work.",
		Status: http.StatusNoContent, Errors: openapi.Codes{409: "address_not_reached setting_fixed settings_form", 503: "settings_missing"},
	},
}
