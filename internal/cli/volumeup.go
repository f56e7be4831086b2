package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	slashed "path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// up copies a file or directory of this computer into a volume.
func (k *copying) up(ctx context.Context, from string, to place) error {
	info, err := os.Stat(from) // what a person names is followed
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("There is no file %q here", from)
	}
	if err != nil {
		return unreadableFile(from, err)
	}
	into := to.path == "" || strings.HasSuffix(to.path, "/") || baseOf(from) == "."
	if !into {
		if into, err = k.c.isDirectory(ctx, k.app, to); err != nil {
			return err
		}
	}
	if into {
		to.path = slashed.Join(to.path, baseOf(from))
	}
	open := func(string) (*os.File, error) { return os.Open(from) }
	if info.IsDir() {
		root, err := os.OpenRoot(from)
		if err != nil {
			return unreadableFile(from, err)
		}
		defer func() { _ = root.Close() }() // nothing was written
		open = root.Open
		if err := k.walk(root, to.path); err != nil {
			return err
		}
	} else {
		k.only(from, info, to.path)
	}
	return k.run(ctx, "Copied", from, to.String(), func(ctx context.Context, f fileCopy, count func(int)) error {
		address := place{to.volume, f.there}.address(k.app, "file")
		if f.mode != 0 {
			address += fmt.Sprintf("&mode=%03o", f.mode)
		}
		return k.c.put(ctx, address, f.bytes, func() (io.ReadCloser, error) {
			return openToSend(open, f, count)
		})
	})
}

func (k *copying) only(name string, info fs.FileInfo, to string) {
	if !info.Mode().IsRegular() {
		k.left = append(k.left, name)
		return
	}
	one := fileCopy{here: name, there: to, bytes: info.Size()}
	if runtime.GOOS != "windows" {
		one.mode = info.Mode().Perm()
	}
	k.add(one)
}

// walk plans a directory. Links are not followed.
func (k *copying) walk(root *os.Root, to string) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return unreadableFile(filepath.Join(root.Name(), name), err)
		}
		if entry.IsDir() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return unreadableFile(filepath.Join(root.Name(), name), err)
		}
		k.only(name, info, slashed.Join(to, name))
		return nil
	})
}

// sending is a file of which as much is sent as was announced.
type sending struct {
	io.Reader
	io.Closer
}

func openToSend(open func(string) (*os.File, error), f fileCopy, count func(int)) (io.ReadCloser, error) {
	file, err := open(f.here)
	if err != nil {
		return nil, unreadableFile(f.here, err)
	}
	info, err := file.Stat()
	if err == nil && (info.Size() < f.bytes || !info.Mode().IsRegular()) {
		err = platform.Errorf(platform.Conflict, "file_changed", "%s became shorter while it was sent.", clean(f.here)).
			WithHint("Wait until nothing writes into it, then copy it again.")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return sending{counting{io.LimitReader(file, f.bytes), count}, file}, nil
}
