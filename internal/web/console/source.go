package console

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

type sourcePage struct {
	URL, Branch string // what the form holds
	Webhook     *app.WebhookView
	Deliveries  []platform.Delivery
}

// shownDeliveries bounds the rows of the page; the command line lists them all.
const shownDeliveries = 50

// Source answers GET /apps/:app/source: the repository that it is bound to, and the webhook.
func (c *Console) Source(e echo.Context) error {
	return c.sourceWith(e, sourcePage{URL: e.QueryParam("url"), Branch: e.QueryParam("branch")}, nil)
}

func (c *Console) sourceWith(e echo.Context, page sourcePage, wrong error) error {
	f, err := c.inApp(e, "source", "Source")
	if err != nil {
		return err
	}
	ctx, name := e.Request().Context(), f.App.App.Name
	if f.App.Remote != nil && wrong == nil {
		page.URL, page.Branch = f.App.Remote.URL, f.App.Remote.Branch
	}
	if page.Webhook == nil {
		if page.Webhook, err = c.apps.Webhook(ctx, f.Actor, name); err != nil {
			return err
		}
	}
	if page.Deliveries, err = c.apps.Deliveries(ctx, f.Actor, name, 0, shownDeliveries); err != nil {
		return err
	}
	f.Data = page
	if wrong != nil {
		return c.refuse(e, wrong, "source", f)
	}
	return c.show(e, http.StatusOK, "source", f)
}

// SourceBind answers POST /apps/:app/source: binds, fetches and deploys.
func (c *Console) SourceBind(e echo.Context) error {
	form := sourcePage{URL: strings.TrimSpace(e.FormValue("url")), Branch: strings.TrimSpace(e.FormValue("branch"))}
	ctx, actor, name := e.Request().Context(), request.Actor(e), e.Param("app")
	if _, err := c.apps.Bind(ctx, actor, name, form.URL, form.Branch); err != nil {
		return c.sourceWith(e, form, err)
	}
	return c.SourcePull(e)
}

// SourcePull answers POST /apps/:app/source/pull.
func (c *Console) SourcePull(e echo.Context) error {
	d, err := c.apps.Pull(e.Request().Context(), request.Actor(e), e.Param("app"), e.FormValue("force") != "")
	if err != nil {
		return c.sourceWith(e, sourcePage{}, err)
	}
	return afterwards(e, d, appPath(e, "/source"), "unchanged")
}

// SourceUnbind answers POST /apps/:app/source/unbind.
func (c *Console) SourceUnbind(e echo.Context) error {
	if err := c.apps.Unbind(e.Request().Context(), request.Actor(e), e.Param("app")); err != nil {
		return c.sourceWith(e, sourcePage{}, err)
	}
	return e.Redirect(http.StatusSeeOther, appPath(e, "/source?done=unbound"))
}

// WebhookOn answers POST /apps/:app/webhook: the only page that ever shows the secret.
func (c *Console) WebhookOn(e echo.Context) error {
	v, err := c.apps.TurnWebhookOn(e.Request().Context(), request.Actor(e), e.Param("app"))
	if err != nil {
		return c.sourceWith(e, sourcePage{}, err)
	}
	return c.sourceWith(e, sourcePage{Webhook: v}, nil)
}

// WebhookOff answers POST /apps/:app/webhook/off.
func (c *Console) WebhookOff(e echo.Context) error {
	if err := c.apps.TurnWebhookOff(e.Request().Context(), request.Actor(e), e.Param("app")); err != nil {
		return c.sourceWith(e, sourcePage{}, err)
	}
	return e.Redirect(http.StatusSeeOther, appPath(e, "/source?done=webhook-off"))
}

// DeliveryRedeliver answers POST /apps/:app/webhook/redeliver.
func (c *Console) DeliveryRedeliver(e echo.Context) error {
	id, err := strconv.ParseInt(e.FormValue("delivery"), 10, 64)
	if err != nil {
		return platform.Errorf(platform.NotFound, "delivery_not_found", "There is no such delivery.")
	}
	d, err := c.apps.Redeliver(e.Request().Context(), request.Actor(e), e.Param("app"), id)
	if err != nil {
		return c.sourceWith(e, sourcePage{}, err)
	}
	return afterwards(e, platform.Deployment{Number: d.Deployment}, appPath(e, "/source"), "redelivered")
}
