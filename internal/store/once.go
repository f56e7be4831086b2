package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/lugsail/lugsail/platform"
)

// onceRow is a request that is done once, with its answer sealed.
type onceRow struct {
	platform.Once
	Sealed string `gorm:"not null"`
}

// TableName names the table.
func (onceRow) TableName() string { return "onces" }

const oncePurpose = "once"

func (r onceRow) aad() string { return r.Holder + "/" + r.Key }

// BeginOnce records the request unless its holder has used the key since then, and gives what was recorded
// before; nil when it is new. Older ones are forgotten. TooMany, code idempotency_full, when the holder has
// as many as most.
func (s *Store) BeginOnce(ctx context.Context, o *platform.Once, since time.Time, most int) (*platform.Once, error) {
	s.fresh(nil, &o.CreatedAt)
	var before *onceRow
	err := s.write(ctx, "recording the request", func(tx *gorm.DB) error {
		if err := tx.Where("created_at < ?", since.UTC()).Delete(&onceRow{}).Error; err != nil {
			return err
		}
		var found []onceRow
		if err := tx.Where("holder = ? AND key = ?", o.Holder, o.Key).Limit(1).Find(&found).Error; err != nil || len(found) > 0 {
			before = first(found)
			return err
		}
		var count int64
		if err := tx.Model(&onceRow{}).Where("holder = ?", o.Holder).Count(&count).Error; err != nil {
			return err
		}
		if count >= int64(most) {
			return platform.Errorf(platform.TooMany, "idempotency_full", "%d idempotency keys were used within a day.", count).
				WithHint("Leave the header Idempotency-Key out where a request may well be done twice.")
		}
		return tx.Create(&onceRow{Once: *o}).Error
	})
	if err != nil || before == nil {
		return nil, err
	}
	return s.unseal(*before)
}

func first[T any](all []T) *T {
	if len(all) == 0 {
		return nil
	}
	return &all[0]
}

func (s *Store) unseal(row onceRow) (*platform.Once, error) {
	if row.Sealed == "" {
		return &row.Once, nil
	}
	body, err := s.key.Open(oncePurpose, row.aad(), row.Sealed)
	if err != nil {
		return nil, platform.Errorf(platform.Internal, "answer_unreadable", "A kept answer cannot be decrypted with the server's key.").
			WithHint("Put back the key file that belongs to this database. Or repeat the request with another Idempotency-Key; answers are kept for a day.").Because(err)
	}
	row.Body = body
	return &row.Once, nil
}

// EndOnce keeps the answer.
func (s *Store) EndOnce(ctx context.Context, o platform.Once) error {
	row := onceRow{Once: o}
	sealed, err := s.key.Seal(oncePurpose, row.aad(), o.Body)
	if err != nil {
		return fmt.Errorf("keeping the answer: %w", err)
	}
	row.Sealed = sealed
	return s.write(ctx, "keeping the answer", func(tx *gorm.DB) error {
		return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error
	})
}

// DropOnce forgets the request, so that its key can be used again.
func (s *Store) DropOnce(ctx context.Context, holder, key string) error {
	return s.write(ctx, "forgetting the request", func(tx *gorm.DB) error {
		return tx.Where("holder = ? AND key = ?", holder, key).Delete(&onceRow{}).Error
	})
}
