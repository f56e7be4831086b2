package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// unknownIn names the first of the done steps that is not among those; "" when all are.
func unknownIn(done []string, steps []*gormigrate.Migration) string {
	at := slices.IndexFunc(done, func(id string) bool {
		return !slices.ContainsFunc(steps, func(m *gormigrate.Migration) bool { return m.ID == id })
	})
	if at < 0 {
		return ""
	}
	return done[at]
}

// newestKnown finds the newest copy that a Lugsail with these steps can use; "" when there is none.
func newestKnown(dir string, steps []*gormigrate.Migration) string {
	for _, c := range Copies(dir) {
		db, err := openDB(c.Path, "mode=ro&immutable=1", 1)
		if err != nil {
			continue // no database
		}
		done, err := doneIn(db)
		if err = errors.Join(err, closeDB(db)); err == nil && len(done) > 0 && unknownIn(done, steps) == "" {
			return c.Path
		}
	}
	return ""
}

func doneIn(db *gorm.DB) (done []string, err error) {
	err = db.Table(migrationsTable).Order("id").Pluck("id", &done).Error
	return done, err
}

// WayBack tells which copy to restore where a newer Lugsail has changed the database since; "" where this
// one knows it as it is. It only reads, so that it may be asked beside a control plane.
func WayBack(ctx context.Context, cfg Config) (string, error) { return wayBack(ctx, cfg, migrations()) }

func wayBack(ctx context.Context, cfg Config, steps []*gormigrate.Migration) (path string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	s := &Store{dir: cfg.Dir}
	db, err := s.openToLook(cfg)
	if err != nil {
		return "", s.explainOpen(ctx, err)
	}
	defer func() { err = errors.Join(err, closeDB(db)) }()
	done, err := doneIn(db.WithContext(ctx))
	if err != nil {
		return "", s.explainOpen(ctx, err)
	}
	id := unknownIn(done, steps)
	if id == "" {
		return "", nil
	}
	if path = newestKnown(cfg.Dir, steps); path == "" {
		return "", newer(cfg.Dir, id, steps)
	}
	return path, nil
}

func newer(dir, id string, steps []*gormigrate.Migration) error {
	e := platform.Errorf(platform.Conflict, "database_newer",
		"The database was written by a newer Lugsail (it has %s, which this one does not know).", id)
	hint := "Apps keep running. Install the newer Lugsail again."
	if known := newestKnown(dir, steps); known != "" {
		hint += " To go back for good, restore the copy from before the upgrade: lugsail db restore " + known + ". What changed since is set aside."
	}
	return e.WithHint("%s", hint)
}
