// Package archive owns the archives that strangers send: it takes them in within limits and
// turns zip, tar, tar.gz and tar.zst into a source. What kind one is its first bytes tell,
// never its name. What may be in it, and how much, platform/source decides: the same rules
// hold for a push.
//
// An archive is kept in a file first, because the list of what a zip holds stands at its end,
// and so that nothing is unpacked of an upload that breaks off. Nothing is ever held in memory
// but a window: the list of a zip is counted before the library reads it, and zstd may not ask
// for more than 8 MiB to look back.
//
// What surprises: of an archive with a single folder at its top, which is what most programs
// make of a folder, the inside of that folder is the source. What macOS adds is left out
// before. An archive inside an archive is a file like others.
package archive

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// maxTime is how long unpacking may take.
const maxTime = 10 * time.Minute

// Unpack turns the archive in file into the tree dir, which must not exist; its parent must.
// Nothing is left on an error. The errors are those of source.Make, and Invalid upload_empty,
// upload_kind, upload_locked, upload_method, source_empty or upload_slow.
func Unpack(ctx context.Context, file *os.File, dir string, limits source.Limits) (platform.Source, error) {
	info, err := file.Stat()
	if err != nil {
		return platform.Source{}, reading(err)
	}
	what, err := kindOf(file)
	if err != nil {
		return platform.Source{}, err
	}
	limited, cancel := context.WithTimeoutCause(ctx, maxTime, errSlow)
	defer cancel()
	src, err := source.Make(limited, dir, limits, source.Form{Skip: junk, Unwrap: true}, func(t *source.Tree) error {
		return fill(limited, t, file, info.Size(), what, limits)
	})
	if ctx.Err() == nil && errors.Is(context.Cause(limited), errSlow) {
		return platform.Source{}, errSlow
	}
	if err == nil && src.Files == 0 {
		err = errors.Join(empty(), os.RemoveAll(src.Dir))
	}
	if err != nil {
		return platform.Source{}, err
	}
	return src, nil
}

func fill(ctx context.Context, t *source.Tree, file *os.File, size int64, what kind, limits source.Limits) error {
	if what == kindZip {
		return readZip(ctx, t, file, size, limits)
	}
	r, end, err := expand(io.NewSectionReader(file, 0, size), what)
	if err != nil {
		return err
	}
	defer end()
	return readTar(ctx, t, r)
}

// junk is what file managers put beside the files of a person.
func junk(name string) bool {
	base := path.Base(name)
	return base == ".DS_Store" || strings.HasPrefix(base, "._") || base == "Thumbs.db" || base == "desktop.ini" ||
		name == "__MACOSX" || strings.HasPrefix(name, "__MACOSX/")
}
