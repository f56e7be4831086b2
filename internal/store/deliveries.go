package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/lugsail/lugsail/platform"
)

// How many deliveries an app keeps to be read, and of how many more it knows that they came: more than
// a busy repository sends in a year.
const (
	keptDeliveries = 500
	keptRefused    = 50
	keptMarks      = 100_000
)

// deliveryMark stands for a delivery that is not kept any more, so that a replay of it is known.
type deliveryMark struct {
	AppID string    `gorm:"primaryKey"`
	Mark  string    `gorm:"primaryKey"`
	At    time.Time `gorm:"not null"`
}

// TableName names the table.
func (deliveryMark) TableName() string { return "delivery_marks" }

// marksOf are what a delivery is known by, in short.
func marksOf(d platform.Delivery) (marks []string) {
	add := func(what, value string) {
		if value != "" {
			sum := sha256.Sum256([]byte(what + "\x00" + value))
			marks = append(marks, hex.EncodeToString(sum[:16]))
		}
	}
	add("key of "+d.Provider, d.Key)
	add("digest", d.Digest)
	return marks
}

// RecordDelivery keeps what came, and forgets the oldest. Where the same came before, by its key
// or the digest of what was signed, that one is given back and nothing is recorded; unless it may be
// taken up again: then d takes its place.
func (s *Store) RecordDelivery(ctx context.Context, d *platform.Delivery) (before *platform.Delivery, err error) {
	if d.At.IsZero() {
		d.At = s.stamp()
	}
	err = s.write(ctx, "recording the delivery", func(tx *gorm.DB) error {
		if _, err := appIn(tx, d.AppID); err != nil {
			return err
		}
		if d.Outcome != platform.DeliveryRefused && d.Redelivers == 0 {
			if before, err = sameDelivery(tx, *d); err != nil {
				return err
			}
		}
		if before != nil && before.MayBeTakenUp(d.At) {
			d.ID, before = before.ID, nil
			return tx.Save(d).Error
		}
		if before != nil {
			return nil
		}
		if err := tx.Create(d).Error; err != nil {
			return err
		}
		return forgetDeliveries(tx, d.AppID)
	})
	s.changed(d.AppID, "")
	return before, err
}

func sameDelivery(tx *gorm.DB, d platform.Delivery) (*platform.Delivery, error) {
	marks := marksOf(d)
	if len(marks) == 0 {
		return nil, nil
	}
	var found []platform.Delivery
	err := tx.Where("app_id = ? AND outcome <> ? AND redelivers = 0 AND ((key <> '' AND provider = ? AND key = ?) OR (digest <> '' AND digest = ?))",
		d.AppID, platform.DeliveryRefused, d.Provider, d.Key, d.Digest).Order("id DESC").Limit(1).Find(&found).Error
	if err != nil || len(found) > 0 {
		return first(found), err
	}
	var old []deliveryMark
	err = tx.Where("app_id = ? AND mark IN ?", d.AppID, marks).Limit(1).Find(&old).Error
	if err != nil || len(old) == 0 {
		return nil, err
	}
	return &platform.Delivery{
		AppID: d.AppID, At: old[0].At, Provider: d.Provider, Event: d.Event, Key: d.Key, Digest: d.Digest, Outcome: platform.DeliveryIgnored,
		Text: fmt.Sprintf("that was on %s, and what became of it is not kept any more.", old[0].At.UTC().Format("2 January 2006")),
	}, nil
}

// forgetDeliveries removes the oldest, and leaves the marks of those that a replay could come of.
func forgetDeliveries(tx *gorm.DB, appID string) error {
	for _, kept := range []struct {
		where string
		most  int
	}{{"outcome <> ?", keptDeliveries}, {"outcome = ?", keptRefused}} {
		var old []platform.Delivery
		of := tx.Where("app_id = ?", appID).Where(kept.where, platform.DeliveryRefused).Order("id DESC").Offset(kept.most).Limit(keptDeliveries)
		if err := of.Find(&old).Error; err != nil || len(old) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		if err := leaveMarks(tx, old); err != nil {
			return err
		}
		err := tx.Where("app_id = ? AND id <= ?", appID, old[0].ID).Where(kept.where, platform.DeliveryRefused).Delete(&platform.Delivery{}).Error
		if err != nil {
			return err
		}
	}
	return nil
}

func leaveMarks(tx *gorm.DB, old []platform.Delivery) error {
	var marks []deliveryMark
	for _, d := range old {
		if d.Outcome == platform.DeliveryRefused || d.Outcome == platform.DeliveryFailed || d.Redelivers != 0 {
			continue
		}
		for _, mark := range marksOf(d) {
			marks = append(marks, deliveryMark{AppID: d.AppID, Mark: mark, At: d.At.UTC()})
		}
	}
	if len(marks) == 0 {
		return nil
	}
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(marks, 100).Error; err != nil {
		return err
	}
	var past []time.Time
	of := tx.Model(&deliveryMark{}).Where("app_id = ?", marks[0].AppID)
	if err := of.Order("at DESC").Offset(keptMarks).Limit(1).Pluck("at", &past).Error; err != nil || len(past) == 0 {
		return err
	}
	return tx.Where("app_id = ? AND at <= ?", marks[0].AppID, past[0]).Delete(&deliveryMark{}).Error
}
