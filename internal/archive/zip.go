package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lugsail/lugsail/platform/source"
)

// readZip adds what the list at the end of a zip names, in its order.
func readZip(ctx context.Context, t *source.Tree, file io.ReaderAt, size int64, limits source.Limits) error {
	list := newList(file, limits)
	z, err := zip.NewReader(list, size)
	if list.over != nil {
		return list.over
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // the tree names the entry
		return damaged(err)
	}
	list.open = true
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("unpacking a source: %w", err)
		}
		if err := addZip(ctx, t, f); err != nil {
			return err
		}
	}
	return nil
}

func addZip(ctx context.Context, t *source.Tree, f *zip.File) error {
	name, mode := nameOf(f), f.Mode()
	if !fromUnix(f) && mode.IsRegular() {
		mode = 0o644 // no permissions stand there
	}
	switch {
	case strings.HasSuffix(name, "/"), mode.IsDir():
		return t.Dir(name)
	case mode&os.ModeSymlink == 0 && !mode.IsRegular():
		return t.Special(name)
	case f.Flags&1 != 0:
		return locked(name)
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return method(name)
	}
	r, err := f.Open()
	if err != nil {
		return damaged(err)
	}
	defer r.Close() //nolint:errcheck // nothing was written
	if mode&os.ModeSymlink == 0 {
		return t.File(ctx, name, mode, r)
	}
	target, err := io.ReadAll(io.LimitReader(r, 4096)) // the tree refuses a longer one
	if err != nil {
		return damaged(err)
	}
	return t.Symlink(name, string(target))
}

// nameOf reads a name with the separators of Windows where the archive was made there.
func nameOf(f *zip.File) string {
	if fromUnix(f) {
		return f.Name
	}
	return strings.ReplaceAll(f.Name, `\`, "/")
}

func fromUnix(f *zip.File) bool {
	const unix, mac = 3, 19
	made := f.CreatorVersion >> 8
	return made == unix || made == mac
}

// list stands between a zip and the library while that reads the list of entries, whole and
// into memory: it counts them and stops at the limit.
type list struct {
	file   io.ReaderAt
	limits source.Limits
	left   int64 // bytes that may still be read
	heads  int   // entries that may still come
	open   bool  // the list was read
	over   error
}

var head = []byte("PK\x01\x02")

func newList(file io.ReaderAt, limits source.Limits) *list {
	most := limits.Most()
	// what is left out, and what a content holds that looks like an entry, is counted too
	return &list{file: file, limits: limits, left: int64(most)*200 + 1<<20, heads: most + most/5 + 100}
}

func (l *list) ReadAt(p []byte, off int64) (int, error) {
	if l.open {
		return l.file.ReadAt(p, off)
	}
	n, err := l.file.ReadAt(p, off)
	l.left -= int64(n)
	l.heads -= bytes.Count(p[:n], head)
	if l.left < 0 || l.heads < 0 {
		l.over = l.limits.TooMany()
		return 0, l.over
	}
	return n, err
}
