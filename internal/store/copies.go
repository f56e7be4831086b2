package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"
)

// Copies of the database lie in copies/ beside it, each a complete SQLite database whatever the
// live one is. Their names say when and why: 20060102T150405.000000Z-daily.db.
const (
	copiesDir   = "copies"
	copyTime    = "20060102T150405.000000Z"
	copyDaily   = "daily"
	copyByHand  = "by-hand"
	copyMove    = "before-move"
	copyRestore = "before-restore"
	copiesKept  = 3 // of those before changes of the schema
	copiesOther = 5 // by hand, before moves and before restores, each
	copiesDaily = 7
)

// Copy is one copy of the database.
type Copy struct {
	Path  string    `json:"path"`
	At    time.Time `json:"at"`
	Why   string    `json:"why"`
	Bytes int64     `json:"bytes"`
}

// Copies lists the copies in a data directory, newest first.
func Copies(dir string) []Copy {
	found := copies(dir)
	slices.Reverse(found)
	list := make([]Copy, 0, len(found))
	for _, path := range found {
		at, why := readName(path)
		c := Copy{Path: path, At: at, Why: why}
		if info, err := os.Stat(path); err == nil {
			c.Bytes = info.Size()
		}
		list = append(list, c)
	}
	return list
}

// readName takes the name of a copy apart.
func readName(path string) (time.Time, string) {
	stamp, why, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".db"), "-")
	at, err := time.Parse(copyTime, stamp)
	if err != nil {
		return time.Time{}, why // somebody else's file
	}
	return at, why
}

// Copy writes a copy of the database while it is in use, and gives its path.
func (s *Store) Copy(ctx context.Context) (string, error) { return s.copyDatabase(ctx, copyByHand) }

// CopyDaily writes the copy of the day unless there is one that is younger than 23 hours.
func (s *Store) CopyDaily(ctx context.Context) (string, error) {
	for _, c := range Copies(s.dir) {
		if c.Why == copyDaily && s.now().Sub(c.At) < 23*time.Hour && !c.At.After(s.now()) {
			return "", nil
		}
	}
	return s.copyDatabase(ctx, copyDaily)
}

// copyDatabase writes a consistent copy into copies/, durably, and drops old ones of its kind.
func (s *Store) copyDatabase(ctx context.Context, why string) (string, error) {
	dir := filepath.Join(s.dir, copiesDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("copying the database: %w", err)
	}
	path := filepath.Join(dir, s.now().Format(copyTime)+"-"+why+".db")
	draft := path + ".new"
	if err := s.writeCopy(ctx, draft); err != nil {
		_ = removeDatabase(draft) // half of a copy helps nobody
		return "", s.explain(ctx, "copying the database", err)
	}
	if err := os.Chmod(draft, 0o600); err != nil {
		return "", fmt.Errorf("copying the database: %w", err)
	}
	if err := moveInto(draft, path); err != nil {
		return "", err
	}
	return path, dropOldCopies(s.dir)
}

func (s *Store) writeCopy(ctx context.Context, draft string) error {
	if s.remote == nil {
		return s.writer.WithContext(ctx).Exec("VACUUM INTO ?", draft).Error
	}
	var done []string
	if err := s.read(ctx).Table(migrationsTable).Pluck("id", &done).Error; err != nil {
		return err
	}
	steps := slices.DeleteFunc(slices.Clone(s.steps), func(m *gormigrate.Migration) bool { return !slices.Contains(done, m.ID) })
	return s.exportTo(ctx, draft, steps)
}

// exportTo writes the contents of the live database into a new SQLite file.
func (s *Store) exportTo(ctx context.Context, path string, steps []*gormigrate.Migration) (err error) {
	if err := removeDatabase(path); err != nil {
		return err
	}
	to, err := openWriter(path, "rwc")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDB(to)) }()
	if err := newMigrator(to.WithContext(ctx), steps).Migrate(); err != nil {
		return err
	}
	return s.reading(ctx, func(from *gorm.DB) error {
		if err := unhurried(from); err != nil {
			return err
		}
		return to.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			_, _, err := copyAll(ctx, from, tx)
			return err
		})
	})
}

// reading runs fn in one reading transaction, as snapshot does, without a word on errors.
func (s *Store) reading(ctx context.Context, fn func(tx *gorm.DB) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if s.remote != nil {
		options.Isolation = sql.LevelRepeatableRead // SQLite's reading transactions are so by themselves
	}
	return s.read(ctx).Transaction(fn, options)
}

// removeDatabase removes a SQLite file and what belongs to it.
func removeDatabase(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an unfinished database: %w", err)
		}
	}
	return nil
}

// copies lists the copies, oldest first: their names start with the time.
func copies(dir string) []string {
	found, err := filepath.Glob(filepath.Join(dir, copiesDir, "*.db"))
	if err != nil {
		return nil // only a bad pattern, which this is not
	}
	slices.Sort(found)
	return found
}

func newestCopy(dir string) string {
	found := copies(dir)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// dropDrafts removes what copies that were cut off have left. The caller holds the data directory.
func dropDrafts(dir string) error {
	found, err := filepath.Glob(filepath.Join(dir, copiesDir, "*.db.new*"))
	if err != nil {
		return fmt.Errorf("listing unfinished copies: %w", err)
	}
	for _, path := range found {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("removing an unfinished copy: %w", err)
		}
	}
	return nil
}

// dropOldCopies keeps as many of each kind as its kind says.
func dropOldCopies(dir string) error {
	found := copies(dir)
	slices.Reverse(found)
	kept := map[string]int{}
	for _, path := range found {
		_, why := readName(path)
		most := copiesOther
		switch {
		case why == copyDaily:
			most = copiesDaily
		case strings.HasPrefix(why, "before-0"):
			why, most = "migration", copiesKept
		}
		if kept[why]++; kept[why] <= most {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("dropping an old copy of the database: %w", err)
		}
	}
	return nil
}
