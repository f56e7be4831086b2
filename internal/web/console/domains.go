package console

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type domainsPage struct {
	Domains []domainRow
	Own     []string // the names that every app has by itself
	Host    string
}

type domainRow struct {
	platform.Domain
	Advice      app.DomainAdvice
	Certificate app.Certificate
}

// Colour is the state of its certificate.
func (r domainRow) Colour() string {
	switch {
	case !r.Advice.Here, r.Certificate.State == app.CertificateFailed:
		return "warn"
	case r.Certificate.State == app.CertificateIssued:
		return "ok"
	}
	return "pending"
}

// Word is the same in a word.
func (r domainRow) Word() string {
	switch {
	case !r.Advice.Here:
		return "Waiting for the DNS"
	case r.Certificate.State == app.CertificateIssued:
		return "Ready"
	case r.Certificate.State == app.CertificateFailed && !r.Certificate.NotAfter.IsZero():
		return "Not renewed"
	case r.Certificate.State == app.CertificateFailed:
		return "No certificate"
	case r.Certificate.State == app.CertificateOwn:
		return "Browsers warn"
	}
	return "Certificate on its way"
}

// Domains answers GET /apps/:app/domains.
func (c *Console) Domains(e echo.Context) error { return c.domainsWith(e, "", nil) }

func (c *Console) domainsWith(e echo.Context, host string, wrong error) error {
	added, err := c.apps.Domains(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return err
	}
	f, err := c.inApp(e, "domains", "Domains") // after it is known where they lead
	if err != nil {
		return err
	}
	page := domainsPage{Host: host}
	mine := map[string]bool{}
	certificates := c.apps.DomainCertificates(e.Request().Context(), added)
	for _, d := range added {
		page.Domains = append(page.Domains, domainRow{Domain: d, Advice: c.apps.Advice(d.Host), Certificate: certificates[d.Host]})
		mine[d.Host] = true
	}
	for i, address := range f.App.Addresses() {
		if !mine[f.App.Hosts[i]] {
			page.Own = append(page.Own, address)
		}
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "domains", f)
	}
	return c.show(e, http.StatusOK, "domains", f)
}

// DomainAdd answers POST /apps/:app/domains.
func (c *Console) DomainAdd(e echo.Context) error {
	host := strings.TrimSpace(e.FormValue("host"))
	if _, _, err := c.apps.AddDomain(e.Request().Context(), request.Actor(e), e.Param("app"), host); err != nil {
		return c.domainsWith(e, host, err)
	}
	return e.Redirect(http.StatusSeeOther, appPath(e, "/domains?done=added"))
}

// DomainRemove answers POST /apps/:app/domains/remove.
func (c *Console) DomainRemove(e echo.Context) error {
	if err := c.apps.RemoveDomain(e.Request().Context(), request.Actor(e), e.Param("app"), e.FormValue("host")); err != nil {
		return c.domainsWith(e, "", err)
	}
	return e.Redirect(http.StatusSeeOther, appPath(e, "/domains?done=removed"))
}
