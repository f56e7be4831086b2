package files

import (
	"context"
	"io/fs"
	"os"
)

// Look tells what is at a path; of a link, what it leads to when follow says so.
func (f Files) Look(_ context.Context, volumeID, p string, follow bool) (fs.FileInfo, error) {
	name, err := cleaned(p)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(f.Directory(volumeID))
	if err != nil {
		return nil, explain("looking at", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	look := root.Lstat
	if follow {
		look = root.Stat
	}
	info, err := look(name)
	return info, explain("looking at", name, err)
}

// LinkOf is the text of a link, wherever that leads.
func (f Files) LinkOf(_ context.Context, volumeID, p string) (string, error) {
	name, err := named(p)
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(f.Directory(volumeID))
	if err != nil {
		return "", explain("looking at", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	text, err := root.Readlink(name)
	return text, explain("looking at", name, err)
}

// Listing is a directory that is read piece by piece, in the order of the disk.
type Listing struct {
	dir   *os.Root
	names *os.File
}

// OpenListing begins to read a directory, which the caller closes.
func (f Files) OpenListing(_ context.Context, volumeID, p string) (*Listing, error) {
	name, err := cleaned(p)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(f.Directory(volumeID))
	if err != nil {
		return nil, explain("listing", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	dir, err := directory(root, name)
	if err != nil {
		return nil, explain("listing", name, err)
	}
	names, err := dir.Open(".")
	if err != nil {
		_ = dir.Close() // likewise
		return nil, explain("listing", name, err)
	}
	return &Listing{dir, names}, nil
}

// Next gives at most so many; io.EOF at the end. What is gone by now is left out.
func (l *Listing) Next(most int) ([]fs.FileInfo, error) {
	for {
		names, err := l.names.Readdirnames(most)
		var found []fs.FileInfo
		for _, name := range names {
			if info, err := l.dir.Lstat(name); err == nil {
				found = append(found, info)
			}
		}
		if len(found) > 0 || err != nil {
			return found, err
		}
	}
}

// Close ends it.
func (l *Listing) Close() error {
	_ = l.dir.Close() // nothing was written
	return l.names.Close()
}
