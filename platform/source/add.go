package source

import (
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

func (t *Tree) addFile(ctx context.Context, name string, mode os.FileMode, content io.Reader) (err error) {
	if err := t.count(); err != nil {
		return err
	}
	mode = mode&0o777 | 0o600
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
func (t *Tree) copy(ctx context.Context, w io.Writer, r io.Reader) (n int64, err error) {
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

func (t *Tree) addSymlink(name, target string) error {
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
func (t *Tree) addHardLink(name, target string) error {
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

func (t *Tree) count() error {
	if len(t.entries) >= t.limits.Files {
		return tooMany(t.limits.Files)
	}
	return nil
}

// checkLinks follows every link as the finished tree has it. os.Root refuses to leave the
// tree; a link that leads nowhere, to itself or through a file is broken but harmless.
func checkLinks(root *os.Root, entries map[string]entry) error {
	for name, e := range entries {
		if e.kind != kindLink {
			continue
		}
		_, err := root.Stat(name)
		switch {
		case err == nil, errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENOTDIR):
		default:
			return refused(name, "is a link that leads out of the tree")
		}
	}
	return nil
}

func leaves(clean string) bool { return clean == ".." || strings.HasPrefix(clean, "../") }
