package console

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform/plan"
)

type serverPage struct {
	Capacity    *capacityBar
	Offers      []plan.Offer
	Fingerprint string
	SSH         sshFacts
}

// Server answers GET /server: the machine, the plans, and the certificate to trust.
func (c *Console) Server(e echo.Context) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	apps, err := c.apps.Apps(ctx, actor)
	if err != nil {
		return err
	}
	page := serverPage{Fingerprint: readable(c.fingerprint(ctx)), SSH: c.sshFacts(actor)}
	if offers, capacity, err := c.apps.Plans(ctx, actor); err == nil {
		page.Capacity, page.Offers = drawCapacity(apps, offers, capacity), offers
	}
	return c.show(e, http.StatusOK, "server", frame{Title: "Server", Nav: "server", Data: page})
}

// readable writes a fingerprint as browsers show it: AB:CD:…
func readable(hex string) string {
	var pairs []string
	for i := 0; i+2 <= len(hex); i += 2 {
		pairs = append(pairs, strings.ToUpper(hex[i:i+2]))
	}
	return strings.Join(pairs, ":")
}
