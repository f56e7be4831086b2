package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

const (
	// inOneAnother is how many directories in one another are held open while they are removed. A program makes
	// them deeper than this one may have files open; what lies deeper is moved up first.
	inOneAnother = 100
	namesAtOnce  = 1024
	swaps        = 100 // of a file for a directory and back, by somebody else, while it is removed
)

// Remove removes a file, a link itself, or a directory with all that is in it, however deep. One that is not there
// is fine. No link is followed, and nothing is touched that did not lie there when it was looked at, whatever
// somebody else does meanwhile.
func Remove(path string) error {
	parent, err := os.Open(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing files: %w", err)
	}
	defer func() { _ = parent.Close() }() // nothing was written
	return RemoveFrom(parent, filepath.Base(path))
}

// RemoveFrom is Remove for what has that name in an open directory.
func RemoveFrom(parent *os.File, name string) error {
	if err := (&removal{}).entry(parent, name, 0); err != nil {
		return fmt.Errorf("removing files: %w", err)
	}
	return nil
}

// removal is one tree that goes.
type removal struct {
	top *os.File // its directory; nil until it is open
}

// entry removes what has a name in a directory of the tree, so many directories deep.
func (r *removal) entry(in *os.File, name string, depth int) error {
	at := int(in.Fd()) //nolint:gosec // a descriptor is small
	for range swaps {
		err := unix.Unlinkat(at, name, 0)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) { // POSIX says the one of a directory, Linux the other
			return &fs.PathError{Op: "unlinkat", Path: name, Err: err}
		}
		if depth == inOneAnother {
			return r.moveUp(at, name)
		}
		dir, openErr := openDirectory(at, name)
		if isNoDirectory(openErr) && !errors.Is(err, unix.EPERM) {
			continue // it was swapped for something else
		}
		if openErr != nil {
			return &fs.PathError{Op: "unlinkat", Path: name, Err: errors.Join(err, openErr)}
		}
		return r.directory(at, name, dir, depth)
	}
	return &fs.PathError{Op: "unlinkat", Path: name, Err: unix.EAGAIN}
}

func (r *removal) directory(at int, name string, dir *os.File, depth int) error {
	if r.top == nil {
		r.top = dir
	}
	err := errors.Join(r.inside(dir, depth), dir.Close())
	if err != nil {
		return err
	}
	if err := unix.Unlinkat(at, name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return &fs.PathError{Op: "unlinkat", Path: name, Err: err}
	}
	return nil
}

// inside empties a directory. Reading may leave names out while others go, so it looks until it finds none that it
// can remove.
func (r *removal) inside(dir *os.File, depth int) error {
	for {
		found, failed, failure := r.pass(dir, depth)
		if found == failed {
			return failure
		}
		if _, err := dir.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
}

// pass removes what it finds, and gives the first failure.
func (r *removal) pass(dir *os.File, depth int) (found, failed int, failure error) {
	for {
		names, end := dir.Readdirnames(namesAtOnce)
		found += len(names)
		for _, name := range names {
			if err := r.entry(dir, name, depth+1); err != nil {
				failed++
				failure = cmp.Or(failure, err)
			}
		}
		if errors.Is(end, io.EOF) {
			return found, failed, failure
		}
		if end != nil {
			return 0, 0, cmp.Or(failure, end)
		}
	}
}

// moveUp moves a directory to the top of the tree, which is emptied until nothing is in it.
func (r *removal) moveUp(at int, name string) error {
	to := ".lugsail-" + platform.NewID() + ".gone"
	err := unix.Renameat(at, name, int(r.top.Fd()), to) //nolint:gosec // a descriptor is small
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return &fs.PathError{Op: "renameat", Path: name, Err: err}
	}
	return nil
}

// openDirectory opens a directory, and nothing else: no link to one either.
func openDirectory(at int, name string) (*os.File, error) {
	for {
		fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			return os.NewFile(uintptr(fd), name), nil //nolint:gosec // a descriptor is not negative
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, err
		}
	}
}

func isNoDirectory(err error) bool {
	return errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOENT)
}
