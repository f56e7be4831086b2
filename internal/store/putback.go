package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

// swapIn puts a staged copy in the place of the SQLite file, which is kept beside the copies,
// with what belongs to it, however damaged it is.
func (s *Store) swapIn() error {
	staged, path := filepath.Join(s.dir, restoreName), filepath.Join(s.dir, File)
	if _, err := os.Stat(staged); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	kept := filepath.Join(s.dir, copiesDir, s.now().Format(copyTime)+"-"+copyRestore)
	if err := os.MkdirAll(kept, 0o700); err != nil {
		return fmt.Errorf("keeping the database of before: %w", err)
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal", ""} { // the file itself last: what a cut leaves is whole or taken again
		err := os.Rename(path+suffix, filepath.Join(kept, File+suffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keeping the database of before: %w", err)
		}
	}
	if err := moveInto(staged, path); err != nil {
		return err
	}
	return s.dropSetAside()
}

// dropSetAside keeps three of the databases that a restore has taken the place of.
func (s *Store) dropSetAside() error {
	found, err := filepath.Glob(filepath.Join(s.dir, copiesDir, "*-"+copyRestore))
	if err != nil {
		return fmt.Errorf("listing old databases: %w", err)
	}
	slices.Sort(found)
	for _, old := range found[:max(0, len(found)-copiesKept)] {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("dropping an old database: %w", err)
		}
	}
	return nil
}

// SetAside tells where the database lies that the last restore has taken the place of; "" when there is none.
func SetAside(dir string) string {
	found, err := filepath.Glob(filepath.Join(dir, copiesDir, "*-"+copyRestore+"*"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return slices.Max(found)
}

// loadIn replaces the contents of a PostgreSQL database by those of a staged copy, in one
// transaction, after a copy of what was there. Where that cannot be read as a whole, or a newer
// Lugsail has changed it, its tables are moved into a schema of their own instead.
func (s *Store) loadIn(ctx context.Context) error {
	staged := filepath.Join(s.dir, restoreName)
	if _, err := os.Stat(staged); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	from, err := openWriter(staged, "rw")
	if err != nil {
		return err
	}
	defer func() { _ = closeDB(from) }() // it is removed
	id, err := metaIn(from.WithContext(ctx), instanceKey)
	if err != nil {
		return err
	}
	tables, err := s.notAnothers(ctx, id)
	if err != nil {
		return err
	}
	// The copy gets today's tables first, beside the data directory's own.
	if err := newMigrator(from.WithContext(ctx), s.steps).Migrate(); err != nil {
		return fmt.Errorf("bringing the copy up to date: %w", err)
	}
	work := &Store{dir: s.dir, now: s.now, key: s.key, steps: s.steps, writer: from, reader: from}
	if err := s.loadOver(ctx, work, tables); err != nil {
		return fmt.Errorf("putting the copy back: %w", err)
	}
	return removeDatabase(staged)
}

func (s *Store) loadOver(ctx context.Context, work *Store, tables []string) error {
	var copyErr error
	if len(tables) > 0 {
		_, copyErr = s.copyDatabase(ctx, copyRestore)
	}
	if copyErr == nil {
		copyErr = s.load(ctx, work, func(*gorm.DB) error { return nil })
	}
	if copyErr == nil || len(tables) == 0 || ctx.Err() != nil {
		return copyErr
	}
	slog.WarnContext(ctx, "the tables of before cannot be replaced, and are set aside", "error", copyErr)
	stamp := s.now().Format(copyTime)
	schema := "lugsail_" + strings.ToLower(strings.ReplaceAll(stamp, ".", "_"))
	err := s.load(ctx, work, func(tx *gorm.DB) error { return moveTables(tx, tables, schema) })
	if err != nil {
		return errors.Join(err, copyErr)
	}
	return errors.Join(s.dropReaders(), s.noteAside(stamp, schema))
}

// dropReaders ends connections that have prepared statements for the tables of before.
func (s *Store) dropReaders() error {
	pool, err := s.reader.DB()
	if err != nil {
		return fmt.Errorf("reading anew: %w", err)
	}
	pool.SetMaxIdleConns(-1)
	pool.SetMaxIdleConns(2)
	return nil
}

// load fills the tables, after before, in one transaction.
func (s *Store) load(ctx context.Context, work *Store, before func(*gorm.DB) error) error {
	return s.writer.WithContext(ctx).Transaction(func(to *gorm.DB) error {
		if err := unhurried(to); err != nil {
			return err
		}
		if err := before(to); err != nil {
			return err
		}
		if err := newMigrator(to, s.steps).Migrate(); err != nil {
			return err
		}
		if err := to.Where("key IN ?", []string{movedKey, movingKey}).Delete(&metaEntry{}).Error; err != nil {
			return err
		}
		return work.reading(ctx, func(read *gorm.DB) error {
			_, _, err := copyAll(ctx, read, to)
			return err
		})
	})
}

// moveTables takes tables out of the way without reading them, with their indexes and numbers.
func moveTables(tx *gorm.DB, tables []string, schema string) error {
	if err := tx.Exec("CREATE SCHEMA " + tx.Statement.Quote(schema)).Error; err != nil {
		return platform.Errorf(platform.Unavailable, "database_damaged", "The tables in the database cannot be used, and may not be set aside: Lugsail's user may not make a schema there.").
			WithHint("Allow it as the database's administrator: GRANT CREATE ON DATABASE … TO …. Or name an empty database in the setting `database`. Then: lugsail service restart").Because(err)
	}
	for _, table := range tables {
		if err := tx.Exec("ALTER TABLE " + tx.Statement.Quote(table) + " SET SCHEMA " + tx.Statement.Quote(schema)).Error; err != nil {
			return fmt.Errorf("setting %s aside: %w", table, err)
		}
	}
	return nil
}

// noteAside says in the place where people look where the old tables are.
func (s *Store) noteAside(stamp, schema string) error {
	text := fmt.Sprintf("The tables that were in %s before the restore are still there, in the schema %s.\n"+
		"When they are not needed any more: DROP SCHEMA %s CASCADE;\n", s.remote.where, schema, schema)
	dir := filepath.Join(s.dir, copiesDir, stamp+"-"+copyRestore)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("noting where the old tables are: %w", err)
	}
	return atomicfile.Write(filepath.Join(dir, "where.txt"), []byte(text), 0o600)
}

// notAnothers refuses to touch tables that are not this server's, and gives those that are there.
func (s *Store) notAnothers(ctx context.Context, id string) ([]string, error) {
	tables, err := s.writer.WithContext(ctx).Migrator().GetTables()
	if err != nil || len(tables) == 0 {
		return nil, err
	}
	hasMeta := slices.Contains(tables, (metaEntry{}).TableName())
	if !hasMeta && !slices.Contains(tables, migrationsTable) {
		return nil, notEmpty(s.remote.where, tables)
	}
	if !hasMeta {
		return tables, nil // nobody's any more; they are set aside
	}
	owner, err := metaIn(s.writer.WithContext(ctx), instanceKey)
	if err != nil || owner == "" || owner == id {
		return tables, nil //nolint:nilerr // damaged tables give way to the copy
	}
	return nil, platform.Errorf(platform.Conflict, "database_others", "The database (%s) belongs to another Lugsail server (%s); the copy is of this one (%s).", s.remote.where, owner, id).
		WithHint("Nothing was changed there. Name this server's own database in the setting `database`, or an empty one (createdb lugsail), then: lugsail service restart. To give the restore up: rm %s", filepath.Join(s.dir, restoreName))
}

// notOthers looks at a PostgreSQL database before a copy is laid ready for it. One that does not
// answer now is looked at by the start.
func (s *Store) notOthers(ctx context.Context, cfg Config, id string) error {
	if cfg.Database == "" {
		return nil
	}
	r, err := newRemote(cfg.Database, cfg.Dir)
	if err != nil {
		return err
	}
	db, err := r.open(false)
	if err != nil {
		return err
	}
	looking := &Store{dir: cfg.Dir, remote: r, writer: db}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = looking.notAnothers(ctx, id)
	err = errors.Join(err, closeDB(db))
	var known *platform.Error
	if errors.As(err, &known) {
		return err
	}
	return nil
}
