package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// webhook is the row of a webhook. The seal holds the app too, so that a secret cannot be moved.
type webhook struct {
	AppID     string `gorm:"primaryKey"`
	ID        string `gorm:"uniqueIndex;not null"`
	Sealed    string `gorm:"not null"`
	CreatedAt time.Time
	RotatedAt time.Time
	CreatedBy string
}

// TableName names the table.
func (webhook) TableName() string { return "webhooks" }

const webhookPurpose = "webhooks"

func (row webhook) secret(key Sealer) ([]byte, error) {
	secret, err := key.Open(webhookPurpose, row.AppID, row.Sealed)
	if err != nil {
		return nil, platform.Errorf(platform.Internal, "webhook_unreadable", "The webhook's secret cannot be decrypted with the server's key.").
			WithHint("Put back the key file that belongs to this database, or make a new secret: lugsail webhooks rotate").Because(err)
	}
	return secret, nil
}

// SetWebhook records an app's webhook with its secret, in the place of the one before.
func (s *Store) SetWebhook(ctx context.Context, hook *platform.Webhook) error {
	s.fresh(&hook.ID, &hook.CreatedAt)
	s.fresh(nil, &hook.RotatedAt)
	sealed, err := s.key.Seal(webhookPurpose, hook.AppID, []byte(hook.Secret))
	if err != nil {
		return fmt.Errorf("sealing the webhook's secret: %w", err)
	}
	row := webhook{AppID: hook.AppID, ID: hook.ID, Sealed: sealed, CreatedAt: hook.CreatedAt, RotatedAt: hook.RotatedAt, CreatedBy: hook.CreatedBy}
	err = s.write(ctx, "recording the webhook", func(tx *gorm.DB) error {
		if _, err := appIn(tx, hook.AppID); err != nil {
			return err
		}
		if err := tx.Where("app_id = ?", hook.AppID).Delete(&webhook{}).Error; err != nil {
			return err
		}
		return tx.Create(&row).Error
	})
	s.changed(hook.AppID, "")
	return err
}

// WebhookOf finds an app's webhook; NotFound, code webhook_not_found, when it has none.
func (s *Store) WebhookOf(ctx context.Context, appID string) (platform.Webhook, error) {
	return s.webhookBy(ctx, "app_id = ?", appID)
}

// WebhookByID finds a webhook by what stands in its address; NotFound, code webhook_not_found.
func (s *Store) WebhookByID(ctx context.Context, id string) (platform.Webhook, error) {
	return s.webhookBy(ctx, "id = ?", id)
}

func (s *Store) webhookBy(ctx context.Context, where, value string) (platform.Webhook, error) {
	var row webhook
	if err := s.read(ctx).Where(where, value).Take(&row).Error; err != nil {
		return platform.Webhook{}, s.explain(ctx, "finding the webhook", missing(err, "webhook_not_found", "The app has no webhook."))
	}
	secret, err := row.secret(s.key)
	if err != nil {
		return platform.Webhook{}, err
	}
	return platform.Webhook{
		AppID: row.AppID, ID: row.ID, Secret: string(secret), CreatedAt: row.CreatedAt, RotatedAt: row.RotatedAt, CreatedBy: row.CreatedBy,
	}, nil
}

// RemoveWebhook removes an app's webhook; NotFound, code webhook_not_found, when it has none. What
// was delivered stays to be read.
func (s *Store) RemoveWebhook(ctx context.Context, appID string) error {
	err := s.write(ctx, "removing the webhook", func(tx *gorm.DB) error {
		done := tx.Where("app_id = ?", appID).Delete(&webhook{})
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "webhook_not_found", "The app has no webhook.")
		}
		return done.Error
	})
	s.changed(appID, "")
	return err
}

// UpdateDelivery writes down what a delivery led to. One that is forgotten already is no error.
func (s *Store) UpdateDelivery(ctx context.Context, d platform.Delivery) error {
	err := s.write(ctx, "recording what a delivery led to", func(tx *gorm.DB) error {
		return tx.Model(&platform.Delivery{}).Where("id = ?", d.ID).
			Updates(map[string]any{"outcome": d.Outcome, "text": d.Text, "deployment": d.Deployment, "branch": d.Branch, "commit": d.Commit, "title": d.Title}).Error
	})
	s.changed(d.AppID, "")
	return err
}

// DeliveriesOf lists an app's deliveries before the one of that id, newest first; 0 begins with the newest.
func (s *Store) DeliveriesOf(ctx context.Context, appID string, before int64, limit int) ([]platform.Delivery, error) {
	var found []platform.Delivery
	query := s.read(ctx).Where("app_id = ?", appID)
	if before > 0 {
		query = query.Where("id < ?", before)
	}
	err := query.Order("id DESC").Limit(limit).Find(&found).Error
	return found, s.explain(ctx, "listing the deliveries", err)
}

// DeliveryByID finds one delivery of an app; NotFound, code delivery_not_found.
func (s *Store) DeliveryByID(ctx context.Context, appID string, id int64) (platform.Delivery, error) {
	var d platform.Delivery
	err := s.read(ctx).Where("app_id = ? AND id = ?", appID, id).Take(&d).Error
	return d, s.explain(ctx, "finding the delivery", missing(err, "delivery_not_found", "The app has no delivery %d.", id))
}
