package store

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
	"gorm.io/gorm"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

// SQLite's result codes (sqlite.org/rescode.html); the low byte is the primary code.
const (
	sqliteBusy        = 5
	sqliteLocked      = 6
	sqliteReadOnly    = 8
	sqliteIOErr       = 10
	sqliteCorrupt     = 11
	sqliteFull        = 13
	sqliteCantOpen    = 14
	sqliteNotADB      = 26
	sqliteIOErrFsync  = sqliteIOErr | 4<<8
	sqliteIOErrDirSyn = sqliteIOErr | 5<<8
)

var (
	errBusy = platform.Errorf(platform.Unavailable, "busy", "Lugsail's database is busy.").
		WithHint("Try again in a few seconds.")
	errBroken = platform.Errorf(platform.Unavailable, "database_stopped",
		"Lugsail takes no more changes, because the disk did not keep what was written.").
		WithHint("Check the disk (dmesg shows its errors), then run: lugsail service restart. Apps keep running.")
)

// sqliteCode gives SQLite's extended result code, or 0.
func sqliteCode(err error) int {
	var coded interface {
		error
		Code() int
	}
	if errors.As(err, &coded) {
		return coded.Code()
	}
	return 0
}

// explain turns what the database answered into what a person can act on. Errors that
// already are a *platform.Error pass.
func (s *Store) explain(ctx context.Context, doing string, err error) error {
	var known *platform.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	if s.remote != nil {
		if e := s.remote.explainPostgres(err); e != nil {
			return e.Because(fmt.Errorf("%s: %w", doing, err))
		}
	}
	code := sqliteCode(err)
	if code == sqliteIOErrFsync || code == sqliteIOErrDirSyn {
		s.broken.Store(errBroken)
		return errBroken.Because(err)
	}
	if e := explainCode(s.dir, code); e != nil {
		return e.Because(fmt.Errorf("%s: %w", doing, err))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func explainCode(dir string, code int) *platform.Error {
	switch code & 0xff {
	case sqliteBusy, sqliteLocked:
		return errBusy
	case sqliteFull:
		return diskFull(dir)
	case sqliteIOErr:
		if room, err := disk.RoomOf(dir); err == nil && room.Free < 1<<20 {
			return diskFull(dir) // SQLite says I/O error where its shared memory file cannot grow
		}
		return platform.Errorf(platform.Unavailable, "database_disk", "The disk with Lugsail's database, %s, does not work: it answers with errors.", dir).
			WithHint("dmesg shows its errors. Check it, then run: lugsail service restart. Apps keep running.")
	case sqliteReadOnly, sqliteCantOpen:
		return platform.Errorf(platform.Unavailable, "database_unwritable", "Lugsail cannot write its database in %s.", dir).
			WithHint("Check that the disk is mounted for writing and that the directory belongs to Lugsail's user.")
	case sqliteCorrupt, sqliteNotADB:
		return damaged(dir, "its contents are not what SQLite wrote")
	}
	return nil
}

// diskFull says how full the disk under dir is.
func diskFull(dir string) *platform.Error {
	e := platform.Errorf(platform.NoRoom, "disk_full", "The server's disk is full, so nothing could be saved.")
	if room, err := disk.RoomOf(dir); err == nil {
		e = platform.Errorf(platform.NoRoom, "disk_full",
			"The server's disk is full, so nothing could be saved: %d MiB of %d MiB are free.", room.Free>>20, room.Total>>20)
	}
	return e.WithHint("Free some space on the disk that holds %s and try again. Apps keep running.", dir)
}

// diesNow reports whether the disk was made read-only meanwhile. ext4 answers a request to sync well then,
// though what was written just before is never kept.
func diesNow(dir string) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0
}

// missing turns gorm's "no row" into the given sentence for people.
func missing(err error, code, message string, args ...any) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return platform.Errorf(platform.NotFound, code, message, args...)
	}
	return err
}
