package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// SQLite names the file in the data directory where an address of a database is asked for.
const SQLite = "sqlite"

// Move tells what MoveTo did.
type Move struct {
	From   string        `json:"from"`
	To     string        `json:"to"`
	Tables int           `json:"tables"`
	Rows   int           `json:"rows"`
	Values int           `json:"values"` // sealed ones that opened in the new database
	Paused time.Duration `json:"paused"` // how long nothing could be written
	Kept   string        `json:"kept"`   // a copy of the old contents
}

// MoveTo copies everything into another database and compares it there: an address of a
// PostgreSQL database, or "sqlite". keep makes it the setting; nothing is written from then on: the
// caller calls Moved and starts anew. A target that is not empty is refused, but for what a move
// that was cut off has left there. When it fails, in keep too, the old database goes on as before.
func (s *Store) MoveTo(ctx context.Context, address string, keep func() error, say func(string)) (move Move, err error) {
	target, err := s.target(ctx, address)
	if err != nil {
		return Move{}, err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	say("The new database is empty and takes Lugsail's tables.")
	release, err := s.pause(ctx, say)
	if err != nil {
		return Move{}, err
	}
	defer release()
	begun := time.Now()
	move = Move{From: s.Kind(), To: target.where}
	if move.Kept, err = s.copyDatabase(ctx, copyMove); err != nil {
		return Move{}, err
	}
	if err := s.fillTarget(ctx, target, &move); err != nil {
		return Move{}, err
	}
	if err := target.finish(); err != nil {
		return Move{}, err
	}
	if err := keep(); err != nil {
		return Move{}, errors.Join(platform.Errorf(platform.Unavailable, "database_setting_kept", "The new address of the database could not be written into the settings; the old database goes on as before.").
			WithHint("Nothing is lost. Repeat the command when the file of settings can be written. `lugsail service logs` says why it cannot.").Because(err), target.undo())
	}
	move.Paused = time.Since(begun)
	s.broken.Store(platform.Errorf(platform.Unavailable, "database_moving", "Lugsail is moving to another database.").WithHint("Try again in a few seconds."))
	return move, nil
}

// Kind says which kind of database this is, and where.
func (s *Store) Kind() string {
	if s.remote != nil {
		return s.remote.where
	}
	return "SQLite in " + filepath.Join(s.dir, File)
}

// pause waits until no deployment runs, and keeps everybody from writing.
func (s *Store) pause(ctx context.Context, say func(string)) (release func(), err error) {
	for waited := false; ; waited = true {
		if err := s.takeSlot(ctx, "pausing"); err != nil {
			return nil, err
		}
		var running int64
		err := s.read(ctx).Model(&platform.Deployment{}).Where("state = ?", platform.DeploymentRunning).Count(&running).Error
		if err == nil && running == 0 {
			return func() { <-s.slot }, nil
		}
		<-s.slot
		if err != nil {
			return nil, s.explain(ctx, "looking for deployments", err)
		}
		if !waited {
			say(fmt.Sprintf("Waiting until %d deployments have ended.", running))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for deployments: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (s *Store) fillTarget(ctx context.Context, t *target, move *Move) error {
	err := s.reading(ctx, func(from *gorm.DB) error {
		if err := unhurried(from); err != nil {
			return err
		}
		return t.db.WithContext(ctx).Transaction(func(to *gorm.DB) (err error) {
			if move.Tables, move.Rows, err = copyAll(ctx, from, to); err != nil {
				return err
			}
			move.Values, err = s.openAll(to)
			return err
		})
	})
	var known *platform.Error
	if err == nil || errors.As(err, &known) || ctx.Err() != nil {
		return err
	}
	return platform.Errorf(platform.Unavailable, "database_move", "The contents could not be moved; the old database goes on as before.").
		WithHint("`lugsail service logs` says why. The command can be repeated.").Because(err)
}

// Moved marks the old database, so that nobody goes on with it by mistake. The setting names the
// new one already.
func (s *Store) Moved(ctx context.Context, where string) error {
	return s.explain(ctx, "marking the old database", s.writer.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return setMetaIn(tx, movedKey, where+" on "+s.now().Format(time.DateTime)+" UTC")
	}))
}

// target is the database that a move goes to.
type target struct {
	db     *gorm.DB
	where  string
	close  func() error
	finish func() error
	undo   func() error // of finish, so that the move can be repeated
}

func nothing() error { return nil }

func (s *Store) target(ctx context.Context, address string) (*target, error) {
	if address == SQLite {
		return s.sqliteTarget(ctx)
	}
	r, err := newRemote(address, s.dir)
	if err != nil {
		return nil, err
	}
	if s.remote != nil && s.remote.where == r.where {
		return nil, platform.Errorf(platform.Invalid, "database_same", "That is the database which is in use already (%s).", r.where)
	}
	db, err := r.open(true)
	if err != nil {
		return nil, err
	}
	other := &Store{dir: s.dir, remote: r, writer: db, reader: db, now: s.now}
	t := &target{db: db, where: r.where, close: func() error { return closeDB(db) }, finish: nothing, undo: nothing}
	if err := other.prepare(ctx, s); err != nil {
		return nil, errors.Join(other.explain(ctx, "preparing the new database", err), t.close())
	}
	return t, nil
}

// prepare makes the tables in an empty PostgreSQL database, or takes those that a move of the
// same server has left there.
func (s *Store) prepare(ctx context.Context, from *Store) error {
	s.patience = from.patience
	if err := s.awaitPostgres(ctx); err != nil {
		return err
	}
	instance, err := from.Instance(ctx)
	if err != nil {
		return err
	}
	db := s.writer.WithContext(ctx)
	tables, err := db.Migrator().GetTables()
	if err != nil {
		return err
	}
	if slices.Contains(tables, (metaEntry{}).TableName()) {
		if moving, err := metaIn(db, movingKey); err != nil || moving != instance {
			return errors.Join(err, notEmpty(s.remote.where, tables))
		}
	} else if len(tables) > 0 {
		return notEmpty(s.remote.where, tables)
	}
	return db.Transaction(func(tx *gorm.DB) error {
		if err := newMigrator(tx, from.steps).Migrate(); err != nil {
			return err
		}
		return setMetaIn(tx, movingKey, instance)
	})
}

// sqliteTarget is a draft that is moved into place when it is complete. The file from before an
// earlier move to PostgreSQL may be replaced: it says that its contents were moved.
func (s *Store) sqliteTarget(ctx context.Context) (*target, error) {
	if s.remote == nil {
		return nil, platform.Errorf(platform.Invalid, "database_same", "SQLite is in use already.")
	}
	path := filepath.Join(s.dir, File)
	if err := s.replaceable(ctx, path); err != nil {
		return nil, err
	}
	draft := path + ".new"
	if err := removeDatabase(draft); err != nil {
		return nil, err
	}
	db, err := openWriter(draft, "rwc")
	if err != nil {
		return nil, err
	}
	open := true
	shut := func() error {
		if !open {
			return nil
		}
		open = false
		return closeDB(db)
	}
	t := &target{db: db, where: "SQLite in " + path, close: shut, undo: func() error { return removeDatabase(path) }}
	t.finish = func() error {
		for _, step := range []func() error{shut, func() error { return os.Chmod(draft, 0o600) }, func() error { return removeDatabase(path) }} {
			if err := step(); err != nil {
				return fmt.Errorf("finishing the new database: %w", err) // what lies there stays
			}
		}
		return moveInto(draft, path)
	}
	if err := newMigrator(db.WithContext(ctx), s.steps).Migrate(); err != nil {
		return nil, errors.Join(s.explain(ctx, "preparing the new database", err), shut())
	}
	return t, nil
}

// replaceable keeps a SQLite file that still counts from being replaced.
func (s *Store) replaceable(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	inUse := platform.Errorf(platform.Conflict, "database_not_empty", "There is a SQLite database already, %s, and it does not say that its contents were moved.", path).
		WithHint("Move the file away if it is not needed, then repeat the command.")
	db, err := openReaders(path)
	if err != nil {
		return inUse.Because(err)
	}
	moved, err := metaIn(db.WithContext(ctx), movedKey)
	if err = errors.Join(err, closeDB(db)); err != nil || moved == "" {
		return inUse.Because(err)
	}
	return nil
}
