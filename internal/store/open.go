package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/glebarez/sqlite"
	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

const (
	// File is the name of the database in the data directory.
	File         = "lugsail.db"
	instanceName = "instance" // holds the id that the database's meta row holds too
	instanceKey  = "instance"
)

// openDatabase makes the database at the very first start, checks it at every other one,
// and migrates it.
func (s *Store) openDatabase(ctx context.Context, steps []*gormigrate.Migration) error {
	if err := s.swapIn(); err != nil {
		return s.explainOpen(ctx, err)
	}
	path := filepath.Join(s.dir, File)
	known, err := s.readInstance()
	if err != nil {
		return err
	}
	if err := s.ensureDatabase(ctx, path, known, steps); err != nil {
		return err
	}
	if err := s.connect(path); err != nil {
		return s.explainOpen(ctx, err)
	}
	if err := s.verify(ctx, known); err != nil {
		return s.explainOpen(ctx, err)
	}
	return s.migrate(ctx, steps)
}

// ensureDatabase refuses what is not a database, and makes one where there never was any.
func (s *Store) ensureDatabase(ctx context.Context, path, known string, steps []*gormigrate.Migration) error {
	err := checkFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return s.explainOpen(ctx, err)
	}
	if known != "" {
		return damaged(s.dir, "the file is gone")
	}
	return s.create(ctx, path, steps)
}

// checkFile looks at the file before SQLite does, which takes an empty file for a new database.
func checkFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	head := make([]byte, 16)
	n, err := io.ReadFull(f, head)
	dir := filepath.Dir(path)
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return damaged(dir, "the file is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return damaged(dir, "the file is cut off")
	case err != nil:
		return fmt.Errorf("reading the database: %w", err)
	case !bytes.Equal(head, []byte("SQLite format 3\x00")):
		return damaged(dir, "the file does not start like a SQLite database")
	}
	return nil
}

// create builds a complete database under another name and then moves it into place, so that
// a crash on the way never leaves half of one.
func (s *Store) create(ctx context.Context, path string, steps []*gormigrate.Migration) error {
	draft := path + ".new"
	if err := removeDatabase(draft); err != nil {
		return err
	}
	db, err := openWriter(draft, "rwc")
	if err != nil {
		return s.explain(ctx, "making the database", err)
	}
	err = s.fill(db.WithContext(ctx), steps)
	if closeErr := closeDB(db); err == nil {
		err = closeErr
	}
	if err != nil {
		return s.explain(ctx, "making the database", err)
	}
	if err := os.Chmod(draft, 0o600); err != nil {
		return fmt.Errorf("making the database: %w", err)
	}
	return moveInto(draft, path)
}

func (s *Store) fill(db *gorm.DB, steps []*gormigrate.Migration) error {
	if err := newMigrator(db, steps).Migrate(); err != nil {
		return err
	}
	return db.Create(&metaEntry{Key: instanceKey, Value: platform.NewID()}).Error
}

func (s *Store) connect(path string) (err error) {
	if s.writer, err = openWriter(path, "rw"); err != nil {
		return err
	}
	s.reader, err = openReaders(path)
	return err
}

// verify compares the instance ids and lets SQLite look over the whole file.
func (s *Store) verify(ctx context.Context, known string) error {
	if err := examine(s.writer.WithContext(ctx), s.dir, "quick_check"); err != nil {
		return err
	}
	return s.verifyInstance(ctx, known)
}

func (s *Store) verifyInstance(ctx context.Context, known string) error {
	id, err := metaIn(s.read(ctx), instanceKey)
	if s.remote != nil && err != nil {
		return err
	}
	if err != nil || id == "" {
		return s.unusable("it does not say which server it belongs to").Because(err)
	}
	moved, err := metaIn(s.read(ctx), movedKey)
	if err != nil {
		return err
	}
	if moved != "" {
		return movedAway(moved)
	}
	switch known {
	case id:
		return nil
	case "": // the first start ended between the two files
		return s.writeInstance(id)
	}
	return s.unusable("it belongs to another server")
}

// unusable is damaged for either kind of database.
func (s *Store) unusable(reason string) *platform.Error {
	if s.remote == nil {
		return damaged(s.dir, reason)
	}
	return platform.Errorf(platform.Unavailable, "database_damaged", "The database (%s) cannot be used: %s.", s.remote.where, reason).
		WithHint("Apps keep running. Correct the setting `database`, or put a copy back: lugsail db restore COPY (lugsail db copies lists them).")
}

func movedAway(where string) error {
	return platform.Errorf(platform.Conflict, "database_moved", "The contents of this database were moved to %s.", where).
		WithHint("Apps keep running. Set `database` to where they are now. To go back with all that is there: lugsail db migrate-to; to what was here at the move: lugsail db restore COPY (lugsail db copies lists them).")
}

func examine(db *gorm.DB, dir, check string) error {
	var findings []string
	if err := db.Raw("PRAGMA " + check + "(5)").Scan(&findings).Error; err != nil {
		return err
	}
	if len(findings) != 1 || findings[0] != "ok" {
		return damaged(dir, "the check of its pages found: "+strings.Join(findings, "; "))
	}
	return nil
}

func (s *Store) readInstance() (string, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, instanceName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the instance's id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (s *Store) writeInstance(id string) error {
	if err := atomicfile.Write(filepath.Join(s.dir, instanceName), []byte(id+"\n"), 0o600); err != nil {
		return fmt.Errorf("keeping the instance's id: %w", err)
	}
	return nil
}

// explainOpen gives the reason for people why the database cannot be opened.
func (s *Store) explainOpen(ctx context.Context, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return platform.Errorf(platform.Unavailable, "database_unwritable", "Lugsail may not open its database in %s.", s.dir).
			WithHint("Give the directory and its files back to Lugsail's user with chown.").Because(err)
	}
	if errors.Is(err, syscall.EROFS) {
		return platform.Errorf(platform.Unavailable, "database_unwritable", "The disk of %s is mounted read-only.", s.dir).
			WithHint("A disk with errors is made read-only by the system: dmesg shows them. Check it, then mount it for writing: mount -o remount,rw. Apps keep running.").Because(err)
	}
	return s.explain(ctx, "opening the database", err)
}

// damaged refuses to go on with the database and names the newest copy to restore.
func damaged(dir, reason string) *platform.Error {
	path := filepath.Join(dir, File)
	e := platform.Errorf(platform.Unavailable, "database_damaged", "The database %s cannot be used: %s.", path, reason)
	if newest := newestCopy(dir); newest != "" {
		return e.WithHint("Apps keep running. The damaged file is kept. Restore the newest copy: lugsail db restore %s",
			newest)
	}
	return e.WithHint("Apps keep running. Restore the file from a backup, then run: lugsail service restart.")
}

// openWriter opens the one connection that writes. Immediate transactions take the lock at
// their start, where SQLite waits for it; a later upgrade would fail at once.
func openWriter(path, mode string) (*gorm.DB, error) {
	db, err := openDB(path, "mode="+mode+"&_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)"+
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=journal_size_limit(67108864)", 1)
	if err != nil {
		return nil, err
	}
	return db, useUTC(db)
}

func openReaders(path string) (*gorm.DB, error) {
	return openDB(path, "mode=rw&_pragma=busy_timeout(5000)&_pragma=query_only(1)&_pragma=foreign_keys(1)", 4)
}

func openDB(path, options string, connections int) (*gorm.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options
	db, err := gorm.Open(sqlite.Open(dsn), &gorm.Config{
		SkipDefaultTransaction: true,
		TranslateError:         true,
		Logger:                 logger.Discard, // it would print values
	})
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(min(connections, 2))
	return db, nil
}

func closeDB(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	if err := pool.Close(); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

// moveInto renames a finished file durably.
func moveInto(from, to string) error {
	if err := syncFile(from); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("moving %s into place: %w", to, err)
	}
	return syncFile(filepath.Dir(to))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	err = f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return nil
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for %s: %w", path, err)
	}
	return true, nil
}
