package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// migrations lists every change of the schema, oldest first. Append only: a migration that has
// left the house is never edited, and works on structs of its own.
func migrations() []*gormigrate.Migration {
	return []*gormigrate.Migration{
		{ID: "0001_first", Migrate: func(tx *gorm.DB) error { return tx.Migrator().CreateTable(schema1()...) }},
		{ID: "0002_ssh_keys", Migrate: func(tx *gorm.DB) error { return tx.Migrator().CreateTable(&schema2SSHKey{}) }},
	}
}

const (
	migrationsTable = "migrations"
	copiesKept      = 3
)

func newMigrator(db *gorm.DB, steps []*gormigrate.Migration) *gormigrate.Gormigrate {
	return gormigrate.New(db, &gormigrate.Options{
		TableName: migrationsTable, IDColumnName: "id", IDColumnSize: 255,
		UseTransaction: true, ValidateUnknownMigrations: true,
	}, steps)
}

// migrate copies the database and then runs what is missing, all in one transaction: when a step
// fails, the Lugsail that ran before finds the database that it knows.
func (s *Store) migrate(ctx context.Context, steps []*gormigrate.Migration) error {
	var done []string
	if err := s.read(ctx).Table(migrationsTable).Pluck("id", &done).Error; err != nil {
		return s.explain(ctx, "reading the schema's number", err)
	}
	pending, err := plan(s.dir, done, steps)
	if err != nil || len(pending) == 0 {
		return err
	}
	kept, err := s.copyDatabase(ctx, pending[0].ID)
	if err != nil {
		return err
	}
	at := ""
	named := make([]*gormigrate.Migration, len(steps))
	for i, step := range steps {
		named[i] = &gormigrate.Migration{ID: step.ID, Migrate: func(tx *gorm.DB) error {
			at = step.ID
			return step.Migrate(tx)
		}}
	}
	err = s.explain(ctx, "changing the schema", newMigrator(s.writer.WithContext(ctx), named).Migrate())
	var known *platform.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return platform.Errorf(platform.Unavailable, "migration_failed",
		"The database could not be changed for this version of Lugsail (%s). It is as it was before.", at).
		WithHint("Apps keep running. Install the Lugsail that ran before. A copy of the database is %s.", kept).Because(err)
}

// plan says which steps are still to do, and refuses a database of a newer Lugsail.
func plan(dir string, done []string, steps []*gormigrate.Migration) ([]*gormigrate.Migration, error) {
	var pending []*gormigrate.Migration
	known := map[string]bool{}
	for _, step := range steps {
		known[step.ID] = true
		if !slices.Contains(done, step.ID) {
			pending = append(pending, step)
		}
	}
	for _, id := range done {
		if !known[id] {
			return nil, newer(dir, id)
		}
	}
	return pending, nil
}

func newer(dir, id string) error {
	e := platform.Errorf(platform.Conflict, "database_newer",
		"The database was written by a newer Lugsail (it has %s, which this one does not know).", id)
	hint := "Apps keep running. Install the newer Lugsail again."
	if copied := newestCopy(dir); copied != "" {
		hint += " To go back for good, stop Lugsail and restore the copy from before the upgrade, " + copied + "; what changed since is lost."
	}
	return e.WithHint("%s", hint)
}

// copyDatabase writes a consistent copy into copies/, durably, and keeps the newest three.
func (s *Store) copyDatabase(ctx context.Context, before string) (string, error) {
	dir := filepath.Join(s.dir, "copies")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("copying the database: %w", err)
	}
	path := filepath.Join(dir, s.now().Format("20060102T150405.000000Z")+"-before-"+before+".db")
	draft := path + ".new"
	if err := s.writer.WithContext(ctx).Exec("VACUUM INTO ?", draft).Error; err != nil {
		_ = os.Remove(draft) // half of a copy helps nobody
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

// copies lists the copies, oldest first: their names start with the time.
func copies(dir string) []string {
	found, err := filepath.Glob(filepath.Join(dir, "copies", "*.db"))
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

func dropOldCopies(dir string) error {
	found := copies(dir)
	for _, old := range found[:max(0, len(found)-copiesKept)] {
		if err := os.Remove(old); err != nil {
			return fmt.Errorf("dropping an old copy of the database: %w", err)
		}
	}
	return nil
}
