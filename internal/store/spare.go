package store

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

// The spare file only holds room. SQLite makes two files at each start and removes them at each
// stop; on a disk that has been filled in between, nothing could be opened, not even to read.
const (
	spareName  = "spare"
	spareBytes = 1 << 20
	spareLeast = 64 << 10
)

// useSpare gives the room to SQLite.
func useSpare(dir string) {
	if err := os.Remove(filepath.Join(dir, spareName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		slog.Warn("the room kept for a start is not given back", "error", err)
	}
}

// keepSpare takes what is free of it for the next start.
func keepSpare(dir string) {
	f, err := os.OpenFile(filepath.Join(dir, spareName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		slog.Warn("no room is kept for the next start", "error", err)
		return
	}
	defer func() { _ = f.Close() }() // nothing was written
	for size := int64(spareBytes); size >= spareLeast; size -= spareLeast {
		if err = syscall.Fallocate(int(f.Fd()), 0, 0, size); err == nil {
			return
		}
		_ = f.Truncate(0) // what a full disk has left of it
	}
	slog.Warn("no room is kept for the next start", "error", err)
}
