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
	"database/sql"
	"errors"
	"fmt"
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
	Dir string           // the data directory; made when it is not there
	Key Sealer           // for config vars
	Now func() time.Time // nil means time.Now
}

// Store is the one open database of this process.
type Store struct {
	dir    string
	key    Sealer
	now    func() time.Time
	lock   *instanceLock
	writer *gorm.DB
	reader *gorm.DB
	slot   chan struct{} // holds one value while a transaction writes
	broken atomic.Bool   // a sync to disk failed: what was written is unknown
	logs   *Logs
	waiter *broadcast

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
		slot: make(chan struct{}, 1), waiter: newBroadcast(),
	}
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
	useSpare(cfg.Dir)
	if err := s.openDatabase(ctx, steps); err != nil {
		return nil, err
	}
	keepSpare(cfg.Dir)
	return s, nil
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
	if s.broken.Load() {
		return errBroken
	}
	if err := s.takeSlot(ctx, doing); err != nil {
		return err
	}
	defer func() { <-s.slot }()
	err := s.writer.WithContext(ctx).Transaction(fn)
	return s.explain(ctx, doing, err)
}

func (s *Store) takeSlot(ctx context.Context, doing string) error {
	timer := time.NewTimer(writeWait)
	defer timer.Stop()
	select {
	case s.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	case <-timer.C:
		return errBusy
	}
}

// snapshot runs fn in one reading transaction, so that its queries agree with each other.
func (s *Store) snapshot(ctx context.Context, doing string, fn func(tx *gorm.DB) error) error {
	err := s.read(ctx).Transaction(fn, &sql.TxOptions{ReadOnly: true})
	return s.explain(ctx, doing, err)
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
