package files

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

// Save makes a file of what comes from body, or replaces one. size is what was announced, less than 0 when nothing
// was. A new file gets the permissions of mode, or those that are usual when it has none. Whoever has the old file
// open keeps it; until all has come, the old one stays, and no directory is made.
func (f Files) Save(ctx context.Context, volumeID, p string, body io.Reader, size int64, mode fs.FileMode) error {
	name, err := named(p)
	if err != nil {
		return err
	}
	root, err := f.made(volumeID)
	if err != nil {
		return explain("saving", name, err)
	}
	defer func() { _ = root.Close() }() // what was written is synced before
	in := &incoming{ctx: ctx, from: body, announced: size, noted: func(came int64) { f.Note(volumeID, came) }, room: func(bytes int64) error { return f.Fits(volumeID, bytes) }}
	if err := in.room(max(size, 1)); err != nil {
		return err
	}
	there, missing, err := nearest(root, path.Dir(name))
	if err != nil {
		return explain("saving", name, err)
	}
	defer func() { _ = there.Close() }() // likewise
	mode = cmp.Or(mode.Perm(), usual)
	err = save(there, saving{name, missing, mode, func() func() { return f.hold(volumeID) }}, in)
	in.end(err == nil)
	return explain("saving", name, err)
}

func (f Files) hold(volumeID string) (release func()) {
	if f.Hold == nil {
		return func() {}
	}
	return f.Hold(volumeID)
}

// Fits refuses so many more bytes when there is no room for them.
func (f Files) Fits(volumeID string, bytes int64) error {
	if f.Room == nil {
		return nil
	}
	return f.Room(volumeID, bytes)
}

// Note tells that so many bytes have come.
func (f Files) Note(volumeID string, bytes int64) {
	if f.Came != nil {
		f.Came(volumeID, bytes)
	}
}

// made opens a volume's directory, and makes the one that is missing.
func (f Files) made(volumeID string) (*os.Root, error) {
	defer f.hold(volumeID)() // one that has been given away meanwhile gets no mark
	dir := f.Directory(volumeID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := mark(root); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// mark lets the first container still have a volume that will not be empty any more.
func mark(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	ours, err := oursAndEmpty(f)
	if err != nil || !ours {
		return err
	}
	err = unix.Fsetxattr(int(f.Fd()), platform.FreshVolume, []byte("1"), 0) //nolint:gosec // a descriptor is small
	if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EPERM) {
		return nil // on such a file system the owner of an app must set the rights
	}
	return err
}

// oursAndEmpty reports whether a directory is as we make it.
func oursAndEmpty(dir *os.File) (bool, error) {
	info, err := dir.Stat()
	if err != nil {
		return false, err
	}
	uid, _ := ownerOf(info)
	_, err = dir.Readdirnames(1)
	if empty := errors.Is(err, io.EOF); empty || err == nil {
		return empty && uid == os.Geteuid(), nil
	}
	return false, err
}

// nearest opens the directory at p or, when it is missing, the last one on the way to it; missing leads on from there,
// and is "." when nothing is missing.
func nearest(root *os.Root, p string) (dir *os.Root, missing string, err error) {
	for missing = "."; ; p = path.Dir(p) {
		dir, err = directory(root, p)
		if p == "." || !errors.Is(err, fs.ErrNotExist) {
			return dir, missing, err
		}
		if _, err := root.Lstat(p); err == nil { // a link that leads nowhere
			return nil, "", &fs.PathError{Op: "mkdirat", Path: p, Err: syscall.EEXIST}
		}
		missing = path.Join(path.Base(p), missing)
	}
}

// directories opens a directory, and makes those on the way that are missing.
func directories(root *os.Root, p string) (*os.Root, error) {
	dir, err := directory(root, p)
	if p == "." || !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	above, err := directories(root, path.Dir(p))
	if err != nil {
		return nil, err
	}
	defer func() { _ = above.Close() }() // nothing was written through it
	base := path.Base(p)
	if err := above.Mkdir(base, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { // somebody else may have made it
		return nil, err
	}
	if dir, err = directory(above, base); err != nil {
		return nil, err
	}
	if err := give(above, dir); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// give gives a directory that was just made to the owner of the one above. Another may stand in its place by now:
// only an empty one of ours is given away.
func give(above, dir *os.Root) error {
	from, err := above.Stat(".")
	if err != nil {
		return err
	}
	f, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // synced by nobody: a directory's owner is no data
	if ours, err := oursAndEmpty(f); err != nil || !ours {
		return err
	}
	return f.Chown(ownerOf(from))
}

func ownerOf(info fs.FileInfo) (uid, gid int) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return os.Geteuid(), os.Getegid()
	}
	return int(stat.Uid), int(stat.Gid)
}

// usual are the permissions of a new file of which nothing is said.
const usual fs.FileMode = 0o644

// saving is a file on its way.
type saving struct {
	name    string // for people
	missing string // the way from the directory that is there to the one where it shall be
	mode    fs.FileMode
	hold    func() (release func()) // the volume's owner, as it is
}

// save writes in a directory that is there, and puts the file in its place when all has come.
func save(there *os.Root, s saving, in *incoming) error {
	draft := ".lugsail-" + platform.NewID() + ".part"
	if s.missing == "." { // before all comes
		if _, _, _, err := s.identity(there); err != nil {
			return err
		}
	}
	file, err := there.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err = io.Copy(file, in); err == nil {
		err = in.whole()
	}
	if err == nil {
		err = file.Sync() // a disk that is full may say so only now
	}
	if err == nil {
		err = s.place(there, draft, file)
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		return nil
	}
	if left := there.Remove(draft); !errors.Is(left, fs.ErrNotExist) {
		err = errors.Join(err, left)
	}
	return err
}

// place makes the directories that are missing, and the draft the file. Meanwhile nobody gives the volume to another:
// what is not yet where it shall be would be left out.
func (s saving) place(there *os.Root, draft string, file *os.File) error {
	defer s.hold()()
	parent, err := directories(there, s.missing)
	if err != nil {
		return err
	}
	defer func() { _ = parent.Close() }() // what was written is synced before
	if err := s.identify(parent, file); err != nil {
		return err
	}
	from, err := there.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // likewise
	to, err := parent.Open(".")
	if err != nil {
		return err
	}
	err = unix.Renameat(int(from.Fd()), draft, int(to.Fd()), path.Base(s.name)) //nolint:gosec // descriptors are small
	if err == nil {
		err = to.Sync() // so that the new name lasts
	}
	return errors.Join(err, to.Close())
}

// identify makes a file whose its predecessor is by now: the first container may have got the volume meanwhile.
func (s saving) identify(parent *os.Root, file *os.File) error {
	uid, gid, mode, err := s.identity(parent)
	if err != nil {
		return err
	}
	// The owner first: a new one takes setuid away, and what else the mode says would be lost.
	return errors.Join(file.Chown(uid, gid), file.Chmod(mode), file.Sync())
}

// identity is what the file at its place is and its successor shall be: whose, and what is allowed with it.
func (s saving) identity(parent *os.Root) (uid, gid int, mode fs.FileMode, err error) {
	info, err := parent.Lstat(path.Base(s.name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		info, err = parent.Stat(".")
		mode = s.mode
	case err == nil && !info.Mode().IsRegular():
		err = notRegular(s.name, info)
	case err == nil:
		mode = info.Mode().Perm()
	}
	if err != nil {
		return 0, 0, 0, err
	}
	uid, gid = ownerOf(info)
	return uid, gid, mode, nil
}
