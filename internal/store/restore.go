package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// restoreName is a copy that takes the place of the database at the next start, before anything
// is read. It is put there whole or not at all, so that a restore may be cut off anywhere.
const restoreName = "restore.db"

// Restorable tells what a copy holds that StageRestore took.
type Restorable struct {
	Path   string `json:"path"`
	Apps   int64  `json:"apps"`
	Events int64  `json:"events"`
	Values int    `json:"values"` // sealed ones that open with the server's key
}

// StageRestore examines a copy and lays it ready for the next start of the control plane, which
// keeps the database of before as a copy. It needs no control plane that runs, and no database
// that can be opened.
func StageRestore(ctx context.Context, cfg Config, path string) (Restorable, error) {
	found, err := examineCopy(ctx, cfg, path)
	if err != nil {
		return Restorable{}, err
	}
	draft := filepath.Join(cfg.Dir, restoreName+".new")
	if err := copyFile(path, draft); err != nil {
		return Restorable{}, err
	}
	return found, moveInto(draft, filepath.Join(cfg.Dir, restoreName))
}

// examineCopy refuses what is no whole copy of this server's database. It works on a duplicate:
// opening a database writes beside it.
func examineCopy(ctx context.Context, cfg Config, path string) (found Restorable, err error) {
	s := &Store{dir: cfg.Dir, key: cfg.Key}
	refused := func(reason string) *platform.Error {
		return platform.Errorf(platform.Invalid, "copy_unusable", "%s cannot be put back: %s.", path, reason).
			WithHint("Take another one: lugsail db copies")
	}
	if err := checkFile(path); errors.Is(err, fs.ErrNotExist) {
		return found, platform.Errorf(platform.NotFound, "copy_not_found", "There is no copy %s.", path).WithHint("See: lugsail db copies")
	} else if err != nil {
		return found, refused("it is no database, or cut off").Because(err)
	}
	work := filepath.Join(cfg.Dir, restoreName+".check")
	defer func() { err = errors.Join(err, removeDatabase(work)) }()
	if err := copyFile(path, work); err != nil {
		return found, err
	}
	db, err := openWriter(work, "rw")
	if err != nil {
		return found, refused("it is damaged").Because(err)
	}
	defer func() { err = errors.Join(err, closeDB(db)) }()
	if err := examine(db.WithContext(ctx), cfg.Dir, "integrity_check"); err != nil {
		return found, refused("it is damaged").Because(err)
	}
	known, err := s.readInstance()
	if err != nil {
		return found, err
	}
	id, err := metaIn(db.WithContext(ctx), instanceKey)
	switch {
	case err != nil || id == "":
		return found, refused("it is no database of Lugsail").Because(err)
	case known != "" && id != known:
		return found, refused("it belongs to another server")
	}
	return s.countCopy(ctx, db, path, refused)
}

func (s *Store) countCopy(ctx context.Context, db *gorm.DB, path string, refused func(string) *platform.Error) (Restorable, error) {
	found := Restorable{Path: path}
	var done []string
	if err := db.WithContext(ctx).Table(migrationsTable).Pluck("id", &done).Error; err != nil {
		return found, refused("it is no database of Lugsail").Because(err)
	}
	steps := migrations()
	for _, id := range done {
		known := false
		for _, step := range steps {
			known = known || step.ID == id
		}
		if !known {
			return found, refused("a newer Lugsail wrote it (it has " + id + ")")
		}
	}
	var err error
	if found.Values, err = s.openAll(db.WithContext(ctx)); err != nil {
		return found, refused("its secrets do not open with this server's key").Because(err)
	}
	err = errors.Join(
		db.WithContext(ctx).Table(platformTable(db, &platform.App{})).Count(&found.Apps).Error,
		db.WithContext(ctx).Table(platformTable(db, &platform.Event{})).Count(&found.Events).Error,
	)
	return found, err
}

// platformTable names the table of a noun; older copies may lack some of its columns.
func platformTable(db *gorm.DB, noun any) string {
	statement := &gorm.Statement{DB: db}
	if err := statement.Parse(noun); err != nil {
		return "" // the nouns do parse, or nothing would work
	}
	return statement.Schema.Table
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	defer func() { _ = in.Close() }() // nothing was written
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	return nil
}

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

// loadIn replaces the contents of a PostgreSQL database by those of a staged copy, in one
// transaction, after a copy of what was there.
func (s *Store) loadIn(ctx context.Context) error {
	staged := filepath.Join(s.dir, restoreName)
	if _, err := os.Stat(staged); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	tables, err := s.writer.WithContext(ctx).Migrator().GetTables()
	if err != nil {
		return err
	}
	if slices.Contains(tables, migrationsTable) {
		if _, err := s.copyDatabase(ctx, copyRestore); err != nil {
			return err
		}
	} else if len(tables) > 0 {
		return notEmpty(s.remote.where, tables)
	}
	// The copy gets today's tables first, beside the data directory's own.
	work := &Store{dir: s.dir, now: s.now, key: s.key, steps: s.steps}
	from, err := openWriter(staged, "rw")
	if err != nil {
		return err
	}
	defer func() { _ = closeDB(from) }() // it is removed
	work.writer, work.reader = from, from
	if err := newMigrator(from.WithContext(ctx), s.steps).Migrate(); err != nil {
		return fmt.Errorf("bringing the copy up to date: %w", err)
	}
	err = s.writer.WithContext(ctx).Transaction(func(to *gorm.DB) error {
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
	if err != nil {
		return fmt.Errorf("putting the copy back: %w", err)
	}
	return removeDatabase(staged)
}
