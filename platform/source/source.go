// Package source owns the tree of files that a person handed in: it fills a directory
// that nobody changes afterwards, within limits, and names the tree by a digest. A tar
// stream is read here; other kinds of archives use the same Tree (internal/archive).
//
// What comes is hostile until proven otherwise. Limits count while the bytes arrive
// and never trust a header, every write goes through os.Root, and the directory
// appears under its name only when it is complete. Symbolic links that stay inside
// the tree are kept as links; one that leads out refuses the whole tree, because
// whatever reads the tree later might follow it. The check needs the finished tree:
// a link that looks harmless can lead out through another link.
//
// The digest covers names, modes, contents and link targets in sorted order, and not
// times or owners, so that the same files always have the same digest.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/platform"
)

// Limits bound one tree. The zero value of each field means its default.
type Limits struct {
	Bytes int64 // of all contents together; 0 means 1 GiB
	Files int   // files, links and directories together; 0 means 100,000
	Depth int   // directories above a file; 0 means 100
	Name  int   // bytes of a path; 0 means 1,024
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 1 << 30
	}
	if l.Files <= 0 {
		l.Files = 100_000
	}
	if l.Depth <= 0 {
		l.Depth = 100
	}
	if l.Name <= 0 {
		l.Name = 1024
	}
	return l
}

// Most is how many files, links and directories the limits allow.
func (l Limits) Most() int { return l.withDefaults().Files }

// TooMany is the error for more than that, for a reader that knows before it adds them.
func (l Limits) TooMany() error { return tooMany(l.Most()) }

// unfinished starts the names of directories that are not complete yet.
const unfinished = ".unpack-"

// Form says what a tree leaves out and what it is called by. The zero value takes all as it is.
type Form struct {
	Skip   func(name string) bool // leaves an entry out, by its clean path; nil leaves out none
	Unwrap bool                   // a single directory at the top, with nothing beside it, becomes the tree
}

// Unpack writes the tree of a tar stream to dir, which must not exist; its parent must.
// The rest is as with Make.
func Unpack(ctx context.Context, r io.Reader, dir string, limits Limits) (platform.Source, error) {
	return Make(ctx, dir, limits, Form{}, func(t *Tree) error { return t.Tar(ctx, r) })
}

// Make lets fill put a tree together and gives it the name dir, which must not exist; its
// parent must. Dir, Digest, Files (regular files and links) and Bytes of the result are set.
// Nothing stays behind on an error.
//
// Errors: Invalid source_too_large, source_too_many_files, source_too_deep,
// source_name_too_long, source_entry_refused or source_unreadable; NoRoom disk_full;
// those of fill; the context's; else what the file system said.
func Make(ctx context.Context, dir string, limits Limits, form Form, fill func(*Tree) error) (_ platform.Source, err error) {
	if _, err := os.Lstat(dir); err == nil {
		return platform.Source{}, fmt.Errorf("unpacking a source: %s exists already", dir)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), unfinished)
	if err != nil {
		return platform.Source{}, writing(err)
	}
	defer func() {
		if removeErr := os.RemoveAll(temp); removeErr != nil {
			err = errors.Join(err, removeErr)
		}
	}()
	src, top, err := makeIn(ctx, temp, limits.withDefaults(), form, fill)
	if err != nil {
		return platform.Source{}, err
	}
	if err := os.Rename(filepath.Join(temp, top), dir); err != nil {
		return platform.Source{}, fmt.Errorf("unpacking a source: %w", err)
	}
	src.Dir = dir
	return src, nil
}

// Clean removes what an interrupted Unpack left in parent. Nobody may be unpacking there.
func Clean(parent string) error {
	left, err := filepath.Glob(filepath.Join(parent, unfinished+"*"))
	if err != nil {
		return fmt.Errorf("cleaning %s: %w", parent, err)
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("cleaning %s: %w", parent, err)
		}
	}
	return nil
}

// makeIn fills temp; top is the directory in it that is the tree.
func makeIn(ctx context.Context, temp string, limits Limits, form Form, fill func(*Tree) error) (src platform.Source, top string, err error) {
	root, err := os.OpenRoot(temp)
	if err != nil {
		return src, "", fmt.Errorf("unpacking a source: %w", err)
	}
	defer func() {
		if closeErr := root.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("unpacking a source: %w", closeErr)
		}
	}()
	if err := root.Chmod(".", 0o755); err != nil {
		return src, "", fmt.Errorf("unpacking a source: %w", err)
	}
	t := &Tree{root: root, limits: limits, skip: form.Skip, entries: map[string]entry{}, buf: make([]byte, 64<<10)}
	if err := fill(t); err != nil {
		return src, "", err
	}
	if err := ctx.Err(); err != nil {
		return src, "", fmt.Errorf("unpacking a source: %w", err)
	}
	top = "."
	if form.Unwrap {
		top = t.wrapping()
	}
	inner, err := root.OpenRoot(top)
	if err != nil {
		return src, "", fmt.Errorf("unpacking a source: %w", err)
	}
	entries := below(t.entries, top)
	err = errors.Join(checkLinks(inner, entries), inner.Close())
	src.Files, src.Bytes, src.Digest = t.files, t.bytes, digest(entries)
	return src, top, err
}
