// Package atomicfile replaces files so that a reader, a crash or a full disk never
// sees half of one: temporary file, fsync, rename, fsync of the directory.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrReplaced is of a Write whose last step did not succeed: the new file is in its place, but a power cut may
// bring the old one back.
var ErrReplaced = errors.New("the file is replaced, and may not outlast a power cut")

// Write replaces the file at path with data and mode. On an error the old file is untouched, but for ErrReplaced.
func Write(path string, data []byte, mode os.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()           // already failing
			_ = os.Remove(f.Name()) // nothing to keep
		}
	}()
	if _, err = f.Write(data); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err = f.Chmod(mode); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("replacing %s: %w", path, err)
	}
	if syncErr := syncDirectory(dir); syncErr != nil {
		return fmt.Errorf("%w: %w", ErrReplaced, syncErr)
	}
	return nil
}

// syncDirectory is syncDir but in tests, which have no disk that fails just there.
var syncDirectory = syncDir

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return nil
}
