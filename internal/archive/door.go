package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// Config says where uploads go. The zero value of a limit means its default.
type Config struct {
	Dir        string // uploads while they come; nothing else may be there
	SourcesDir string // where the trees go
	Limits     source.Limits
	Bytes      int64 // of one upload; 0 means 1 GiB
	Image      int64 // bytes of one image, unpacked; 0 means 8 GiB
	LeastFree  int64 // bytes of disk that stay free; 0 means the headroom rule
	Slots      int   // uploads at the same time; 0 means 20
}

// leastFiles is how many files more the disk must have room for.
const leastFiles = 20_000

// Door takes in uploads.
type Door struct {
	config Config
	slots  chan struct{}
	turns  chan struct{} // of unpacking, which takes a processor
}

// New makes a Door and its directories.
func New(c Config) (*Door, error) {
	if c.Bytes <= 0 {
		c.Bytes = 1 << 30
	}
	if c.Image <= 0 {
		c.Image = 8 << 30
	}
	if c.Slots <= 0 {
		c.Slots = 20
	}
	for _, dir := range []string{c.Dir, c.SourcesDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the uploads' directory: %w", err)
		}
	}
	return &Door{config: c, slots: make(chan struct{}, c.Slots), turns: make(chan struct{}, 2)}, nil
}

// Clean removes what a killed server has left of uploads. Call it before any is taken in. Half
// trees are the git server's to clean, which shares the directory.
func (d *Door) Clean() error {
	entries, err := os.ReadDir(d.config.Dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(d.config.Dir, e.Name())))
	}
	if err != nil {
		return fmt.Errorf("removing cut uploads: %w", err)
	}
	return nil
}

// Receive turns the archive that comes from body into a source; size is its announced size, or
// less than 0. The tree belongs to the caller. Beside those of Unpack the errors are Invalid
// upload_too_large and upload_cut, NoRoom disk_low, disk_files and disk_full, and TooMany
// uploads_busy; whatever Read says of body as a *platform.Error comes back as it is.
func (d *Door) Receive(ctx context.Context, body io.Reader, size int64) (src platform.Source, err error) {
	err = d.Keep(ctx, body, size, func(file *os.File) error {
		done, err := d.turn(ctx)
		if err != nil {
			return err
		}
		defer done()
		src, err = Unpack(ctx, file, filepath.Join(d.config.SourcesDir, platform.NewID()), d.config.Limits)
		return err
	})
	return src, err
}

// turn waits until there is a processor for one more.
func (d *Door) turn(ctx context.Context) (done func(), err error) {
	select {
	case d.turns <- struct{}{}:
		return func() { <-d.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Keep writes an upload to a file, hands it over, and removes it afterwards.
func (d *Door) Keep(ctx context.Context, body io.Reader, size int64, use func(*os.File) error) (err error) {
	if size > d.config.Bytes {
		return tooLarge(d.config.Bytes)
	}
	if err := d.room(max(size, 0)); err != nil {
		return err
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	default:
		return platform.Errorf(platform.TooMany, "uploads_busy", "%d uploads are under way on this server, which is its limit.", d.config.Slots).
			WithHint("Try again in a minute.")
	}
	file, err := os.OpenFile(filepath.Join(d.config.Dir, platform.NewID()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return writing(err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if err := d.spool(ctx, file, body, size); err != nil {
		return err
	}
	return use(file)
}

// spool counts what comes and looks at the disk again and again: an announced size is a claim.
func (d *Door) spool(ctx context.Context, file *os.File, body io.Reader, size int64) error {
	const look = 16 << 20
	buf := make([]byte, 256<<10)
	total, looked := int64(0), int64(0)
	for {
		n, readErr := body.Read(buf)
		if total += int64(n); total > d.config.Bytes {
			return tooLarge(d.config.Bytes)
		}
		if _, err := file.Write(buf[:n]); err != nil {
			return writing(err)
		}
		if total-looked >= look {
			looked = total
			if err := d.room(0); err != nil {
				return err
			}
		}
		if errors.Is(readErr, io.EOF) && (size < 0 || total == size) {
			return nil
		}
		if readErr != nil {
			return cut(ctx, readErr)
		}
	}
}

// room refuses what would leave too little of the disk.
func (d *Door) room(more int64) error {
	room, err := disk.RoomOf(d.config.Dir)
	if err != nil {
		return err
	}
	room.Free -= min(room.Free, uint64(more))
	least := room.LeastFree()
	if d.config.LeastFree > 0 {
		least = uint64(d.config.LeastFree)
	}
	if err := room.RefuseBelow(least, "this upload"); err != nil {
		return err
	}
	if room.Files > 0 && room.FreeFiles < leastFiles {
		return platform.Errorf(platform.NoRoom, "disk_files", "The server's disk has room for %d more files; an upload needs %d.", room.FreeFiles, leastFiles).
			WithHint("Remove apps or folders with many files, or take a larger disk.")
	}
	return nil
}
