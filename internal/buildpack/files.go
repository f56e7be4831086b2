package buildpack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CopyTree copies a directory, its links as links, to a place that is not there yet.
func CopyTree(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("copying %s: %w", filepath.Base(from), err)
	}
	return nil
}

// MergeTree copies the files of a directory into one that may have others.
func MergeTree(from, to string) error {
	return linkTree("copying", from, to, func(string) bool { return false })
}

// LinkTree makes a second directory of the same files without copying their contents. Files for
// which shared says no are copied.
func LinkTree(from, to string, shared func(name string) bool) error {
	return linkTree("linking", from, to, shared)
}

func linkTree(doing, from, to string, shared func(name string) bool) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return linkEntry(path, filepath.Join(to, name), d, shared(name))
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", doing, filepath.Base(from), err)
	}
	return nil
}

func linkEntry(from, to string, d fs.DirEntry, shared bool) error {
	switch {
	case d.IsDir():
		return os.MkdirAll(to, 0o755)
	case d.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case !d.Type().IsRegular():
		return nil
	case shared:
		return os.Link(from, to)
	}
	return CopyFile(from, to)
}

// CopyFile copies a regular file with its mode.
func CopyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = out.ReadFrom(in)
	return errors.Join(err, out.Close())
}

// Replace moves a directory to a place where another one may be.
func Replace(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("removing the old %s: %w", filepath.Base(to), err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("moving %s: %w", filepath.Base(to), err)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("moving %s: %w", filepath.Base(to), err)
	}
	return nil
}
