package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Link makes a tree whose files are those of another one, by further names for them: a moment later, nothing that is
// removed there is missing here. Owners and modes of directories are those of there; what is neither a file, a
// directory nor a link is left out, and so is what skip names by its path below from. A tree that is not there is an
// empty one. Both lie on one file system.
func Link(from, to string, skip func(path string) bool) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just gone, or never was
		}
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if skip != nil && skip(below) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if err := linkOne(path, filepath.Join(to, below), entry); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("laying out %s: %w", from, err)
	}
	return nil
}

func linkOne(path, to string, entry fs.DirEntry) error {
	switch entry.Type() {
	case fs.ModeDir:
		return likewise(path, to)
	case fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case 0:
		return os.Link(path, to)
	}
	return nil
}

// likewise makes a directory with the owner and the mode of another one.
func likewise(path, to string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Lchown(to, int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(to, info.Mode().Perm())
}
