package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// claimKey is the first half of the lock that says who uses a PostgreSQL database; the second is
// its schema. The lock lives in one connection, and that is the one that writes: when it is lost,
// nothing can be written until a new one has the lock.
const claimKey = 0x4c754753

// sqlHolder finds who has the lock.
const sqlHolder = `SELECT a.pid, a.application_name, COALESCE(host(a.client_addr), 'the database server itself')
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid::bigint = $1
AND l.objid::bigint = (hashtext(COALESCE(current_schema(), ''))::bigint & 4294967295)
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`

// claim takes the lock on a new connection, and makes sure that nobody has used the database
// since this process had it last.
func (r *remote) claim(ctx context.Context, conn *pgx.Conn) error {
	if err := inUTC(ctx, conn); err != nil {
		return err
	}
	if err := r.lock(ctx, conn); err != nil || !r.ours.Load() {
		return err
	}
	var holder string
	if err := conn.QueryRow(ctx, "SELECT value FROM "+metaEntry{}.TableName()+" WHERE key = $1", holderKey).Scan(&holder); err != nil {
		return fmt.Errorf("reading who uses the database: %w", err)
	}
	if holder != r.holder {
		return errTaken
	}
	return nil
}

// lock waits a moment for the lock while its holder is a lost connection of this process.
func (r *remote) lock(ctx context.Context, conn *pgx.Conn) error {
	for try := 0; ; try++ {
		taken, err := r.lockOnce(ctx, conn)
		if err != nil {
			return err
		}
		if taken {
			return nil
		}
		again, err := r.ghost(ctx, conn)
		if err != nil {
			return err
		}
		if !again || try >= 20 {
			return r.heldBy(ctx, conn)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (r *remote) lockOnce(ctx context.Context, conn *pgx.Conn) (taken bool, err error) {
	err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, hashtext(COALESCE(current_schema(), '')))", claimKey).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("claiming the database: %w", err)
	}
	return taken, nil
}

// ghost ends a connection of this very process that the server has not yet seen end; false when
// it is somebody else's.
func (r *remote) ghost(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid int
	var name, address string
	err := conn.QueryRow(ctx, sqlHolder, claimKey).Scan(&pid, &name, &address)
	if errors.Is(err, pgx.ErrNoRows) {
		return true, nil // it has just gone
	}
	if err != nil {
		return false, fmt.Errorf("reading who uses the database: %w", err)
	}
	if !strings.HasPrefix(name, "lugsail/"+r.holder+"/") {
		return sameProcess(name), nil // a move that was given up a moment ago ends its connection by itself
	}
	if _, err := conn.Exec(ctx, "SELECT pg_terminate_backend($1)", pid); err != nil {
		return false, fmt.Errorf("ending the old connection: %w", err)
	}
	return true, nil
}

// sameProcess tells whether a connection's name is one of this process's.
func sameProcess(name string) bool {
	parts := strings.SplitN(name, "/", 4)
	host, err := os.Hostname()
	return err == nil && len(parts) == 4 && parts[2] == strconv.Itoa(os.Getpid()) && strings.HasPrefix(host, parts[3]) // the server cuts long names
}

// heldBy says who else uses the database.
func (r *remote) heldBy(ctx context.Context, conn *pgx.Conn) error {
	if r.ours.Load() {
		return errTaken
	}
	var backend int
	var name, address string
	if err := conn.QueryRow(ctx, sqlHolder, claimKey).Scan(&backend, &name, &address); err != nil {
		name, address = "", "an unknown machine"
	}
	pid, host := "unknown", address
	if parts := strings.SplitN(name, "/", 4); len(parts) == 4 {
		pid, host = parts[2], parts[3]
	}
	return platform.Errorf(platform.Conflict, "already_running", "Lugsail is already running (pid %s on %s) with this database.", pid, host).
		WithHint("One control plane at a time can use a database. Stop the other one, or give this one a database of its own.")
}

var errTaken = platform.Errorf(platform.Unavailable, "database_taken", "Another Lugsail uses the database now, so this one takes no more changes.").
	WithHint("Stop the other one, then run: lugsail service restart. Apps keep running.")

// Claimed reports whether this process still has its PostgreSQL database for itself. Code
// database_taken says that it never will again; others pass.
func (s *Store) Claimed(ctx context.Context) error {
	if s.remote == nil {
		return nil
	}
	return s.write(ctx, "looking after the database", func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error })
}
