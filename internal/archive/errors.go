package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

const kinds = "Send a zip, tar, tar.gz or tar.zst archive of your app's folder."

var errSlow = platform.Errorf(platform.Invalid, "upload_slow", "Unpacking the archive takes longer than %s.", maxTime).
	WithHint("Make it smaller: leave out what the app does not need.")

func reading(err error) error { return fmt.Errorf("reading an upload: %w", err) }

func damaged(err error) error {
	if known := new(platform.Error); errors.As(err, &known) {
		return err
	}
	return platform.Errorf(platform.Invalid, "source_unreadable", "The archive ends early or is damaged.").
		WithHint("Make it anew and send it again.").Because(err)
}

func nothing() error {
	return platform.Errorf(platform.Invalid, "upload_empty", "The file is empty.").WithHint(kinds)
}

func empty() error {
	return platform.Errorf(platform.Invalid, "source_empty", "The archive has no files, so there is nothing to deploy.").
		WithHint("Pack the folder with your app's files.")
}

// others are kinds of files that people send, too, by their first bytes.
var others = []struct{ head, name string }{
	{"Rar!", "a RAR archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
	{"\xfd7zXZ\x00", "compressed with xz"},
	{"BZh", "compressed with bzip2"},
	{"MZ", "a Windows program"},
	{"\x7fELF", "a program"},
	{"%PDF", "a PDF document"},
	{"\x89PNG", "a picture"},
	{"\xff\xd8\xff", "a picture"},
	{"<!DOCTYPE", "a web page"},
	{"<!doctype", "a web page"},
	{"<html", "a web page"},
	{"# v2 git bundle", "a git bundle"},
	{"{", "a text file"},
	{"#!", "a script"},
}

func unknown(head []byte) error {
	for _, o := range others {
		if bytes.HasPrefix(head, []byte(o.head)) {
			return platform.Errorf(platform.Invalid, "upload_kind", "The file is %s, which Lugsail cannot unpack.", o.name).WithHint(kinds)
		}
	}
	return platform.Errorf(platform.Invalid, "upload_kind", "The file is no archive that Lugsail knows.").WithHint(kinds)
}

func noTarInside(what kind, head []byte) error {
	inside := "a single file"
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		inside = "a zip archive"
	}
	return platform.Errorf(platform.Invalid, "upload_kind", "The file is %s, compressed with %s: it is not a folder.", inside, what).WithHint(kinds)
}

func locked(name string) error {
	return platform.Errorf(platform.Invalid, "upload_locked", "%s is encrypted with a password.", quote(name)).
		WithHint("Make the archive without a password.")
}

func method(name string) error {
	return platform.Errorf(platform.Invalid, "upload_method", "%s is compressed in a way that Lugsail does not know.", quote(name)).
		WithHint("Make the zip with the usual compression (deflate), or send a tar.gz.")
}

func quote(name string) string {
	if len(name) > 120 {
		name = name[:60] + "…" + name[len(name)-50:]
	}
	return strconv.Quote(strings.ToValidUTF8(name, "?"))
}

func tooLarge(limit int64) error {
	return platform.Errorf(platform.Invalid, "upload_too_large", "The upload is larger than the limit of %.4g MiB.", float64(limit)/(1<<20)).
		WithHint("Leave out what the build makes again, such as node_modules, and large files such as videos.")
}

// cut explains why a body ended early.
func cut(ctx context.Context, err error) error {
	var known *platform.Error
	switch {
	case errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("receiving an upload: %w", ctx.Err())
	}
	return platform.Errorf(platform.Invalid, "upload_cut", "The upload broke off before its end.").
		WithHint("Nothing was deployed. Send it again.").Because(err)
}

func writing(err error) error { return source.Writing("keeping an upload", err) }
