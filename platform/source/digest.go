package source

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/lugsail/lugsail/platform"
)

// entry is what the digest says of one name.
type entry struct {
	kind   byte
	mode   os.FileMode
	size   int64
	sum    [sha256.Size]byte // of a file's content
	target string            // of a link
}

const (
	kindDir  = 'd'
	kindFile = 'f'
	kindLink = 'l'
)

// digest puts every variable-length part behind its length, so that no two trees can
// give the same bytes.
func digest(entries map[string]entry) string {
	h := sha256.New()
	var number [8]byte
	text := func(s string) {
		binary.BigEndian.PutUint64(number[:], uint64(len(s)))
		h.Write(number[:])
		io.WriteString(h, s) //nolint:errcheck // a hash never fails
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		binary.BigEndian.PutUint64(number[:], uint64(e.mode.Perm()))
		h.Write([]byte{e.kind})
		h.Write(number[:])
		text(name)
		text(e.target)
		h.Write(e.sum[:])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Verify reports whether the tree is still what Unpack made. A tree is not flushed to
// disk: after a power cut a deployment that is taken up again has to ask. The error is
// NotFound source_gone when the tree is missing or different.
func Verify(ctx context.Context, src platform.Source) error {
	gone := platform.Errorf(platform.NotFound, "source_gone", "The files of this deployment are no longer complete on the server.").
		WithHint("Push again.")
	root, err := os.OpenRoot(src.Dir)
	if err != nil {
		return gone.Because(err)
	}
	defer root.Close() //nolint:errcheck // nothing was written
	entries := map[string]entry{}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("verifying a source: %w", err)
		}
		entries[name], err = look(root, name, d)
		return err
	})
	if ctx.Err() != nil {
		return fmt.Errorf("verifying a source: %w", ctx.Err())
	}
	if err != nil {
		return gone.Because(err)
	}
	if have := digest(entries); have != src.Digest {
		return gone.Because(fmt.Errorf("digest of %s is %s, not %s", src.Dir, have, src.Digest))
	}
	return nil
}

func look(root *os.Root, name string, d fs.DirEntry) (e entry, err error) {
	info, err := d.Info()
	if err != nil {
		return e, fmt.Errorf("looking at %s: %w", name, err)
	}
	switch {
	case info.IsDir():
		return entry{kind: kindDir, mode: info.Mode().Perm()}, nil
	case info.Mode()&os.ModeSymlink != 0:
		target, err := root.Readlink(name)
		if err != nil {
			return e, fmt.Errorf("reading the link %s: %w", name, err)
		}
		return entry{kind: kindLink, mode: 0o777, target: target}, nil
	case !info.Mode().IsRegular():
		return e, fmt.Errorf("%s is a special file", name)
	}
	f, err := root.Open(name)
	if err != nil {
		return e, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return e, fmt.Errorf("reading %s: %w", name, err)
	}
	return entry{kind: kindFile, mode: info.Mode().Perm(), size: n, sum: [sha256.Size]byte(sum.Sum(nil))}, nil
}
