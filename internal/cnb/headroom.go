package cnb

import (
	"fmt"
	"syscall"

	"github.com/lugsail/lugsail/platform"
)

// What must be free before a build begins: a full disk stops apps that run, and the engine.
const (
	leastFree  = 2 << 30
	leastFiles = 20000
)

// headroom refuses a build that could fill the disk.
func (b *Builder) headroom() error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &s); err != nil {
		return fmt.Errorf("reading the free space of %s: %w", b.dir, err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < leastFree {
		return platform.Errorf(platform.NoRoom, "disk_low", "The server has %.1f GB of disk left; a build needs 2 GB.", float64(free)/(1<<30)).
			WithHint("Remove apps or files that are not needed, or take a larger disk.")
	}
	if s.Files > 0 && s.Ffree < leastFiles {
		return platform.Errorf(platform.NoRoom, "disk_files", "The server's disk has room for %d more files; a build needs %d.", s.Ffree, leastFiles).
			WithHint("Remove apps or folders with many files, or take a larger disk.")
	}
	return nil
}
