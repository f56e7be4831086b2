// Package store owns every row and every migration, and the files of deployment logs beside them.
// It is the only package that imports gorm. It knows no rules: it keeps what it is told,
// each method in one transaction, and answers in the types of package platform.
//
// What surprises:
//
//   - There are two pools on the one SQLite file: a writer with a single connection, whose
//     transactions are immediate, and readers that may not write. Writers queue in memory, so
//     a busy database is always somebody else's process.
//   - A function handed to an Update method runs inside the transaction and must not call
//     writing methods of the store: they would wait for themselves.
//   - A database file is never made where one was: an "instance" file beside it remembers that
//     there was one, and an empty, missing or foreign file is refused with the reason.
//   - Times are stored in UTC, in microseconds.
//   - Log files are not synced; rows are (synchronous FULL), before a method returns.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// Sealer encrypts config vars so that a copy of the database gives none away.
type Sealer interface {
	Seal(purpose, aad string, plain []byte) (string, error)
	Open(purpose, aad, sealed string) ([]byte, error)
}

// Config is what a store needs.
type Config struct {
	Dir      string           // the data directory; made when it is not there
	Database string           // address of a PostgreSQL database; "" means SQLite in Dir
	Key      Sealer           // for config vars
	Now      func() time.Time // nil means time.Now
	Patience time.Duration    // how long the start waits for a PostgreSQL that does not answer yet; 0 means 20 seconds
}

// Store is the one open database of this process.
type Store struct {
	dir     string
	key     Sealer
	now     func() time.Time
	lock    *instanceLock
	remote  *remote // nil with SQLite
	steps   []*gormigrate.Migration
	writer  *gorm.DB
	reader  *gorm.DB
	slot    chan struct{}                  // holds one value while a transaction writes
	broken  atomic.Pointer[platform.Error] // why nothing is written any more
	logs    *Logs
	waiter  *broadcast
	version atomic.Int64

	patience time.Duration
	revision atomic.Int64 // the last that RouteRevision gave
}

// writeWait is how long a write queues behind others, and how long SQLite waits for a foreign lock.
const writeWait = 5 * time.Second

// Open locks the data directory, checks the database, brings its schema up to date after a copy,
// and returns the store. A *platform.Error says why it refuses and what to do.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	return open(ctx, cfg, migrations())
}

func open(ctx context.Context, cfg Config, steps []*gormigrate.Migration) (_ *Store, err error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	s := &Store{
		dir: cfg.Dir, key: cfg.Key, now: func() time.Time { return cfg.Now().UTC() },
		slot: make(chan struct{}, 1), waiter: newBroadcast(), steps: steps,
	}
	s.version.Store(time.Now().UnixMicro())
	defer func() {
		if err != nil {
			_ = s.Close() // already failing
		}
	}()
	if s.lock, err = lockInstance(filepath.Join(cfg.Dir, lockName)); err != nil {
		return nil, err
	}
	if s.logs, err = newLogs(filepath.Join(cfg.Dir, "logs"), s.now); err != nil {
		return nil, err
	}
	if err := dropDrafts(cfg.Dir); err != nil {
		slog.WarnContext(ctx, "room not given back", "error", err)
	}
	if err := s.openKind(ctx, cfg, steps); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) openKind(ctx context.Context, cfg Config, steps []*gormigrate.Migration) (err error) {
	if cfg.Database != "" {
		if s.remote, err = newRemote(cfg.Database, cfg.Dir); err != nil {
			return err
		}
		s.patience = cfg.Patience
		if s.patience == 0 {
			s.patience = 20 * time.Second
		}
		return s.openPostgres(ctx, steps)
	}
	useSpare(cfg.Dir)
	if err := s.openDatabase(ctx, steps); err != nil {
		return err
	}
	keepSpare(cfg.Dir)
	return nil
}

// Close ends the connections and releases the data directory. Log writers must be closed before.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*gorm.DB{s.reader, s.writer} {
		if db != nil {
			errs = append(errs, closeDB(db))
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the database: %w", err)
	}
	return nil
}

// Logs gives the logs of deployments.
func (s *Store) Logs() *Logs { return s.logs }

// read starts a query on the readers' pool.
func (s *Store) read(ctx context.Context) *gorm.DB { return s.reader.WithContext(ctx) }

// write runs fn in one transaction, alone.
func (s *Store) write(ctx context.Context, doing string, fn func(tx *gorm.DB) error) error {
	if e := s.broken.Load(); e != nil {
		return e
	}
	if err := s.takeSlot(ctx, doing); err != nil {
		return err
	}
	defer func() { <-s.slot }()
	return s.explain(ctx, doing, s.transact(ctx, fn))
}

// writeMost ends a transaction on a PostgreSQL that does not answer any more.
const writeMost = 20 * time.Second

// transact runs fn in a transaction. On PostgreSQL the connection holds the claim, so that it is
// not given up when the caller goes; and what another session undid, or a connection that was
// found dead before anything was done in it, is tried again: fn may run several times.
func (s *Store) transact(ctx context.Context, fn func(tx *gorm.DB) error) error {
	if s.remote == nil {
		err := s.writer.WithContext(ctx).Transaction(fn)
		if err == nil && diesNow(s.dir) {
			s.broken.Store(errBroken)
			return errBroken
		}
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeMost)
	defer cancel()
	for try := 1; ; try++ {
		begun := false
		err := s.writer.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			begun = true
			return fn(tx)
		})
		lost := !begun && try == 1 && s.remote.lost(err)
		if err == nil || try == 5 || !lost && !retryable(err) {
			return err
		}
		time.Sleep(time.Duration(try) * 10 * time.Millisecond)
	}
}

func (s *Store) takeSlot(ctx context.Context, doing string) error {
	timer := time.NewTimer(writeWait)
	defer timer.Stop()
	select {
	case s.slot <- struct{}{}:
		if e := s.broken.Load(); e != nil { // since it began to wait: what it would write is read by nobody
			<-s.slot
			return e
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	case <-timer.C:
		return errBusy
	}
}

// snapshot runs fn in one reading transaction, so that its queries agree with each other.
func (s *Store) snapshot(ctx context.Context, doing string, fn func(tx *gorm.DB) error) error {
	return s.explain(ctx, doing, s.reading(ctx, fn))
}

// fresh fills in what a new row has when its maker left it out.
func (s *Store) fresh(id *string, createdAt *time.Time) {
	if id != nil && *id == "" {
		*id = platform.NewID()
	}
	if createdAt != nil && createdAt.IsZero() {
		*createdAt = s.now()
	}
}
