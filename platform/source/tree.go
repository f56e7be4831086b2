package source

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"
)

// tree is a directory while it fills.
type tree struct {
	root    *os.Root
	limits  Limits
	entries map[string]entry
	files   int
	bytes   int64
	buf     []byte
}

func (t *tree) readAll(ctx context.Context, tr *tar.Reader) error {
	for {
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

func (t *tree) add(ctx context.Context, header *tar.Header, content io.Reader) error {
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil // git archive puts the commit's id there
	}
	name, err := t.cleanName(header.Name)
	if err != nil {
		return err
	}
	if name == "." {
		if header.Typeflag != tar.TypeDir {
			return refused(header.Name, "has no name")
		}
		return nil
	}
	if header.Typeflag == tar.TypeDir {
		return t.makeDirs(name)
	}
	if err := t.makeDirs(path.Dir(name)); err != nil {
		return err
	}
	if _, ok := t.entries[name]; ok {
		return refused(name, "is there twice")
	}
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return t.addFile(ctx, name, header, content)
	case tar.TypeSymlink:
		return t.addSymlink(name, header.Linkname)
	case tar.TypeLink:
		return t.addHardLink(name, header.Linkname)
	}
	return refused(name, "is a device, a pipe or another special file")
}

// cleanName refuses what could mean a place outside the tree, for the readers of other systems too.
func (t *tree) cleanName(name string) (string, error) {
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
func (t *tree) makeDirs(name string) error {
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

func (t *tree) addFile(ctx context.Context, name string, header *tar.Header, content io.Reader) (err error) {
	if err := t.count(); err != nil {
		return err
	}
	mode := os.FileMode(header.Mode)&0o777 | 0o600
	f, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return writing(err)
	}
	defer func() {
		if closeErr := f.Close(); err == nil && closeErr != nil {
			err = writing(closeErr)
		}
	}()
	sum := sha256.New()
	n, err := t.copy(ctx, io.MultiWriter(f, sum), content)
	if err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return writing(err)
	}
	t.files++
	t.entries[name] = entry{kind: kindFile, mode: mode, size: n, sum: [sha256.Size]byte(sum.Sum(nil))}
	return nil
}

// copy counts what really comes; a header may claim anything.
func (t *tree) copy(ctx context.Context, w io.Writer, r io.Reader) (n int64, err error) {
	for {
		got, readErr := r.Read(t.buf)
		n, t.bytes = n+int64(got), t.bytes+int64(got)
		if t.bytes > t.limits.Bytes {
			return n, tooLarge(t.limits.Bytes)
		}
		if _, err := w.Write(t.buf[:got]); err != nil {
			return n, writing(err)
		}
		if errors.Is(readErr, io.EOF) {
			return n, nil
		}
		if readErr != nil {
			return n, unreadable(ctx, readErr)
		}
		if err := ctx.Err(); err != nil {
			return n, fmt.Errorf("unpacking a source: %w", err)
		}
	}
}

func (t *tree) addSymlink(name, target string) error {
	if err := t.count(); err != nil {
		return err
	}
	if len(target) > 4095 {
		return nameTooLong(target, 4095)
	}
	if target == "" || strings.ContainsRune(target, 0) || path.IsAbs(target) || leaves(path.Join(path.Dir(name), target)) {
		return refused(name, "is a link that leads out of the tree")
	}
	if err := t.root.Symlink(target, name); err != nil {
		return writing(err)
	}
	t.files++
	t.entries[name] = entry{kind: kindLink, mode: 0o777, target: target}
	return nil
}

// addHardLink counts the bytes again: whoever packs the tree anew gets them twice.
func (t *tree) addHardLink(name, target string) error {
	if err := t.count(); err != nil {
		return err
	}
	old, err := t.cleanName(target)
	if err != nil {
		return refused(name, "is a link that leads out of the tree")
	}
	have, ok := t.entries[old]
	if !ok || have.kind != kindFile {
		return refused(name, "is a hard link to something that is not a file of the tree")
	}
	if t.bytes += have.size; t.bytes > t.limits.Bytes {
		return tooLarge(t.limits.Bytes)
	}
	if err := t.root.Link(old, name); err != nil {
		return writing(err)
	}
	t.files++
	t.entries[name] = have
	return nil
}

func (t *tree) count() error {
	if len(t.entries) >= t.limits.Files {
		return tooMany(t.limits.Files)
	}
	return nil
}

// checkLinks follows every link as the finished tree has it. os.Root refuses to leave the
// tree; a link that leads nowhere, to itself or through a file is broken but harmless.
func (t *tree) checkLinks() error {
	for name, e := range t.entries {
		if e.kind != kindLink {
			continue
		}
		_, err := t.root.Stat(name)
		switch {
		case err == nil, errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENOTDIR):
		default:
			return refused(name, "is a link that leads out of the tree")
		}
	}
	return nil
}

func leaves(clean string) bool { return clean == ".." || strings.HasPrefix(clean, "../") }
