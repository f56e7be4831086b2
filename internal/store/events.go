package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// EventFilter chooses events.
type EventFilter struct {
	AppID  string // "" means of everything
	Before int64  // only events with a smaller id, for paging; 0 means from the newest
	Limit  int    // 0 means 100
}

// AppendEvent records what happened. Events are never changed, and outlive their app.
func (s *Store) AppendEvent(ctx context.Context, event *platform.Event) error {
	s.fresh(nil, &event.At)
	return s.write(ctx, "recording the event", func(tx *gorm.DB) error { return tx.Create(event).Error })
}

// Events lists events, newest first.
func (s *Store) Events(ctx context.Context, filter EventFilter) ([]platform.Event, error) {
	if filter.Limit <= 0 {
		filter.Limit = 100
	}
	query := s.read(ctx).Order("id DESC").Limit(filter.Limit)
	if filter.AppID != "" {
		query = query.Where("app_id = ?", filter.AppID)
	}
	if filter.Before > 0 {
		query = query.Where("id < ?", filter.Before)
	}
	var events []platform.Event
	err := query.Find(&events).Error
	return events, s.explain(ctx, "listing the events", err)
}
