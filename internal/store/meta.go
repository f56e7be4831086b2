package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// metaEntry is a value by name, for the few things that there is one of.
type metaEntry struct {
	Key   string `gorm:"primaryKey"`
	Value string `gorm:"not null"`
}

// TableName names the table.
func (metaEntry) TableName() string { return "meta" }

const routeRevisionKey = "route_revision"

// Instance gives the id of this installation, made at the first start.
func (s *Store) Instance(ctx context.Context) (string, error) {
	id, err := metaIn(s.read(ctx), instanceKey)
	return id, s.explain(ctx, "reading the id of the installation", err)
}

// Ping reports whether the database answers and takes changes.
func (s *Store) Ping(ctx context.Context) error {
	if e := s.broken.Load(); e != nil {
		return e
	}
	_, err := s.Instance(ctx)
	return err
}

// RouteRevision gives a number that is larger at each call, also across restarts. It follows the
// clock, in milliseconds, so that it is larger too when an older copy of the database was put back:
// the proxy knows the newest revision, and refuses an older one. A number that cannot be saved, on a
// full disk for example, is counted in memory only: routes must go on to follow replicas.
func (s *Store) RouteRevision(ctx context.Context) (int64, error) {
	value, err := metaIn(s.read(ctx), routeRevisionKey)
	if err != nil {
		return 0, s.explain(ctx, "reading the revision of the routes", err)
	}
	var saved int64
	if value != "" {
		if saved, err = strconv.ParseInt(value, 10, 64); err != nil {
			return 0, fmt.Errorf("reading the revision %q: %w", value, err)
		}
	}
	revision := s.nextRevision(saved)
	err = s.write(ctx, "numbering the routes", func(tx *gorm.DB) error {
		return setMetaIn(tx, routeRevisionKey, strconv.FormatInt(revision, 10))
	})
	if err != nil {
		slog.WarnContext(ctx, "the revision of the routes is not saved", "revision", revision, "error", err)
	}
	return revision, nil
}

func (s *Store) nextRevision(saved int64) int64 {
	for {
		last := s.revision.Load()
		next := max(saved+1, last+1, s.now().UnixMilli())
		if s.revision.CompareAndSwap(last, next) {
			return next
		}
	}
}

func metaIn(tx *gorm.DB, key string) (string, error) {
	var entry metaEntry
	err := tx.Where(&metaEntry{Key: key}, "Key").Take(&entry).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", nil
	}
	return entry.Value, err
}

func setMetaIn(tx *gorm.DB, key, value string) error {
	return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&metaEntry{Key: key, Value: value}).Error
}
