package store

import (
	"context"
	"errors"
	"fmt"
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
	if s.broken.Load() {
		return errBroken
	}
	_, err := s.Instance(ctx)
	return err
}

// RouteRevision gives a number that is larger at each call, also across restarts. It follows the
// clock, in milliseconds, so that it is larger too when an older copy of the database was put back:
// the proxy knows the newest revision, and refuses an older one.
func (s *Store) RouteRevision(ctx context.Context) (int64, error) {
	var revision int64
	err := s.write(ctx, "numbering the routes", func(tx *gorm.DB) error {
		value, err := metaIn(tx, routeRevisionKey)
		if err != nil {
			return err
		}
		if value != "" {
			if revision, err = strconv.ParseInt(value, 10, 64); err != nil {
				return fmt.Errorf("reading the revision %q: %w", value, err)
			}
		}
		revision = max(revision+1, s.now().UnixMilli())
		return setMetaIn(tx, routeRevisionKey, strconv.FormatInt(revision, 10))
	})
	return revision, err
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
