package console

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/plan"
)

// serverPage is the overview of the machine. What is its owner's alone is nil for others.
type serverPage struct {
	Tab         string
	Capacity    *capacityBar
	Offers      []plan.Offer
	Fingerprint string
	SSH         sshFacts
	Facts       *app.ServerFacts
	Address     *app.AddressView
}

// Server answers GET /server: the machine, the plans, and the certificate to trust.
func (c *Console) Server(e echo.Context) error {
	ctx, actor := e.Request().Context(), request.Actor(e)
	apps, err := c.apps.Apps(ctx, actor)
	if err != nil {
		return err
	}
	page := serverPage{Tab: "overview", Fingerprint: readable(c.fingerprint(ctx)), SSH: c.sshFacts(actor)}
	if capacity, err := c.apps.Plans(ctx, actor); err == nil {
		page.Capacity, page.Offers = drawCapacity(apps, capacity), capacity.OffersOf(1)
	}
	if platform.Can(actor, platform.ActionServer, "") {
		if facts, err := c.apps.ServerFacts(ctx, actor); err == nil {
			page.Facts = &facts
		}
		if address, err := c.apps.ServerFound(actor); err == nil {
			page.Address = &address
		}
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
