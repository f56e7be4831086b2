package store

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"github.com/lugsail/lugsail/platform"
)

const lockName = "lugsail.lock"

// instanceLock keeps a second control plane out. The kernel drops it when the process dies,
// however it dies; the file stays and tells the last holder's pid.
type instanceLock struct{ file *flock.Flock }

func lockInstance(path string) (*instanceLock, error) {
	file := flock.New(path)
	ok, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	if !ok {
		return nil, alreadyRunning(path)
	}
	// In place, not replaced: a new file would not be the locked one. The lock holds without it,
	// on a full disk for example.
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		slog.Warn("the lock does not name its holder", "error", err)
	}
	return &instanceLock{file: file}, nil
}

func alreadyRunning(path string) error {
	pid := "unknown"
	if b, err := os.ReadFile(path); err == nil && len(strings.TrimSpace(string(b))) > 0 {
		pid = strings.TrimSpace(string(b))
	}
	return platform.Errorf(platform.Conflict, "already_running", "Lugsail is already running (pid %s).", pid).
		WithHint("One control plane at a time can use the data directory. To start it anew: lugsail service restart.")
}

func (l *instanceLock) release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("unlocking: %w", err)
	}
	return nil
}

// Free reports whether no control plane uses the data directory; Conflict, code already_running, when one does.
func Free(dir string) error {
	if there, err := exists(dir); err != nil || !there {
		return err
	}
	lock, err := lockInstance(filepath.Join(dir, lockName))
	if err != nil {
		return err
	}
	return lock.release()
}
