package cli

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lugsail/lugsail/platform"
)

// folder is what is sent of a directory.
type folder struct {
	root    *os.Root
	entries []sent
	bytes   int64
	files   int
	skipped []string // sockets and pipes
}

// sent is a file, a directory or a link in it.
type sent struct {
	name   string // with slashes, from the folder
	info   fs.FileInfo
	target string // of a link
}

// openFolder looks through a directory and reads nothing yet.
func openFolder(dir string) (*folder, error) {
	rules, err := newIgnored(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, unreadableFile(dir, err)
	}
	f := &folder{root: root}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return unreadableFile(filepath.Join(dir, name), err)
		case name != "." && rules.match(name, d.IsDir()):
			return leaveOut(d)
		case d.IsDir():
			if err := rules.enter(filepath.Join(dir, name), rules.pathOf(name)); err != nil {
				return err
			}
		}
		return f.add(name, d)
	})
	if err == nil && f.files == 0 {
		err = platform.Errorf(platform.Invalid, "folder_empty", "There is nothing to send in %s.", clean(dir)).
			WithHint("Name the folder of your app: lugsail deploy FOLDER. What .gitignore and .lugsailignore name is left out.")
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return f, nil
}

func leaveOut(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func (f *folder) add(name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return unreadableFile(name, err)
	}
	e := sent{name: name, info: info}
	switch {
	case name == ".":
		return nil
	case info.IsDir():
	case info.Mode()&fs.ModeSymlink != 0:
		if e.target, err = f.linkTarget(name); err != nil {
			return err
		}
		f.files++
	case info.Mode().IsRegular():
		f.bytes += info.Size()
		f.files++
	default:
		f.skipped = append(f.skipped, name)
		return nil
	}
	f.entries = append(f.entries, e)
	return nil
}

// linkTarget refuses a link that leads out of the folder: on the server it would lead somewhere else.
func (f *folder) linkTarget(name string) (string, error) {
	target, err := f.root.Readlink(name)
	if err != nil {
		return "", unreadableFile(name, err)
	}
	_, err = f.root.Stat(name)
	inside := err == nil || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR)
	if filepath.IsAbs(target) || !inside {
		return "", platform.Errorf(platform.Invalid, "link_outside", "%s is a link to %s, which is outside of the folder.", clean(name), clean(target)).
			WithHint("Put a copy of it into the folder, or leave the link out: write its name into .lugsailignore.")
	}
	return filepath.ToSlash(target), nil
}

// inside is the single folder at the top of what is sent. The server takes its inside, whatever is in it.
const inside = "app"

// pack writes the folder as a tar.gz; count hears of the bytes that were read.
func (f *folder) pack(w io.Writer, count func(int)) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return fmt.Errorf("packing: %w", err)
	}
	t := tar.NewWriter(z)
	for _, e := range f.entries {
		if err := f.packOne(t, e, count); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

func (f *folder) packOne(t *tar.Writer, e sent, count func(int)) error {
	h, err := tar.FileInfoHeader(e.info, e.target)
	if err != nil {
		return fmt.Errorf("packing %s: %w", e.name, err)
	}
	h.Name = inside + "/" + e.name
	if e.info.IsDir() {
		h.Name += "/"
	}
	h.Uid, h.Gid, h.Uname, h.Gname, h.Format = 0, 0, "", "", tar.FormatPAX
	if err := t.WriteHeader(h); err != nil || !e.info.Mode().IsRegular() {
		return err
	}
	file, err := f.root.Open(e.name)
	if err != nil {
		return unreadableFile(e.name, err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	n, err := io.CopyN(t, counting{file, count}, e.info.Size())
	if errors.Is(err, io.EOF) {
		return platform.Errorf(platform.Conflict, "file_changed", "%s became shorter while it was sent (%d of %d bytes).", clean(e.name), n, e.info.Size()).
			WithHint("Wait until nothing writes into the folder, then deploy again.")
	}
	return err
}

// counting tells how much was read.
type counting struct {
	io.Reader
	count func(int)
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.count(n)
	return n, err
}

func (f *folder) Close() error { return f.root.Close() }

// pathOf leads from the work tree's top to a place in the folder.
func (i *ignored) pathOf(rel string) []string {
	path := append([]string{}, i.base...)
	if rel == "." {
		return path
	}
	return append(path, strings.Split(filepath.ToSlash(rel), "/")...)
}
