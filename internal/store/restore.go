package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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
	draft := filepath.Join(cfg.Dir, restoreName+".new")
	found, err := examineCopy(ctx, cfg, path, draft)
	if err != nil {
		return Restorable{}, errors.Join(err, removeDatabase(draft))
	}
	if left, err := os.Stat(draft + "-wal"); err == nil && left.Size() > 0 { // the last close merges it, where there is room
		return Restorable{}, errors.Join(platform.Errorf(platform.NoRoom, "disk_full", "There is no room to put %s back.", path).
			WithHint("Free some space on the server, then try again: lugsail disk"), removeDatabase(draft))
	}
	if err := moveInto(draft, filepath.Join(cfg.Dir, restoreName)); err != nil {
		return Restorable{}, err
	}
	return found, removeDatabase(draft)
}

// examineCopy refuses what is no whole copy of this server's database. It works on a duplicate, the draft:
// opening a database writes beside it, and takes in what was not merged yet of one that was set aside.
func examineCopy(ctx context.Context, cfg Config, path, draft string) (found Restorable, err error) {
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
	if err := copyWhole(path, draft); err != nil {
		return found, err
	}
	db, err := openWriter(draft, "rw")
	if err != nil {
		return found, refused("it is damaged").Because(err)
	}
	defer func() { err = errors.Join(err, closeDB(db)) }() // with the last connection all is in one file
	if err := examine(db.WithContext(ctx), cfg.Dir, "integrity_check"); err != nil {
		return found, refused("it is damaged").Because(err)
	}
	id, err := s.examineInstance(ctx, db, refused)
	if err != nil {
		return found, err
	}
	if err := s.notOthers(ctx, cfg, id); err != nil {
		return found, err
	}
	return s.countCopy(ctx, db, path, refused)
}

func (s *Store) examineInstance(ctx context.Context, db *gorm.DB, refused func(string) *platform.Error) (string, error) {
	known, err := s.readInstance()
	if err != nil {
		return "", err
	}
	id, err := metaIn(db.WithContext(ctx), instanceKey)
	switch {
	case err != nil || id == "":
		return "", refused("it is no database of Lugsail").Because(err)
	case known != "" && id != known:
		return "", refused("it belongs to another server")
	}
	return id, nil
}

// copyWhole copies a database with what was written and not merged into it yet.
func copyWhole(from, to string) error {
	if err := removeDatabase(to); err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-journal", ""} {
		if err := copyFile(from+suffix, to+suffix); err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

func (s *Store) countCopy(ctx context.Context, db *gorm.DB, path string, refused func(string) *platform.Error) (Restorable, error) {
	found := Restorable{Path: path}
	var done []string
	if err := db.WithContext(ctx).Table(migrationsTable).Pluck("id", &done).Error; err != nil {
		return found, refused("it is no database of Lugsail").Because(err)
	}
	if id := unknownIn(done, migrations()); id != "" {
		return found, refused("a newer Lugsail wrote it (it has " + id + ")")
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
