package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Domain is a host name that a person added.
type Domain struct {
	Host      string `json:"host"`
	LeadsHere bool   `json:"leads_here"`
	Record    string `json:"record" doc:"type of the DNS record that leads it here"`
	Value     string `json:"value" doc:"of that record; empty when no public address is known"`
	Sentence  string `json:"sentence" doc:"where it leads, and what to do"`

	Certificate DomainCertificate `json:"certificate"`

	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

// DomainCertificate is how far a domain is with its certificate.
type DomainCertificate struct {
	State    app.CertificateState `json:"state" doc:"issued, waiting, failed, own or unknown"`
	NotAfter *time.Time           `json:"not_after" doc:"null when none was issued"`
	Sentence string               `json:"sentence"`
}

// DomainAdvice says what to write into the DNS.
type DomainAdvice struct {
	Record   string `json:"record"`
	Value    string `json:"value"`
	Sentence string `json:"sentence"`
}

func domainBody(d platform.Domain, advice app.DomainAdvice, c app.Certificate) Domain {
	body := Domain{
		Host: d.Host, LeadsHere: advice.Here, Record: advice.Type, Value: advice.Value, Sentence: advice.Sentence, CreatedAt: d.CreatedAt, CreatedBy: d.CreatedBy,
		Certificate: DomainCertificate{State: c.State, Sentence: c.Sentence},
	}
	if !c.NotAfter.IsZero() {
		body.Certificate.NotAfter = &c.NotAfter
	}
	return body
}

// DomainsList answers GET /apps/:app/domains.
func (a *API) DomainsList(c echo.Context) error {
	page, err := request.ReadPage(c)
	if err != nil {
		return err
	}
	all, err := a.Apps.Domains(actorAnd(c))
	if err != nil {
		return err
	}
	host := func(d platform.Domain) string { return d.Host }
	slices.SortFunc(all, func(a, b platform.Domain) int { return strings.Compare(a.Host, b.Host) })
	all, next := request.Cut(page, request.Skip(page, all, host), host)
	certificates := a.Apps.DomainCertificates(c.Request().Context(), all)
	body := func(d platform.Domain) Domain { return domainBody(d, a.Apps.Advice(d.Host), certificates[d.Host]) }
	return c.JSON(http.StatusOK, DomainsAnswer{list(all, body), next})
}

// DomainAddBody is what POST /apps/ takes.
type DomainAddBody struct {
	Host string `json:"host" example:"shop.example.com"`
}

// DomainAdd answers POST /apps/:app/domains.
func (a *API) DomainAdd(c echo.Context) error {
	var body DomainAddBody
	if err := request.Decode(c, &body); err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	d, advice, err := a.Apps.AddDomain(ctx, actor, name, body.Host)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, DomainAnswer{
		Domain: domainBody(d, advice, a.Apps.DomainCertificates(ctx, []platform.Domain{d})[d.Host]),
		Advice: DomainAdvice{Record: advice.Type, Value: advice.Value, Sentence: advice.Sentence},
	})
}

// DomainRemove answers DELETE /apps/:app/domains/:host.
func (a *API) DomainRemove(c echo.Context) error {
	ctx, actor, name := actorAnd(c)
	if err := a.Apps.RemoveDomain(ctx, actor, name, c.Param("host")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

var domainOperations = []openapi.Operation{
	{Route: "GET /api/v1/apps/:app/domains", Group: "Domains", Summary: "List an app's own domains by name, where they lead just now, and their certificates", Query: pageParams, Status: http.StatusOK, Answer: DomainsAnswer{}},
	{
		Route: "POST /api/v1/apps/:app/domains", Group: "Domains", Summary: "Add a domain", Notes: "The answer says what to write into the DNS.",
		Body: DomainAddBody{}, Status: http.StatusCreated, Answer: DomainAnswer{},
		Errors: openapi.Codes{409: "domain_taken", 422: "domain_invalid"},
	},
	{
		Route: "DELETE /api/v1/apps/:app/domains/:host", Group: "Domains", Summary: "Remove a domain", Status: http.StatusNoContent,
		Errors: openapi.Codes{404: "domain_not_found", 422: "domain_invalid"},
	},
}
