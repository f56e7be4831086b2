package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/lugsail/lugsail/platform"
)

func tooLarge(limit int64) error {
	return platform.Errorf(platform.Invalid, "source_too_large", "The source is larger than the limit of %s.", platform.Bytes(limit)).
		WithHint("Remove large files from the repository, and fetch data that the app needs when it starts or keep it outside the code.")
}

func tooMany(limit int) error {
	return platform.Errorf(platform.Invalid, "source_too_many_files", "The source has more than %s files and directories, which is the limit.", thousands(limit)).
		WithHint("Leave out what the build makes again, such as node_modules: add it to .gitignore, and if git knows it already, run git rm -r --cached on it.")
}

func tooDeep(name string, limit int) error {
	return platform.Errorf(platform.Invalid, "source_too_deep", "%s lies deeper than %d directories, which is the limit.", quote(name), limit).
		WithHint("Move it up or remove it.")
}

func nameTooLong(name string, limit int) error {
	return platform.Errorf(platform.Invalid, "source_name_too_long", "The name %s is longer than %s bytes, which is the limit.", quote(name), thousands(limit)).
		WithHint("Rename or remove it.")
}

func refused(name, why string) error {
	return platform.Errorf(platform.Invalid, "source_entry_refused", "%s %s.", quote(name), why).
		WithHint("Remove it from the source. Links may only lead to files inside the source.")
}

func unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("unpacking a source: %w", ctx.Err())
	}
	if known := new(platform.Error); errors.As(err, &known) {
		return err
	}
	return platform.Errorf(platform.Invalid, "source_unreadable", "The archive ends early or is damaged.").
		WithHint("Send it again.").Because(err)
}

func writing(err error) error { return Writing("unpacking a source", err) }

// Writing explains why something could not be written: NoRoom, code disk_full, when that is why; doing says
// what was being done.
func Writing(doing string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return platform.Errorf(platform.NoRoom, "disk_full", "The server's disk is full.").
			WithHint("Free some space on the server, then try again.").Because(err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func quote(name string) string {
	if len(name) > 120 {
		name = name[:60] + "…" + name[len(name)-50:]
	}
	return strconv.Quote(strings.ToValidUTF8(name, "?"))
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
