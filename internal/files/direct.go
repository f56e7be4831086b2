package files

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// OpenFile opens a regular file as the flags of package os say, to be read and written at its place, and makes it when
// they say so. Unlike Save this shows the app a file that is half written.
func (f Files) OpenFile(_ context.Context, volumeID, p string, flags int, mode fs.FileMode) (*os.File, error) {
	name, err := named(p)
	if err != nil {
		return nil, err
	}
	var root *os.Root
	if flags&os.O_CREATE != 0 {
		root, err = f.made(volumeID)
	} else {
		root, err = os.OpenRoot(f.Directory(volumeID))
	}
	if err != nil {
		return nil, explain("opening", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	defer f.hold(volumeID)()
	file, err := existing(root, name, flags)
	if flags&os.O_CREATE != 0 && errors.Is(err, fs.ErrNotExist) {
		file, err = create(root, name, cmp.Or(mode.Perm(), usual))
	}
	return file, explain("opening", name, err)
}

// existing opens a file that is there. No bits by which it would run as somebody else outlive that it is written.
func existing(root *os.Root, name string, flags int) (*os.File, error) {
	access := flags & (os.O_WRONLY | os.O_RDWR)
	file, info, err := openRegular(root, name, access)
	if err != nil || access == os.O_RDONLY {
		return file, err
	}
	switch mode := info.Mode(); {
	case flags&os.O_EXCL != 0:
		err = there(name)
	case mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
		err = file.Chmod(mode.Perm())
	}
	if err == nil && flags&os.O_TRUNC != 0 {
		err = file.Truncate(0)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// create makes a file that belongs to the owner of its directory, as what the app makes there does.
func create(root *os.Root, name string, mode fs.FileMode) (*os.File, error) {
	parent, err := directory(root, path.Dir(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = parent.Close() }() // nothing was written through it
	above, err := parent.Stat(".")
	if err != nil {
		return nil, err
	}
	file, err := parent.OpenFile(path.Base(name), os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(file.Chown(ownerOf(above)), file.Chmod(mode)); err != nil {
		return nil, errors.Join(err, file.Close(), parent.Remove(path.Base(name)))
	}
	return file, nil
}
