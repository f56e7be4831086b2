package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	slashed "path"
	"path/filepath"
	"strings"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

// maxDepth bounds the directories in one another that are copied: a program may make them without end.
const maxDepth = 100

// down copies a file or directory of a volume to this computer.
func (k *copying) down(ctx context.Context, from place, to string) error {
	directory, err := k.c.isDirectory(ctx, k.app, from)
	if err != nil {
		return err
	}
	base := slashed.Base(slashed.Clean("/" + from.path))
	switch {
	case from.path == "." || strings.HasSuffix(from.path, "/."):
		base = "."
	case base == "/":
		base = from.volume
	}
	info, err := os.Stat(to)
	if err == nil && info.IsDir() || strings.HasSuffix(to, "/") {
		to = filepath.Join(to, base)
	}
	if directory {
		return k.folder(ctx, from, to)
	}
	if filepath.Base(to) == "." {
		return usagef("%q is no name for a file", to)
	}
	k.add(fileCopy{here: filepath.Base(to), there: from.path})
	return k.into(ctx, from, filepath.Dir(to), to)
}

// folder copies all that is in a directory.
func (k *copying) folder(ctx context.Context, from place, to string) error {
	if err := k.plan(ctx, from, "", 0); err != nil {
		return err
	}
	return k.into(ctx, from, to, to)
}

func (k *copying) plan(ctx context.Context, from place, below string, depth int) error {
	at := place{from.volume, slashed.Join(from.path, below)}
	if depth > maxDepth {
		return platform.Errorf(platform.Invalid, "directory_too_deep", "%s lies more than %d directories deep.", clean(at.String()), maxDepth).
			WithHint("Copy the directories in it one by one.")
	}
	all, err := k.c.listing(ctx, k.app, at)
	if err != nil {
		return err
	}
	for _, f := range all {
		name := slashed.Join(below, f.Name)
		switch {
		case !plain(f.Name) || f.Kind != platform.FileDirectory && f.Kind != platform.FileRegular:
			k.left = append(k.left, name)
		case f.Kind == platform.FileDirectory:
			if err := k.plan(ctx, from, name, depth+1); err != nil {
				return err
			}
		default:
			k.add(fileCopy{here: name, there: slashed.Join(from.path, name), bytes: f.Bytes})
		}
	}
	return nil
}

// plain tells names that are a name on this computer too. What was no text has become U+FFFD on the way.
func plain(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00\uFFFD") && filepath.IsLocal(name) && filepath.Base(name) == name
}

// into writes what is planned below a directory, and nowhere else: the names are those of strangers.
func (k *copying) into(ctx context.Context, from place, dir, to string) error {
	var root *os.Root
	defer func() {
		if root != nil {
			_ = root.Close() // its files are closed before
		}
	}()
	return k.run(ctx, "Copied", from.String(), to, func(ctx context.Context, f fileCopy, count func(int)) (err error) {
		if root == nil {
			if root, err = made(dir); err != nil {
				return err
			}
		}
		n, err := k.fetch(ctx, root, place{from.volume, f.there}, filepath.FromSlash(f.here), count)
		k.bytes += n - f.bytes // as it was by then
		return err
	})
}

func made(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, unwritable(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, unwritable(dir, err)
	}
	return root, nil
}

func unwritable(name string, err error) error {
	return platform.Errorf(platform.Conflict, "file_not_made", "%s cannot be written.", clean(name)).
		WithHint("Name another place, or allow yourself to write there.").Because(err)
}

// fetch writes beside the file, and puts it in its place when it has come whole.
func (k *copying) fetch(ctx context.Context, root *os.Root, from place, name string, count func(int)) (int64, error) {
	res, err := k.c.send(ctx, http.MethodGet, from.address(k.app, "file"), nil, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // nothing was written
	if err := roomFor(root.Name(), name, res.ContentLength); err != nil {
		return 0, err
	}
	draft := filepath.Join(filepath.Dir(name), ".lugsail-"+platform.NewID()+".part")
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return 0, unwritable(name, err)
	}
	file, err := root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, unwritable(name, err)
	}
	body := &arriving{counting: counting{res.Body, count}}
	n, err := io.Copy(file, body)
	if err = errors.Join(err, file.Close()); err == nil {
		err = root.Rename(draft, name)
	}
	if err == nil {
		return n, nil
	}
	if left := root.Remove(draft); left != nil && !errors.Is(left, fs.ErrNotExist) {
		k.p.note("%s is left here, and can be removed.\n", clean(draft))
	}
	if body.broke != nil {
		return n, k.c.unreachable(body.broke)
	}
	return n, unwritable(name, err)
}

// roomFor refuses a file that is larger than the room left on this computer's disk: of one with holes on the server,
// all is written here.
func roomFor(dir, name string, size int64) error {
	room, err := disk.RoomOf(dir)
	if err != nil || size <= 0 || uint64(size) <= room.Free {
		return nil //nolint:nilerr // what cannot be told is tried
	}
	return platform.Errorf(platform.NoRoom, "disk_full", "%s has %s, and this computer's disk has room for %s.", clean(name), platform.Bytes(size), platform.Bytes(int64(min(room.Free, 1<<62)))).
		WithHint("Make room here, or name a place on another disk.")
}

// arriving knows whether it was the line that broke, or the disk that is full.
type arriving struct {
	counting
	broke error
}

func (a *arriving) Read(p []byte) (int, error) {
	n, err := a.counting.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		a.broke = err
	}
	return n, err
}
