package cnb

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

// A full disk stops apps that run, and the engine.
const (
	leastFiles   = 20000   // before a build begins, however small the disk is
	reserve      = 1 << 30 // while it runs
	reserveFiles = 10000
)

// disks are those that a build writes to.
type disks struct {
	mu     sync.Mutex
	engine string // where the engine keeps containers and images, "" until it was asked
	room   func(dir string) (room, error)
}

// room is what is left of a disk.
type room struct {
	bytes, files  uint64
	counted       bool   // the files
	total, places uint64 // of the whole disk; 0 where that is not known
}

func roomAt(dir string) (room, error) {
	r, err := disk.RoomOf(dir)
	return room{bytes: r.Free, files: r.FreeFiles, counted: r.Files > 0, total: r.Total, places: r.Files}, err
}

// least is the room on the disks, of each kind on the one that has less.
func (b *Builder) least(ctx context.Context) (room, error) {
	ask := b.disks.room
	if ask == nil {
		ask = roomAt
	}
	left, err := ask(b.dir)
	if err != nil {
		return room{}, err
	}
	if dir := b.engineDir(ctx); dir != "" {
		if other, err := ask(dir); err == nil { // it may be on another machine
			left = left.orLess(other)
		}
	}
	return left, nil
}

func (r room) orLess(other room) room {
	if other.bytes < r.bytes {
		r.bytes, r.total = other.bytes, other.total
	}
	if other.counted && (!r.counted || other.files < r.files) {
		r.files, r.counted, r.places = other.files, true, other.places
	}
	return r
}

func (b *Builder) engineDir(ctx context.Context) string {
	d := &b.disks
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.engine == "" && b.engine != nil {
		if info, err := b.engine.Info(ctx, client.InfoOptions{}); err == nil {
			d.engine = info.Info.DockerRootDir
		}
	}
	return d.engine
}

// headroom refuses a build that could fill the disk.
func (b *Builder) headroom(ctx context.Context) error {
	left, err := b.least(ctx)
	if err != nil {
		return err
	}
	if err := (platform.Room{Free: left.bytes, Total: left.total, FreeFiles: left.files, Files: left.places}).Refuse("a build"); err != nil {
		return err
	}
	if left.counted && left.files < leastFiles {
		return platform.Errorf(platform.NoRoom, "disk_files", "The server's disk has room for %d more files; a build needs %d.", left.files, leastFiles).
			WithHint("Remove apps or folders with many files, or take a larger disk.")
	}
	return nil
}

// makeRoom is headroom, but what earlier builds kept goes before a build is refused: it only saves time.
func (b *Builder) makeRoom(ctx context.Context) error {
	err := b.headroom(ctx)
	if !platform.IsKind(err, platform.NoRoom) {
		return err
	}
	entries, readErr := os.ReadDir(b.path("apps"))
	if readErr != nil {
		return fmt.Errorf("reading what builds kept: %w", readErr)
	}
	slog.WarnContext(ctx, "the disk is nearly full: what builds kept is removed", "apps", len(entries))
	for _, entry := range entries {
		unlock, free := b.tryLock(entry.Name())
		if !free {
			continue // a build of it is under way
		}
		removeErr := removeAll(b.path("apps", entry.Name()))
		unlock()
		if removeErr != nil {
			return fmt.Errorf("removing what builds kept: %w", removeErr)
		}
	}
	return b.headroom(ctx)
}

// watchRoom ends a build that fills the disk. The caller calls end.
func (b *Builder) watchRoom(ctx context.Context, abort context.CancelCauseFunc) (end func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if left, err := b.least(ctx); err == nil && (left.bytes < reserve || left.counted && left.files < reserveFiles) {
				abort(platform.BuildRoom)
			}
		}
	}()
	return func() {
		abort(nil)
		<-done
	}
}
