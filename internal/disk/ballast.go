// Package disk looks after the room on the server's disks: a ballast file that is given back when
// a disk is full, and how much each owner takes.
//
// What surprises: the ballast is not a cache of anything. It is room that nobody can use by
// mistake. A Docker Engine cannot start on a full disk and stays down even when space is freed
// later, and a database cannot write; with the ballast gone both go on, and people have the
// time to make room.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	ballastName = "ballast"
	draftName   = "ballast.new"
	mostBallast = 1 << 30
	lowest      = 256 << 20 // free bytes below which a large disk counts as full
)

// RoomOf measures the file system of a directory.
func RoomOf(dir string) (platform.Room, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return platform.Room{}, fmt.Errorf("reading the free space of %s: %w", dir, err)
	}
	size := uint64(s.Bsize) //nolint:gosec // a block size is positive
	return platform.Room{Free: s.Bavail * size, Total: s.Blocks * size, FreeFiles: s.Ffree, Files: s.Files}, nil
}

// Ballast keeps one file of ballast on each of some file systems.
type Ballast struct {
	Dirs  func(context.Context) []string                 // directories; those on one file system share a file
	Tell  func(ctx context.Context, action, text string) // records an event
	Every time.Duration                                  // 0 means 2 seconds
}

// Run looks again and again until ctx ends.
func (b Ballast) Run(ctx context.Context) error {
	if b.Every == 0 {
		b.Every = 2 * time.Second
	}
	tick := time.NewTicker(b.Every)
	defer tick.Stop()
	gave := map[string]bool{}
	for {
		for _, dir := range distinct(b.Dirs(ctx)) {
			if err := b.look(ctx, dir, gave); err != nil {
				slog.WarnContext(ctx, "ballast", "dir", dir, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// distinct drops directories on a file system that has been named already.
func distinct(dirs []string) []string {
	var kept []string
	seen := map[syscall.Fsid]bool{}
	for _, dir := range dirs {
		var s syscall.Statfs_t
		if err := syscall.Statfs(dir, &s); err != nil || seen[s.Fsid] {
			continue // one that is away is not filled
		}
		seen[s.Fsid] = true
		kept = append(kept, dir)
	}
	return kept
}

func (b Ballast) look(ctx context.Context, dir string, gave map[string]bool) error {
	if err := os.Remove(filepath.Join(dir, draftName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing half of a ballast: %w", err)
	}
	room, err := RoomOf(dir)
	if err != nil {
		return err
	}
	kept, err := Kept(dir)
	if err != nil {
		return err
	}
	switch {
	case kept > 0 && full(room):
		if err := Drop(dir); err != nil {
			return err
		}
		gave[dir] = true
		b.Tell(ctx, "disk.full", gaveBack(dir, kept))
	case kept == 0 && roomy(room):
		if err := Make(dir, Wanted(room)); err != nil {
			return err
		}
		if gave[dir] {
			b.Tell(ctx, "disk.roomy", fmt.Sprintf("The disk of %s has room again: %s are free, and %s are kept for the next time.", dir, platform.Bytes(int64(room.Free)), platform.Bytes(Wanted(room))))
		}
		gave[dir] = false
	}
	return nil
}

func gaveBack(dir string, kept int64) string {
	return fmt.Sprintf("The disk of %s is full. %s that were kept for this case were given back, so that Lugsail and Docker go on. Make room soon: lugsail disk shows what takes it.", dir, platform.Bytes(kept))
}

// GiveBack looks once, before anything is opened that needs room, and gives the ballast of full disks
// back. It says of each what Tell would have been told.
func GiveBack(ctx context.Context, dirs []string) (said []string) {
	for _, dir := range dirs {
		room, err := RoomOf(dir)
		kept, keptErr := Kept(dir)
		if err != nil || keptErr != nil || !full(room) {
			continue // Run says what is wrong
		}
		if err := Drop(dir); err != nil {
			slog.WarnContext(ctx, "ballast", "dir", dir, "error", err)
		} else if kept > 0 {
			said = append(said, gaveBack(dir, kept))
		}
	}
	return said
}

// Drop removes the ballast of a directory, and what making it has left when it was cut off.
func Drop(dir string) error {
	for _, name := range []string{draftName, ballastName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("giving the ballast back: %w", err)
		}
	}
	return nil
}

// Wanted is how large the ballast of such a disk is: 1 GiB, at most a fiftieth.
func Wanted(r platform.Room) int64 { return int64(min(mostBallast, r.Total/50)) }

// full is when databases and engines begin to fail.
func full(r platform.Room) bool { return r.Free < min(lowest, r.Total/50) }

// roomy is when the ballast can be made without filling the disk.
func roomy(r platform.Room) bool {
	return r.Free > uint64(Wanted(r))+min(r.LeastFree(), r.Total/10)
}

// Kept is the size of the ballast in a directory; 0 when there is none.
func Kept(dir string) (int64, error) {
	info, err := os.Stat(filepath.Join(dir, ballastName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for the ballast: %w", err)
	}
	return info.Size(), nil
}

// Make takes the room, all of it or none.
func Make(dir string, size int64) (err error) {
	path := filepath.Join(dir, ballastName)
	draft := filepath.Join(dir, draftName)
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("making the ballast: %w", err)
	}
	err = syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("making the ballast: %w", err), os.Remove(draft))
	}
	return nil
}
