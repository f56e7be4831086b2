package files

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// batch is how many names are read at once; a directory may have millions.
const batch = 4096

// List gives what lies in a directory, sorted by its Order, from behind after on, at most limit. A volume that no
// replica had yet is empty.
func (f Files) List(ctx context.Context, volumeID, p, after string, limit int) ([]platform.VolumeFile, error) {
	name, err := cleaned(p)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(f.Directory(volumeID))
	if errors.Is(err, fs.ErrNotExist) && name == "." {
		return nil, nil
	}
	if err != nil {
		return nil, explain("listing", name, err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	dir, err := directory(root, name)
	if err != nil {
		return nil, explain("listing", name, err)
	}
	defer func() { _ = dir.Close() }() // likewise
	found, err := first(ctx, dir, after, limit)
	if err != nil {
		return nil, explain("listing", name, err)
	}
	return described(dir, found), nil
}

// first finds the first names behind after, in the memory that limit of them take.
func first(ctx context.Context, dir *os.Root, after string, limit int) ([]platform.VolumeFile, error) {
	names, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = names.Close() }() // nothing was written
	var found []platform.VolumeFile
	for {
		entries, err := names.ReadDir(batch)
		for _, e := range entries {
			if v := (platform.VolumeFile{Name: e.Name(), Kind: kindOf(e.Type())}); v.Order() > after {
				found = append(found, v)
			}
		}
		slices.SortFunc(found, func(a, b platform.VolumeFile) int { return strings.Compare(a.Order(), b.Order()) })
		found = found[:min(len(found), limit)]
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
	}
}

// described looks at what was found. What is gone by now is left out, and what has become something else keeps
// its place in the list.
func described(dir *os.Root, found []platform.VolumeFile) []platform.VolumeFile {
	told := make([]platform.VolumeFile, 0, len(found))
	for _, v := range found {
		info, err := dir.Lstat(v.Name)
		if err != nil {
			continue
		}
		now := describe(v.Name, info)
		if (now.Kind == platform.FileDirectory) != (v.Kind == platform.FileDirectory) {
			continue
		}
		told = append(told, now)
	}
	return told
}

func describe(name string, info fs.FileInfo) platform.VolumeFile {
	v := platform.VolumeFile{Name: name, Kind: kindOf(info.Mode()), ModifiedAt: sane(info.ModTime())}
	if v.Kind == platform.FileRegular {
		v.Bytes = info.Size()
	}
	return v
}

func kindOf(mode fs.FileMode) platform.FileKind {
	switch mode.Type() {
	case 0:
		return platform.FileRegular
	case fs.ModeDir:
		return platform.FileDirectory
	case fs.ModeSymlink:
		return platform.FileLink
	}
	return platform.FileOther
}

// sane keeps times to years that can be written down: programs set whatever they like.
func sane(t time.Time) time.Time {
	t = t.UTC()
	if year := t.Year(); year < 1 || year > 9999 {
		return time.Unix(0, 0).UTC()
	}
	return t
}
