// Package files lists, reads, saves and removes the files of volumes for people.
//
// What surprises: the programs in the containers are strangers, and this one is root. They change the directory
// at every moment, so nothing that was looked at is still true when it is opened. Hence everything goes through an
// os.Root, which no link leads out of. A file is first held without opening it (O_PATH), then looked at, and the
// very one that was looked at is opened: opening a pipe would block, and opening a device can do things. For the
// same reason Root.OpenRoot is not used here: it opens whatever it finds. Save writes a file whole or not at all;
// OpenFile is for doors whose clients write at their own pace and look for what they left half.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

const (
	maxPath = 4096 // of Linux (PATH_MAX)
	maxName = 255  // of Linux (NAME_MAX)
)

// Files are those of all volumes. Paths are below a volume's directory.
type Files struct {
	Directory func(volumeID string) string             // where a volume's files lie; it need not be there yet
	Room      func(volumeID string, bytes int64) error // refuses what would leave too little of the disk or the plan; nil never does
	Came      func(volumeID string, bytes int64)       // hears how much has come, and by less than 0 what has gone again; nil: nobody does
	Hold      func(volumeID string) (release func())   // keeps a volume from being given to its first container's user; nil: nobody does that
}

// cleaned makes one form of a path: "." for the volume itself, else without "..", and never from "/" on.
func cleaned(p string) (string, error) {
	wrong := strings.ContainsRune(p, 0) || len(p) > maxPath
	p = strings.TrimPrefix(path.Clean("/"+p), "/")
	for part := range strings.SplitSeq(p, "/") {
		wrong = wrong || len(part) > maxName
	}
	if wrong {
		return "", platform.Errorf(platform.Invalid, "file_path_invalid", "There can be no file at %s.", shown(p)).
			WithHint("A path has up to %d bytes, each name in it up to %d, and none of them is NUL.", maxPath, maxName)
	}
	if p == "" {
		return ".", nil
	}
	return p, nil
}

// named is cleaned for a path that must be of something in the volume.
func named(p string) (string, error) {
	clean, err := cleaned(p)
	if err == nil && clean == "." {
		err = platform.Errorf(platform.Invalid, "file_path_invalid", "That is the volume itself, not a file in it.").
			WithHint("Give the path of a file, from the top of the volume on.")
	}
	return clean, err
}

// directory opens a directory of a volume, also through links that stay inside.
func directory(root *os.Root, p string) (*os.Root, error) {
	f, err := open(root, p, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	return os.OpenRoot(held(f))
}

// open opens something of a volume to be looked at, as the flags say.
func open(root *os.Root, p string, flags int) (*os.File, error) {
	return root.OpenFile(p, os.O_RDONLY|flags, 0)
}

// held is the path of the very thing that f holds, whatever stands under its name by now.
func held(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// Open opens a regular file, and tells what it is.
func (f Files) Open(_ context.Context, volumeID, p string) (io.ReadCloser, platform.VolumeFile, error) {
	name, err := named(p)
	if err != nil {
		return nil, platform.VolumeFile{}, err
	}
	root, err := os.OpenRoot(f.Directory(volumeID))
	if err != nil {
		return nil, platform.VolumeFile{}, explain("opening", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	file, info, err := openRegular(root, name, os.O_RDONLY)
	if err != nil {
		return nil, platform.VolumeFile{}, explain("opening", name, err)
	}
	return file, describe(path.Base(name), info), nil
}

func openRegular(root *os.Root, name string, access int) (*os.File, fs.FileInfo, error) {
	h, err := open(root, name, unix.O_PATH)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = h.Close() }() // nothing was written
	info, err := h.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(name, info)
	}
	if err != nil {
		return nil, nil, err
	}
	file, err := os.OpenFile(held(h), access|unix.O_NONBLOCK, 0) // it may be leased to somebody
	if err != nil {
		return nil, nil, err
	}
	if info, err = file.Stat(); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

// Remove removes a file, a link itself, or a directory: one with something in it only when all says so.
func (f Files) Remove(_ context.Context, volumeID, p string, all bool) error {
	name, err := named(p)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(f.Directory(volumeID))
	if err != nil {
		return explain("removing", name, err)
	}
	defer func() { _ = root.Close() }() // its directory was not written to by it
	parent, err := directory(root, path.Dir(name))
	if err != nil {
		return explain("removing", name, err)
	}
	defer func() { _ = parent.Close() }() // likewise
	base := path.Base(name)
	if !all {
		return explain("removing", name, parent.Remove(base))
	}
	if _, err := parent.Lstat(base); err != nil { // RemoveFrom is content when nothing is there
		return explain("removing", name, err)
	}
	in, err := parent.Open(".")
	if err != nil {
		return explain("removing", name, err)
	}
	defer func() { _ = in.Close() }() // likewise
	return explain("removing", name, disk.RemoveFrom(in, base))
}
