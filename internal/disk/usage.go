package disk

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Taken is how many bytes of the disk a directory, or a file, takes with all that lies in it:
// blocks, not lengths, and a file with several names once. What goes while it is looked at counts
// as nothing.
func Taken(ctx context.Context, path string) int64 {
	var sum int64
	seen := map[uint64]bool{}
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error { // its errors are nothing taken
		if ctx.Err() != nil {
			return fs.SkipAll
		}
		if err != nil {
			return nil //nolint:nilerr // gone, or not ours to see
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || stat.Nlink > 1 && !entry.IsDir() && seen[stat.Ino] {
			return nil
		}
		if stat.Nlink > 1 {
			seen[stat.Ino] = true
		}
		sum += stat.Blocks * 512
		return nil
	})
	return sum
}

// Children measures what lies directly in a directory, by name.
func Children(ctx context.Context, dir string) map[string]int64 {
	all := map[string]int64{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return all // not there yet
	}
	for _, e := range entries {
		all[e.Name()] = Taken(ctx, filepath.Join(dir, e.Name()))
	}
	return all
}
