package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Taken is how many bytes of the disk a directory, or a file, takes with all that lies in it, however deep:
// blocks, not lengths, and a file with several names once. What goes while it is looked at counts
// as nothing.
func Taken(ctx context.Context, path string) int64 {
	m := measuring{ctx: ctx, path: path, seen: map[identity]bool{}}
	defer m.close()
	m.whole()
	return m.sum
}

// mostDeep ends what would never end: somebody who makes directories below the one that is looked at, as fast as that.
const mostDeep = 1 << 20

// identity is which file something is, whatever it is called.
type identity struct{ device, inode uint64 }

func identityOf(s *unix.Stat_t) identity { return identity{s.Dev, s.Ino} }

// level is a directory on the way from the top to the one that is looked at.
type level struct {
	identity
	name string   // in the one above; of the top its path
	left []string // directories in it that were not looked at yet
}

// measuring holds one directory open at a time: paths are longer than the system takes, and directories deeper than
// it lets be opened. So the way up leads through "..", and since strangers move directories, what lies there counts
// as the one above only when it is that.
type measuring struct {
	ctx  context.Context
	path string
	dir  *os.File // the last of way
	way  []level
	seen map[identity]bool // files with several names
	sum  int64
}

func (m *measuring) whole() {
	var s unix.Stat_t
	if err := unix.Lstat(m.path, &s); err != nil {
		return // gone, or not ours to see
	}
	m.count(&s)
	if s.Mode&unix.S_IFMT != unix.S_IFDIR || !m.enter(unix.AT_FDCWD, m.path) {
		return
	}
	for m.ctx.Err() == nil {
		here := &m.way[len(m.way)-1]
		if last := len(here.left) - 1; last >= 0 {
			name := here.left[last]
			here.left = here.left[:last]
			m.enter(int(m.dir.Fd()), name) //nolint:gosec // a descriptor is small
			continue
		}
		if m.way = m.way[:len(m.way)-1]; len(m.way) == 0 || !m.up() {
			return
		}
	}
}

// enter makes a directory the one that is looked at, and counts what lies in it.
func (m *measuring) enter(at int, name string) bool {
	if len(m.way) == mostDeep {
		return false
	}
	dir, which, err := openKnown(at, name)
	if err != nil {
		return false // gone, or not ours to see
	}
	m.hold(dir)
	m.way = append(m.way, level{identity: which, name: name, left: m.list()})
	return true
}

// openKnown opens a directory and tells which one it is.
func openKnown(at int, name string) (*os.File, identity, error) {
	dir, err := openDirectory(at, name)
	if err != nil {
		return nil, identity{}, err
	}
	var s unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &s); err != nil { //nolint:gosec // a descriptor is small
		return nil, identity{}, errors.Join(err, dir.Close())
	}
	return dir, identityOf(&s), nil
}

// hold takes an open directory instead of the one that was held.
func (m *measuring) hold(dir *os.File) {
	m.close()
	m.dir = dir
}

// holdIf is hold when the directory of that name is the one that is meant.
func (m *measuring) holdIf(meant identity, at int, name string) bool {
	dir, which, err := openKnown(at, name)
	if err != nil {
		return false
	}
	if which != meant {
		_ = dir.Close() // nothing was written
		return false
	}
	m.hold(dir)
	return true
}

// list counts what lies in the directory, and gives the directories among it.
func (m *measuring) list() (directories []string) {
	for m.ctx.Err() == nil {
		names, err := m.dir.Readdirnames(namesAtOnce)
		for _, name := range names {
			var s unix.Stat_t
			if unix.Fstatat(int(m.dir.Fd()), name, &s, unix.AT_SYMLINK_NOFOLLOW) != nil { //nolint:gosec // a descriptor is small
				continue // gone meanwhile
			}
			m.count(&s)
			if s.Mode&unix.S_IFMT == unix.S_IFDIR {
				directories = append(directories, name)
			}
		}
		if err != nil {
			break // its end, or it goes
		}
	}
	return directories
}

func (m *measuring) count(s *unix.Stat_t) {
	if s.Mode&unix.S_IFMT != unix.S_IFDIR && s.Nlink > 1 {
		if m.seen[identityOf(s)] {
			return
		}
		m.seen[identityOf(s)] = true
	}
	m.sum += s.Blocks * 512
}

// up goes to the last directory of the way: to the one above, or, when that is another by now, down from the top
// again, as far as all is as it was.
func (m *measuring) up() bool {
	if m.holdIf(m.way[len(m.way)-1].identity, int(m.dir.Fd()), "..") { //nolint:gosec // a descriptor is small
		return true
	}
	at := unix.AT_FDCWD
	for i, l := range m.way {
		if !m.holdIf(l.identity, at, l.name) {
			m.way = m.way[:i]
			break
		}
		at = int(m.dir.Fd()) //nolint:gosec // a descriptor is small
	}
	return len(m.way) > 0
}

func (m *measuring) close() {
	if m.dir != nil {
		_ = m.dir.Close() // nothing was written
		m.dir = nil
	}
}

// Children measures what lies directly in a directory, by name.
func Children(ctx context.Context, dir string) map[string]int64 {
	all := map[string]int64{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return all // not there yet
	}
	for _, e := range entries {
		all[e.Name()] = Taken(ctx, filepath.Join(dir, e.Name()))
	}
	return all
}
