package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

// Webhook is where a Git host tells of pushes.
type Webhook struct {
	URL       string    `json:"url"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	RotatedAt time.Time `json:"rotated_at" doc:"when its secret was made"`
}

// Delivery is one message that came to a webhook.
type Delivery struct {
	ID         int64                    `json:"id"`
	At         time.Time                `json:"at"`
	Provider   string                   `json:"provider" doc:"github, gitlab, gitea or bitbucket"`
	Event      string                   `json:"event" doc:"in the provider's words"`
	Branch     string                   `json:"branch"`
	Commit     string                   `json:"commit"`
	Title      string                   `json:"commit_title"`
	Outcome    platform.DeliveryOutcome `json:"outcome"`
	Text       string                   `json:"text" doc:"the outcome as a sentence"`
	Deployment *int                     `json:"deployment" doc:"the number of the deployment that it began"`
	Redelivers *int64                   `json:"redelivers" doc:"the delivery that somebody had repeated"`
}

// The bodies of answers.
type (
	WebhookAnswer struct {
		Webhook *Webhook `json:"webhook" doc:"null when it is off"`
	}
	NewWebhookAnswer struct {
		Secret  string  `json:"secret" doc:"for the Git host; shown this once"`
		Webhook Webhook `json:"webhook"`
	}
	DeliveriesAnswer struct {
		Deliveries []Delivery `json:"deliveries"`
		Next       *string    `json:"next"`
	}
	DeliveryAnswer struct {
		Delivery Delivery `json:"delivery"`
	}
)

func webhookBody(v app.WebhookView) Webhook {
	return Webhook{URL: v.URL, CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy, RotatedAt: v.RotatedAt}
}

func deliveryBody(d platform.Delivery) Delivery {
	body := Delivery{
		ID: d.ID, At: d.At, Provider: d.Provider, Event: d.Event, Branch: d.Branch, Commit: d.Commit, Title: d.Title, Outcome: d.Outcome, Text: d.Text,
	}
	if d.Deployment > 0 {
		body.Deployment = &d.Deployment
	}
	if d.Redelivers > 0 {
		body.Redelivers = &d.Redelivers
	}
	return body
}

// WebhookGet answers GET /apps/:app/webhook.
func (a *API) WebhookGet(c echo.Context) error {
	v, err := a.Apps.Webhook(actorAnd(c))
	if err != nil {
		return err
	}
	if v == nil {
		return c.JSON(http.StatusOK, WebhookAnswer{})
	}
	body := webhookBody(*v)
	return c.JSON(http.StatusOK, WebhookAnswer{&body})
}

// WebhookOn answers POST /apps/:app/webhook.
func (a *API) WebhookOn(c echo.Context) error {
	if err := request.Decode(c, &struct{}{}); err != nil {
		return err
	}
	v, err := a.Apps.TurnWebhookOn(actorAnd(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, NewWebhookAnswer{Secret: v.Secret, Webhook: webhookBody(*v)})
}

// WebhookOff answers DELETE /apps/:app/webhook.
func (a *API) WebhookOff(c echo.Context) error {
	if err := a.Apps.TurnWebhookOff(actorAnd(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// DeliveriesList answers GET /apps/:app/webhook/deliveries, the newest first.
func (a *API) DeliveriesList(c echo.Context) error {
	page, err := request.ReadPage(c)
	if err != nil {
		return err
	}
	before, err := page.AfterNumber()
	if err != nil {
		return err
	}
	ctx, actor, name := actorAnd(c)
	all, err := a.Apps.Deliveries(ctx, actor, name, before, page.Limit+1)
	if err != nil {
		return err
	}
	all, next := request.Cut(page, all, func(d platform.Delivery) string { return strconv.FormatInt(d.ID, 10) })
	return c.JSON(http.StatusOK, DeliveriesAnswer{list(all, deliveryBody), next})
}

// DeliveryGet answers GET /apps/:app/webhook/deliveries/:id.
func (a *API) DeliveryGet(c echo.Context) error {
	return a.delivery(c, func(id int64) (platform.Delivery, error) {
		ctx, actor, name := actorAnd(c)
		return a.Apps.Delivery(ctx, actor, name, id)
	}, http.StatusOK)
}

// DeliveryRedeliver answers POST /apps/:app/webhook/deliveries/:id/redeliver.
func (a *API) DeliveryRedeliver(c echo.Context) error {
	if err := request.Decode(c, &struct{}{}); err != nil {
		return err
	}
	return a.delivery(c, func(id int64) (platform.Delivery, error) {
		ctx, actor, name := actorAnd(c)
		return a.Apps.Redeliver(ctx, actor, name, id)
	}, http.StatusAccepted)
}

func (a *API) delivery(c echo.Context, get func(id int64) (platform.Delivery, error), status int) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return platform.Errorf(platform.NotFound, "delivery_not_found", "There is no such delivery.")
	}
	d, err := get(id)
	if err != nil {
		return err
	}
	return c.JSON(status, DeliveryAnswer{deliveryBody(d)})
}

var webhookOperations = []openapi.Operation{
	{Route: "GET /api/v1/apps/:app/webhook", Group: "Webhooks", Summary: "Show an app's webhook", Status: http.StatusOK, Answer: WebhookAnswer{}},
	{
		Route: "POST /api/v1/apps/:app/webhook", Group: "Webhooks", Summary: "Turn the webhook on, or give it a new secret",
		Notes: "Its address stays the same; the secret before is worth nothing any more.",
		Body:  struct{}{}, Status: http.StatusCreated, Answer: NewWebhookAnswer{}, Errors: openapi.Codes{409: "source_not_bound"},
	},
	{
		Route: "DELETE /api/v1/apps/:app/webhook", Group: "Webhooks", Summary: "Turn the webhook off", Status: http.StatusNoContent,
		Errors: openapi.Codes{404: "webhook_not_found"},
	},
	{
		Route: "GET /api/v1/apps/:app/webhook/deliveries", Group: "Webhooks", Summary: "List what was delivered, the newest first",
		Query: pageParams, Status: http.StatusOK, Answer: DeliveriesAnswer{},
	},
	{
		Route: "GET /api/v1/apps/:app/webhook/deliveries/:id", Group: "Webhooks", Summary: "Show a delivery", Status: http.StatusOK, Answer: DeliveryAnswer{},
		Errors: openapi.Codes{404: "delivery_not_found"},
	},
	{
		Route: "POST /api/v1/apps/:app/webhook/deliveries/:id/redeliver", Group: "Webhooks", Summary: "Do again what a delivery asked for", Body: struct{}{},
		Status: http.StatusAccepted, Answer: DeliveryAnswer{}, Errors: openapi.Codes{404: "delivery_not_found", 409: "nothing_to_redeliver"},
	},
	{
		Route: "POST /api/v1/hooks/:id", Group: "Webhooks", Summary: "Receive what a Git host tells",
		Notes: "For GitHub, GitLab, Gitea, Forgejo, Gogs and Bitbucket, which prove by a signature that they know the webhook's secret. " +
			"The answer says what the delivery led to, also when there is nothing to do.",
		Media:  []string{"application/json", "application/x-www-form-urlencoded"},
		Status: http.StatusAccepted, Answer: HookAnswer{},
		Errors: openapi.Codes{
			400: "body_unreadable", 401: "webhook_refused", 409: "app_destroying delivery_under_way disk_full", 413: "webhook_too_large", 415: "webhook_type",
			422: "webhook_unreadable webhook_other_repository", 429: "too_many_deliveries", 503: "webhooks_busy webhook_unreadable",
		},
	},
}
