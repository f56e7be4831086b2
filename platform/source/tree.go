package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Tree is a directory while it fills. It trusts nobody: names, sizes and targets are
// checked here, for every kind of archive alike. It is not safe for concurrent use.
type Tree struct {
	root    *os.Root
	limits  Limits
	skip    func(string) bool
	entries map[string]entry
	files   int
	bytes   int64
	buf     []byte
}

// perEntry is what a tar stream may hold of an entry beside its content: its head, what extends it, and
// what fills it up to whole blocks.
const perEntry = 4 << 10

// Tar adds all that a tar stream holds. What is left out is read all the same, and may cost no more than
// what is kept.
func (t *Tree) Tar(ctx context.Context, r io.Reader) error {
	most := t.limits.Bytes + int64(t.limits.Files)*perEntry + 1<<20
	for tr := tar.NewReader(AtMost(r, most, tooLarge(t.limits.Bytes))); ; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("unpacking a source: %w", err)
		}
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // our own rule below names the entry
			return unreadable(ctx, err)
		}
		if err := t.add(ctx, header, tr); err != nil {
			return err
		}
	}
}

func (t *Tree) add(ctx context.Context, header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeXGlobalHeader:
		return nil // git archive puts the commit's id there
	case tar.TypeDir:
		return t.Dir(header.Name)
	case tar.TypeReg, tar.TypeGNUSparse:
		return t.File(ctx, header.Name, os.FileMode(header.Mode), content)
	case tar.TypeSymlink:
		return t.Symlink(header.Name, header.Linkname)
	case tar.TypeLink:
		return t.hardLink(header.Name, header.Linkname)
	}
	return t.Special(header.Name)
}

// Dir adds a directory, and those above it. One that is there already is fine.
func (t *Tree) Dir(name string) error {
	clean, err := t.cleanName(name)
	if err != nil || t.skips(clean) {
		return err
	}
	return t.makeDirs(clean)
}

// File adds a regular file. Of the mode the permissions count; what comes of r is counted,
// whatever was announced.
func (t *Tree) File(ctx context.Context, name string, mode os.FileMode, r io.Reader) error {
	clean, skip, err := t.place(name)
	if err != nil || skip {
		return err
	}
	return t.addFile(ctx, clean, mode, r)
}

// Symlink adds a symbolic link. It must not lead out of the tree, also not through other links.
func (t *Tree) Symlink(name, target string) error {
	clean, skip, err := t.place(name)
	if err != nil || skip {
		return err
	}
	return t.addSymlink(clean, target)
}

func (t *Tree) hardLink(name, target string) error {
	clean, skip, err := t.place(name)
	if err != nil || skip {
		return err
	}
	return t.addHardLink(clean, target)
}

// Special refuses what is neither file, directory nor link.
func (t *Tree) Special(name string) error {
	clean, skip, err := t.place(name)
	if err != nil || skip {
		return err
	}
	return refused(clean, "is a device, a pipe or another special file")
}

func (t *Tree) skips(clean string) bool { return t.skip != nil && t.skip(clean) }

// place checks the name of what is no directory and makes those above it.
func (t *Tree) place(name string) (clean string, skip bool, err error) {
	clean, err = t.cleanName(name)
	if err != nil {
		return "", false, err
	}
	if clean == "." {
		return "", false, refused(name, "has no name")
	}
	if t.skips(clean) {
		return "", true, nil
	}
	if err := t.makeDirs(path.Dir(clean)); err != nil {
		return "", false, err
	}
	if _, ok := t.entries[clean]; ok {
		return "", false, refused(clean, "is there twice")
	}
	return clean, false, nil
}

// wrapping is the single directory at the top that holds everything; "." when there is none.
func (t *Tree) wrapping() string {
	top := "."
	for name, e := range t.entries {
		switch {
		case strings.Contains(name, "/"):
		case top != "." || e.kind != kindDir:
			return "."
		default:
			top = name
		}
	}
	return top
}

// below gives the entries of a directory under their names in it.
func below(entries map[string]entry, top string) map[string]entry {
	if top == "." {
		return entries
	}
	inner := make(map[string]entry, len(entries))
	for name, e := range entries {
		if rest, ok := strings.CutPrefix(name, top+"/"); ok {
			inner[rest] = e
		}
	}
	return inner
}

// cleanName refuses what could mean a place outside the tree, for the readers of other systems too.
func (t *Tree) cleanName(name string) (string, error) {
	if len(name) > t.limits.Name {
		return "", nameTooLong(name, t.limits.Name)
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' })
	for _, part := range parts {
		if part == ".." {
			return "", refused(name, "leads out of the tree")
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if len(part) > 255 {
			return "", nameTooLong(name, 255)
		}
	}
	drive := len(name) > 1 && name[1] == ':' && (len(name) == 2 || name[2] == '\\')
	if strings.HasPrefix(name, "/") || strings.HasPrefix(name, `\`) || drive {
		return "", refused(name, "is an absolute path")
	}
	if strings.ContainsRune(name, 0) {
		return "", refused(name, "holds a NUL byte")
	}
	clean := path.Clean(name)
	if depth := strings.Count(clean, "/"); depth > t.limits.Depth {
		return "", tooDeep(name, t.limits.Depth)
	}
	return clean, nil
}

// makeDirs makes name and all directories above it. It never walks through a link.
func (t *Tree) makeDirs(name string) error {
	if name == "." {
		return nil
	}
	if have, ok := t.entries[name]; ok {
		if have.kind != kindDir {
			return refused(name, "is both a file and a directory")
		}
		return nil
	}
	if err := t.makeDirs(path.Dir(name)); err != nil {
		return err
	}
	if err := t.count(); err != nil {
		return err
	}
	if err := t.root.Mkdir(name, 0o755); err != nil {
		return writing(err)
	}
	if err := t.root.Chmod(name, 0o755); err != nil { // whatever the umask is
		return writing(err)
	}
	t.entries[name] = entry{kind: kindDir, mode: 0o755}
	return nil
}
