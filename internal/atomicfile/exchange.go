package atomicfile

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Exchange lets two files or directories of one file system change places in one move, and sees to it that a power
// cut keeps that.
func Exchange(a, b string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("exchanging %s and %s: %w", a, b, err)
	}
	for _, dir := range []string{filepath.Dir(a), filepath.Dir(b)} {
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("keeping an exchange in %s: %w", dir, err)
		}
	}
	return nil
}
