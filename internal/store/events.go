package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// AppendEvent records what happened. Events are never changed, and outlive their app.
func (s *Store) AppendEvent(ctx context.Context, event *platform.Event) error {
	s.fresh(nil, &event.At)
	return s.write(ctx, "recording the event", func(tx *gorm.DB) error { return tx.Create(event).Error })
}

// Events lists events, newest first: of one app (all when appID is ""), with ids smaller than
// before (0 means from the newest), limit at most (0 means 100).
func (s *Store) Events(ctx context.Context, appID string, before int64, limit int) ([]platform.Event, error) {
	if limit <= 0 {
		limit = 100
	}
	return s.EventsLike(ctx, appID, "", before, limit)
}

// EventsLike does so for those of one topic: what stands before the point in their action, "config" of "config.changed".
func (s *Store) EventsLike(ctx context.Context, appID, topic string, before int64, limit int) ([]platform.Event, error) {
	query := s.read(ctx).Order("id DESC").Limit(limit)
	if appID != "" {
		query = query.Where("app_id = ?", appID)
	}
	if topic != "" {
		query = query.Where("action LIKE ?", topic+".%")
	}
	if before > 0 {
		query = query.Where("id < ?", before)
	}
	var events []platform.Event
	err := query.Find(&events).Error
	return events, s.explain(ctx, "listing the events", err)
}
