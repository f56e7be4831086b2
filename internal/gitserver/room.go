package gitserver

import (
	"fmt"
	"syscall"

	"github.com/lugsail/lugsail/platform"
)

// room refuses a push that could fill the disk: apps that run, and the engine, would stop. It is
// asked for before anything is sent, when git still shows people what the answer says.
func (s *Server) room() error {
	for _, dir := range []string{s.cfg.Dir, s.cfg.SourcesDir} {
		var disk syscall.Statfs_t
		if err := syscall.Statfs(dir, &disk); err != nil {
			return fmt.Errorf("reading the free space of %s: %w", dir, err)
		}
		if s.cfg.LeastFree == defaultLeast {
			if err := roomOf(disk).Refuse("a push"); err != nil {
				return err
			}
			continue
		}
		if left := disk.Bavail * uint64(disk.Bsize); left < uint64(s.cfg.LeastFree) {
			return platform.Errorf(platform.NoRoom, "disk_low", "The server's disk is %s: %.1f GB are left; a push needs %.1f GB.", fullness(left), gigabytes(left), gigabytes(uint64(s.cfg.LeastFree))).
				WithHint("Remove apps or files that are not needed, or take a larger disk.")
		}
	}
	return nil
}

func fullness(left uint64) string {
	if left < 50<<20 { // said as 0.0 GB
		return "full"
	}
	return "nearly full"
}

func gigabytes(n uint64) float64 { return float64(n) / (1 << 30) }

const defaultLeast = 2 << 30

func roomOf(s syscall.Statfs_t) platform.Room {
	return platform.Room{Free: s.Bavail * uint64(s.Bsize), Total: s.Blocks * uint64(s.Bsize), FreeFiles: s.Ffree, Files: s.Files}
}
