package store

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"gorm.io/gorm"
)

// Info tells about the database, for people.
type Info struct {
	Kind    string           `json:"kind"`    // with its place, without a password
	Version string           `json:"version"` // of SQLite, or of the server
	Schema  string           `json:"schema"`  // the newest migration
	Bytes   int64            `json:"bytes"`
	Copies  []Copy           `json:"copies"`
	Rows    map[string]int64 `json:"rows"`
}

// Info asks the database what it is.
func (s *Store) Info(ctx context.Context) (Info, error) {
	info := Info{Kind: s.Kind(), Copies: Copies(s.dir), Rows: map[string]int64{}}
	version, size := "SELECT sqlite_version()", "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	if s.remote != nil {
		version, size = "SHOW server_version", "SELECT pg_database_size(current_database())"
	}
	err := s.snapshot(ctx, "looking at the database", func(tx *gorm.DB) error {
		if err := tx.Raw(version).Scan(&info.Version).Error; err != nil {
			return err
		}
		if err := tx.Raw(size).Scan(&info.Bytes).Error; err != nil {
			return err
		}
		if err := tx.Table(migrationsTable).Select("MAX(id)").Scan(&info.Schema).Error; err != nil {
			return err
		}
		names, err := tablesOf(tx)
		if err != nil {
			return err
		}
		for _, name := range names {
			var n int64
			if err := tx.Table(name).Count(&n).Error; err != nil {
				return err
			}
			info.Rows[name] = n
		}
		return nil
	})
	return info, err
}

// Check reads the whole database, beside the work that goes on: what the look at the start leaves
// out. It is for once a day. SQLite compares indexes with rows; of PostgreSQL every row of every
// table is read, which finds what its pages' checksums know; and every config var must open.
func (s *Store) Check(ctx context.Context) error {
	doing := "checking the database"
	if s.remote == nil {
		if err := examine(s.read(ctx), s.dir, "integrity_check"); err != nil {
			return s.explain(ctx, doing, err)
		}
	}
	return s.explain(ctx, doing, s.reading(ctx, func(tx *gorm.DB) error {
		if err := unhurried(tx); err != nil {
			return err
		}
		names, err := tablesOf(tx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := sumOf(tx, name); err != nil {
				return err
			}
		}
		if _, err := s.openAll(tx); err != nil {
			return err
		}
		_, damaged, err := s.openOnces(tx)
		return errors.Join(err, damaged)
	}))
}

// checkedKey is in meta: when the whole database was found sound.
const checkedKey = "checked"

// CheckDaily is Check unless the database was found sound within the last 23 hours; done says which. The
// time is written down, as a server may be started anew every day.
func (s *Store) CheckDaily(ctx context.Context) (done bool, err error) {
	value, err := metaIn(s.read(ctx), checkedKey)
	if err != nil {
		return true, s.explain(ctx, "reading when the database was checked", err)
	}
	at, parseErr := time.Parse(time.RFC3339, value)
	if age := s.now().Sub(at); parseErr == nil && age >= 0 && age < 23*time.Hour {
		return false, nil
	}
	if err := s.Check(ctx); err != nil {
		return true, err
	}
	return true, s.write(ctx, "noting when the database was checked", func(tx *gorm.DB) error {
		return setMetaIn(tx, checkedKey, s.now().Format(time.RFC3339))
	})
}

// Exists reports whether a data directory has, or had, a database: where secrets are sealed
// already, a lost key must not be replaced by a new one.
func Exists(dir string) (bool, error) {
	for _, name := range []string{File, instanceName} {
		there, err := exists(filepath.Join(dir, name))
		if err != nil || there {
			return there, err
		}
	}
	return false, nil
}
