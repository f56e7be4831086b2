package store

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-gormigrate/gormigrate/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sys/unix"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"

	"github.com/lugsail/lugsail/platform"
)

const (
	oldestPostgres  = 120000           // as server_version_num says it
	silence         = 15 * time.Second // after which a connection that is not answered counts as lost
	holderKey       = "holder"         // in meta: the control plane that used the database last
	movingKey       = "moving"         // in meta: a move into this database has not become the live one yet
	movedKey        = "moved"          // in meta: where the contents went
	statementMillis = "10000"
)

// remote is a PostgreSQL database, and this process's claim on it.
type remote struct {
	config *pgx.ConnConfig
	where  string // host, port and name, for people
	holder string // names this process in meta and to the server
	dir    string
	ours   atomic.Bool // the claim was made; from then on meta must go on to name this process
}

// newRemote reads a connection string. No error repeats it: it has a password.
func newRemote(dsn, dir string) (*remote, error) {
	where, err := Where(dsn)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, wrongDSN()
	}
	config.ConnectTimeout = 5 * time.Second
	config.DialFunc = (&net.Dialer{Timeout: 5 * time.Second, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: silence, Interval: 5 * time.Second, Count: 3,
	}, Control: giveUp}).DialContext
	r := &remote{config: config, where: where, holder: platform.NewID(), dir: dir}
	host, _ := os.Hostname() // only for people
	name := fmt.Sprintf("lugsail/%s/%d/%s", r.holder, os.Getpid(), host)
	for key, value := range map[string]string{
		"application_name": name[:min(len(name), 60)], "statement_timeout": statementMillis, "lock_timeout": "5000",
		"idle_in_transaction_session_timeout": "60000", "timezone": "UTC", "client_encoding": "UTF8",
		"tcp_keepalives_idle": "15", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
	} {
		config.RuntimeParams[key] = value
	}
	return r, nil
}

// giveUp ends connections whose other end has gone silent; reads have no other time limit.
func giveUp(_, _ string, c syscall.RawConn) error {
	var err error
	controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence/time.Millisecond))
	})
	if controlErr != nil || err != nil {
		return nil //nolint:nilerr // a unix socket has no such thing
	}
	return nil
}

// Where checks a connection string and says, without its password, which database it names:
// "PostgreSQL at HOST:PORT/NAME".
func Where(dsn string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", wrongDSN()
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "", wrongDSN()
	}
	if strings.HasPrefix(config.Host, "/") {
		return fmt.Sprintf("PostgreSQL at %s (database %s)", config.Host, config.Database), nil
	}
	return fmt.Sprintf("PostgreSQL at %s/%s", net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), config.Database), nil
}

func wrongDSN() error {
	return platform.Errorf(platform.Invalid, "database_setting", "The address of the database is not one that Lugsail understands.").
		WithHint("Write it like postgres://user:password@host:5432/name?sslmode=require. In the password, write %%40 for @, %%3A for :, %%2F for / and %%25 for %%.")
}

// open gives a pool. The writer's one connection holds the claim; readers may not write.
func (r *remote) open(writer bool) (*gorm.DB, error) {
	config := r.config.Copy()
	connections, ready := 4, inUTC
	if writer {
		connections, ready = 1, r.claim
	} else {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		err := ready(ctx, conn)
		if err != nil {
			_ = conn.Close(ctx) // nobody else would
		}
		return err
	}))
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(min(connections, 2))
	db, err := gorm.Open(dialect{&postgres.Dialector{Config: &postgres.Config{Conn: pool}}}, &gorm.Config{
		SkipDefaultTransaction: true, TranslateError: true, DisableAutomaticPing: true, Logger: logger.Discard,
	})
	if err != nil {
		_ = pool.Close() // already failing
		return nil, fmt.Errorf("connecting: %w", err)
	}
	if !writer {
		return db, nil
	}
	return db, useUTC(db)
}

func inUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
	return nil
}

// dialect is gorm's PostgreSQL with texts that sort and compare byte by byte, as in SQLite.
type dialect struct{ *postgres.Dialector }

// DataTypeOf gives the type of a column.
func (d dialect) DataTypeOf(field *schema.Field) string {
	kind := d.Dialector.DataTypeOf(field)
	if kind == "text" || strings.HasPrefix(kind, "varchar") {
		return kind + ` COLLATE "C"`
	}
	return kind
}

// Migrator makes tables with those types.
func (d dialect) Migrator(db *gorm.DB) gorm.Migrator {
	return postgres.Migrator{Migrator: migrator.Migrator{Config: migrator.Config{DB: db, Dialector: d, CreateIndexAfterCreateTable: true}}}
}

// openToLook opens the live database for reading, whichever kind it is.
func (s *Store) openToLook(cfg Config) (db *gorm.DB, err error) {
	if cfg.Database == "" {
		return openReaders(filepath.Join(cfg.Dir, File))
	}
	if s.remote, err = newRemote(cfg.Database, cfg.Dir); err != nil {
		return nil, err
	}
	return s.remote.open(false)
}

// openPostgres connects, makes the tables at the very first start, and migrates.
func (s *Store) openPostgres(ctx context.Context, steps []*gormigrate.Migration) (err error) {
	if s.writer, err = s.remote.open(true); err != nil {
		return err
	}
	if s.reader, err = s.remote.open(false); err != nil {
		return err
	}
	if err := s.awaitPostgres(ctx); err != nil {
		return s.explain(ctx, "opening the database", err)
	}
	if err := s.loadIn(ctx); err != nil {
		return s.explain(ctx, "putting a copy back", err)
	}
	known, err := s.readInstance()
	if err != nil {
		return err
	}
	if err := s.ensureTables(ctx, known, steps); err != nil {
		return s.explain(ctx, "opening the database", err)
	}
	if err := s.verifyInstance(ctx, known); err != nil {
		return s.explain(ctx, "opening the database", err)
	}
	if err := s.migrate(ctx, steps); err != nil {
		return err
	}
	return s.takeOver(ctx)
}

// awaitPostgres gives a database that starts together with this server some time.
func (s *Store) awaitPostgres(ctx context.Context) error {
	end := time.Now().Add(s.patience)
	for {
		err := s.writer.WithContext(ctx).Exec("SELECT 1").Error
		if err == nil {
			return s.suits(ctx)
		}
		if code := platform.AsError(s.explain(ctx, "connecting", err)).Code; code != "database_unreachable" && code != "already_running" || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// suits refuses servers on which something that is relied on is missing.
func (s *Store) suits(ctx context.Context) error {
	db := s.writer.WithContext(ctx)
	var version int
	if err := db.Raw("SELECT current_setting('server_version_num')::int").Scan(&version).Error; err != nil {
		return err
	}
	if version < oldestPostgres {
		return platform.Errorf(platform.Invalid, "database_old", "The database server is PostgreSQL %d; Lugsail needs 12 or newer.", version/10000).
			WithHint("Upgrade the database server, or use another one.")
	}
	var encoding string
	if err := db.Raw("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()").Scan(&encoding).Error; err != nil {
		return err
	}
	if encoding != "UTF8" {
		return platform.Errorf(platform.Invalid, "database_encoding", "The database keeps texts as %s; Lugsail needs UTF8.", encoding).
			WithHint("Make another one: createdb --encoding=UTF8 --template=template0 NAME")
	}
	return nil
}

// ensureTables makes the tables in an empty database, unless this server had some already.
func (s *Store) ensureTables(ctx context.Context, known string, steps []*gormigrate.Migration) error {
	db := s.writer.WithContext(ctx)
	tables, err := db.Migrator().GetTables()
	if err != nil {
		return err
	}
	for _, table := range tables {
		if table == migrationsTable {
			return s.finished(ctx, known)
		}
	}
	switch {
	case len(tables) > 0:
		return notEmpty(s.remote.where, tables)
	case known != "":
		return platform.Errorf(platform.Unavailable, "database_empty", "The database (%s) is empty, though this server had data already.", s.remote.where).
			WithHint("Apps keep running. If the setting `database` was changed by hand, change it back, then bring the data over: lugsail db migrate-to ADDRESS. If the database was lost: lugsail db restore COPY.")
	}
	return s.fill(db, steps)
}

// finished refuses a database into which a move ended half-way, and ends a first start that was cut off.
func (s *Store) finished(ctx context.Context, known string) error {
	db := s.writer.WithContext(ctx)
	instance, err := metaIn(db, instanceKey)
	if err != nil || instance != "" {
		return err
	}
	moving, err := metaIn(db, movingKey)
	if err != nil {
		return err
	}
	if moving == "" && known == "" {
		return setMetaIn(db, instanceKey, platform.NewID())
	}
	return platform.Errorf(platform.Unavailable, "database_unfinished", "The database (%s) was not filled to its end.", s.remote.where).
		WithHint("Change the setting `database` back, then move again: lugsail db migrate-to ADDRESS")
}

func notEmpty(where string, tables []string) error {
	return platform.Errorf(platform.Conflict, "database_not_empty", "The database (%s) is not empty: it has the table %s%s.", where, tables[0], andMore(len(tables)-1)).
		WithHint("Give Lugsail a database of its own: createdb lugsail, then name that one.")
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// takeOver notes that this process uses the database from now on, so that one which lost its
// connection meanwhile finds out.
func (s *Store) takeOver(ctx context.Context) error {
	err := s.write(ctx, "claiming the database", func(tx *gorm.DB) error {
		if err := tx.Where("key = ?", movingKey).Delete(&metaEntry{}).Error; err != nil {
			return err
		}
		return setMetaIn(tx, holderKey, s.remote.holder)
	})
	if err == nil {
		s.remote.ours.Store(true)
	}
	return err
}
