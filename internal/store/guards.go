package store

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"
)

// guardKey is in meta: since when an owner is asked for more than a password.
func guardKey(accountID string) string { return "guard_asked:" + accountID }

// GuardAskedSince gives the time since which an owner is asked for more than a password; it is now for one that was
// not asked yet. A time that cannot be saved, on a full disk for example, is now all the same: it must lock nobody out.
func (s *Store) GuardAskedSince(ctx context.Context, accountID string, now time.Time) (time.Time, error) {
	value, err := metaIn(s.read(ctx), guardKey(accountID))
	if err != nil {
		return now, s.explain(ctx, "reading since when a second factor is asked for", err)
	}
	if since, err := time.Parse(time.RFC3339, value); err == nil {
		return since, nil
	}
	now = now.UTC().Truncate(time.Second)
	err = s.write(ctx, "noting since when a second factor is asked for", func(tx *gorm.DB) error {
		return setMetaIn(tx, guardKey(accountID), now.Format(time.RFC3339))
	})
	if err != nil {
		slog.WarnContext(ctx, "not noted that a second factor is asked for", "error", err)
	}
	return now, nil
}

// guardedIn forgets it.
func guardedIn(tx *gorm.DB, accountID string) error {
	return tx.Where(&metaEntry{Key: guardKey(accountID)}, "Key").Delete(&metaEntry{}).Error
}
