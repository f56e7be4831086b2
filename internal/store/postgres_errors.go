package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lugsail/lugsail/platform"
)

// retryable reports whether PostgreSQL undid a transaction only because of another one.
func retryable(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

// explainPostgres gives the sentence for what PostgreSQL, or the way to it, answered; nil for what is a mistake of ours.
func (r *remote) explainPostgres(err error) *platform.Error {
	if err == nil {
		return nil
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return r.explainState(e.Code)
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	for _, lost := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, lost) {
			return r.unreachable()
		}
	}
	if errors.As(err, &connecting) || errors.As(err, &network) || pgconn.Timeout(err) || err.Error() == "conn closed" {
		return r.unreachable()
	}
	return nil
}

func (r *remote) unreachable() *platform.Error {
	return platform.Errorf(platform.Unavailable, "database_unreachable", "Lugsail cannot reach its database (%s).", r.where).
		WithHint("Check that the database server runs and can be reached from here; Lugsail goes on by itself when it answers. Apps keep running.")
}

// explainState maps SQLSTATE codes (postgresql.org/docs/current/errcodes-appendix.html).
func (r *remote) explainState(state string) *platform.Error {
	switch state {
	case "40001", "40P01", "55P03", "57014", "25P03":
		return errBusy
	case "53100":
		return platform.Errorf(platform.NoRoom, "disk_full", "The disk of the database server is full, so nothing could be saved.").
			WithHint("Free some space on it and try again (%s). Apps keep running.", r.where)
	case "28P01", "28000":
		return platform.Errorf(platform.Unavailable, "database_refused", "The database server does not let Lugsail in: wrong user or password (%s).", r.where).
			WithHint("Correct the setting `database`, or the user's rights in pg_hba.conf, then run: lugsail service restart. Apps keep running.")
	case "3D000":
		return platform.Errorf(platform.Unavailable, "database_missing", "There is no such database (%s).", r.where).
			WithHint("Make it with createdb, or correct the setting `database`.")
	case "42501", "25006":
		return platform.Errorf(platform.Unavailable, "database_unwritable", "Lugsail may not write into its database (%s).", r.where).
			WithHint("Make Lugsail's user the owner of the database (ALTER DATABASE … OWNER TO …), and name the primary server, not a read-only copy.")
	case "22021", "22P05":
		return platform.Errorf(platform.Invalid, "not_text", "That holds characters which are not text.").WithHint("Use UTF-8 without zero bytes.")
	case "XX001", "XX002", "42P01", "42703":
		return platform.Errorf(platform.Unavailable, "database_damaged", "The database (%s) cannot be used: it is damaged, or tables of Lugsail were removed (%s).", r.where, state).
			WithHint("Apps keep running. The log of the database server says more. Copies of Lugsail's data: lugsail db copies; to put one back: lugsail db restore COPY.")
	}
	switch state[:min(2, len(state))] {
	case "08", "53", "57", "58":
		return r.unreachable()
	}
	return nil
}

// lost reports whether the connection was.
func (r *remote) lost(err error) bool {
	e := r.explainPostgres(err)
	return e != nil && e.Code == "database_unreachable"
}
