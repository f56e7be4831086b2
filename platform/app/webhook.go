package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/hook"
)

// Webhooks keeps webhooks and what was delivered to them.
type Webhooks interface {
	SetWebhook(ctx context.Context, hook *platform.Webhook) error
	WebhookOf(ctx context.Context, appID string) (platform.Webhook, error)
	WebhookByID(ctx context.Context, id string) (platform.Webhook, error)
	RemoveWebhook(ctx context.Context, appID string) error
	RecordDelivery(ctx context.Context, d *platform.Delivery) (before *platform.Delivery, err error)
	UpdateDelivery(ctx context.Context, d platform.Delivery) error
	DeliveriesOf(ctx context.Context, appID string, before int64, limit int) ([]platform.Delivery, error)
	DeliveryByID(ctx context.Context, appID string, id int64) (platform.Delivery, error)
}

// WebhookPath is where webhooks answer; the id of one follows.
const WebhookPath = "/api/v1/hooks/"

// WebhookView is an app's webhook as people may see it.
type WebhookView struct {
	platform.Webhook        // with its secret only where it was just made
	URL              string // where it answers
}

// Webhook gives an app's webhook without its secret; nil when there is none.
func (s *Service) Webhook(ctx context.Context, actor platform.Actor, name string) (*WebhookView, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	h, err := s.Webhooks.WebhookOf(ctx, app.ID)
	if platform.IsKind(err, platform.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the webhook: %w", err)
	}
	h.Secret = ""
	return s.viewHook(actor, h), nil
}

func (s *Service) viewHook(actor platform.Actor, h platform.Webhook) *WebhookView {
	return &WebhookView{Webhook: h, URL: s.Addresses.ConsoleURL(actor.Console) + WebhookPath + h.ID}
}

// TurnWebhookOn gives an app a webhook, or the one that it has a new secret; the secret is told
// this once. Its address stays the same.
func (s *Service) TurnWebhookOn(ctx context.Context, actor platform.Actor, name string) (*WebhookView, error) {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return nil, err
	}
	if _, err := s.bound(ctx, app); err != nil {
		return nil, err
	}
	action, text := "webhook.on", "the webhook was turned on"
	h, err := s.Webhooks.WebhookOf(ctx, app.ID)
	switch {
	case platform.IsKind(err, platform.NotFound):
		h = platform.Webhook{AppID: app.ID, ID: strings.ToLower(rand.Text()), CreatedAt: s.Now().UTC(), CreatedBy: actor.Name}
	case err != nil && platform.AsError(err).Code != "webhook_unreadable":
		return nil, fmt.Errorf("reading the webhook: %w", err)
	case err != nil: // its secret is lost with the key; its address too
		h = platform.Webhook{AppID: app.ID, ID: strings.ToLower(rand.Text()), CreatedAt: s.Now().UTC(), CreatedBy: actor.Name}
	default:
		action, text = "webhook.rotated", "the webhook has a new secret"
	}
	h.Secret, h.RotatedAt = newSecret(), s.Now().UTC()
	if err := s.Webhooks.SetWebhook(ctx, &h); err != nil {
		return nil, err
	}
	s.event(ctx, actor, app, action, text)
	return s.viewHook(actor, h), nil
}

func newSecret() string {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	return hook.SecretPrefix + base64.StdEncoding.EncodeToString(key[:])
}

// TurnWebhookOff removes an app's webhook; its address answers nobody any more.
func (s *Service) TurnWebhookOff(ctx context.Context, actor platform.Actor, name string) error {
	app, err := s.find(ctx, actor, name, platform.ActionManage)
	if err != nil {
		return err
	}
	if err := s.Webhooks.RemoveWebhook(ctx, app.ID); err != nil {
		return err
	}
	s.event(ctx, actor, app, "webhook.off", "the webhook was turned off")
	return nil
}

// Deliveries gives what came to the app's webhook before the delivery of that id, newest first;
// 0 begins with the newest.
func (s *Service) Deliveries(ctx context.Context, actor platform.Actor, name string, before int64, limit int) ([]platform.Delivery, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	return s.Webhooks.DeliveriesOf(ctx, app.ID, before, limit)
}

// Delivery gives one of them.
func (s *Service) Delivery(ctx context.Context, actor platform.Actor, name string, id int64) (platform.Delivery, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return platform.Delivery{}, err
	}
	return s.Webhooks.DeliveryByID(ctx, app.ID, id)
}
