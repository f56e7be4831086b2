package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

// MakeDirectory makes a directory in one that is there, and gives it to the owner of that one.
func (f Files) MakeDirectory(_ context.Context, volumeID, p string) error {
	name, err := named(p)
	if err != nil {
		return err
	}
	root, err := f.made(volumeID)
	if err != nil {
		return explain("making", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	defer f.hold(volumeID)()
	parent, err := directory(root, path.Dir(name))
	if err != nil {
		return explain("making", name, err)
	}
	defer func() { _ = parent.Close() }() // likewise
	if err := parent.Mkdir(path.Base(name), 0o755); errors.Is(err, fs.ErrExist) {
		return there(name)
	} else if err != nil {
		return explain("making", name, err)
	}
	dir, err := directory(parent, path.Base(name))
	if err != nil {
		return explain("making", name, err)
	}
	return explain("making", name, errors.Join(give(parent, dir), dir.Close()))
}

// Rename moves what is at one path of a volume to another. What is there makes room only when replace says so.
func (f Files) Rename(_ context.Context, volumeID, from, to string, replace bool) error {
	name, err := named(from)
	if err != nil {
		return err
	}
	target, err := named(to)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(f.Directory(volumeID))
	if err != nil {
		return explain("moving", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	defer f.hold(volumeID)()
	old, err := open(root, path.Dir(name), unix.O_DIRECTORY)
	if err != nil {
		return explain("moving", name, err)
	}
	defer func() { _ = old.Close() }() // likewise
	in, err := open(root, path.Dir(target), unix.O_DIRECTORY)
	if err != nil {
		return explain("moving", target, err)
	}
	defer func() { _ = in.Close() }() // likewise
	flags := uint(unix.RENAME_NOREPLACE)
	if replace {
		flags = 0
	}
	err = unix.Renameat2(int(old.Fd()), path.Base(name), int(in.Fd()), path.Base(target), flags) //nolint:gosec // descriptors are small
	if errors.Is(err, fs.ErrExist) {
		return there(target)
	}
	return explain("moving", name, err)
}

func there(name string) error {
	return platform.Errorf(platform.Conflict, "file_exists", "There is something at %s already.", shown(name)).
		WithHint("Take another name, or remove what is there.")
}

// Changes are what can be said anew of a file; nil leaves it as it is.
type Changes struct {
	Mode     *fs.FileMode // of which the permissions count
	Modified *time.Time
	Size     *int64
}

// Change changes a file, or a directory but for its size.
func (f Files) Change(_ context.Context, volumeID, p string, c Changes) error {
	name, err := cleaned(p)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(f.Directory(volumeID))
	if err != nil {
		return explain("changing", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	h, err := open(root, name, unix.O_PATH)
	if err != nil {
		return explain("changing", name, err)
	}
	defer func() { _ = h.Close() }() // likewise
	info, err := h.Stat()
	if err == nil && !info.Mode().IsRegular() && (!info.IsDir() || c.Size != nil) {
		err = notRegular(name, info)
	}
	if err == nil && c.Size != nil {
		err = f.resize(volumeID, h, *c.Size-info.Size(), *c.Size)
	}
	if err == nil && c.Mode != nil {
		err = os.Chmod(held(h), c.Mode.Perm())
	}
	if err == nil && c.Modified != nil {
		err = os.Chtimes(held(h), time.Time{}, *c.Modified)
	}
	return explain("changing", name, err)
}

func (f Files) resize(volumeID string, h *os.File, more, size int64) error {
	if more > 0 {
		if err := f.Fits(volumeID, more); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(held(h), os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Close())
}
