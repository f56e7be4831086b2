package buildpack

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// maxRead bounds files that are read as a whole.
const maxRead = 32 << 20

// Tree is the source. Nothing outside it can be reached through it.
type Tree struct{ root *os.Root }

// OpenTree opens a directory as a tree.
func OpenTree(dir string) (Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Tree{}, fmt.Errorf("opening the source: %w", err)
	}
	return Tree{root: root}, nil
}

// Has reports whether there is a regular file of that name. A link is none.
func (t Tree) Has(name string) bool {
	info, err := t.root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// HasDir reports whether there is a directory of that name. A link is none.
func (t Tree) HasDir(name string) bool {
	info, err := t.root.Lstat(name)
	return err == nil && info.IsDir()
}

// Read gives the contents of a regular file, "" when there is none.
func (t Tree) Read(name string) ([]byte, error) {
	if !t.Has(name) {
		return nil, nil
	}
	f, err := t.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > maxRead {
		return nil, Failf("file_too_large", "", "%s is larger than 32 MB.", name)
	}
	return data, nil
}

// Names lists a directory, "." for the top; nothing when it is not there.
func (t Tree) Names(dir string) []fs.DirEntry {
	entries, err := fs.ReadDir(t.root.FS(), dir)
	if err != nil {
		return nil
	}
	return entries
}

// Digest is over names, modes and contents of everything except node_modules and .git.
func (t Tree) Digest() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(t.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return fs.SkipDir
		}
		info, err := t.root.Lstat(name)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(sum, "%q %o %d\n", name, info.Mode(), info.Size()) // a hash takes everything
		return t.add(sum, name, info)
	})
	if err != nil {
		return "", fmt.Errorf("reading the source: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (t Tree) add(sum io.Writer, name string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := t.root.Readlink(name)
		if err != nil {
			return err
		}
		_, err = io.WriteString(sum, target)
		return err
	case !info.Mode().IsRegular():
		return nil
	}
	f, err := t.root.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(sum, f)
	return errors.Join(err, f.Close())
}

// Key joins what a layer depends on.
func Key(parts ...string) string {
	sum := sha256.New()
	for _, part := range append([]string{Version}, parts...) {
		_, _ = fmt.Fprintf(sum, "%d:%s;", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Ext is a file name's extension, in lower case.
func Ext(name string) string { return strings.ToLower(path.Ext(name)) }
