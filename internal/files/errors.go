package files

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/lugsail/lugsail/platform"
)

// shown quotes a path for a sentence: names may hold whatever steers a terminal.
func shown(p string) string {
	if p == "." {
		p = "/"
	}
	letters := []rune(p)
	if len(letters) > 80 {
		p = "…" + string(letters[len(letters)-79:])
	}
	return fmt.Sprintf("%q", p)
}

func notRegular(name string, info fs.FileInfo) error {
	what := map[platform.FileKind]string{
		platform.FileDirectory: "a directory", platform.FileLink: "a link", platform.FileOther: "a pipe, a socket or a device",
	}[kindOf(info.Mode())]
	return platform.Errorf(platform.Conflict, "file_not_regular", "%s is %s, not a file.", shown(name), what).
		WithHint("Only files are read and replaced. Name a file, or remove what is there.")
}

// explain turns what the system says into what a person may read.
func explain(doing, name string, err error) error {
	known := new(platform.Error)
	if err == nil || errors.As(err, &known) {
		return err
	}
	var number syscall.Errno
	switch system := errors.As(err, &number); {
	case errors.Is(err, fs.ErrNotExist), number == syscall.ENOTDIR:
		return platform.Errorf(platform.NotFound, "file_not_found", "There is no %s in the volume.", shown(name)).
			WithHint("See what there is: lugsail volumes ls NAME").Because(err)
	case number == syscall.ENOTEMPTY:
		return platform.Errorf(platform.Conflict, "directory_not_empty", "The directory %s is not empty.", shown(name)).
			WithHint("To remove it with all that is in it, say so: --all").Because(err)
	case number == syscall.ENOSPC, number == syscall.EDQUOT, number == syscall.EFBIG:
		return platform.Errorf(platform.NoRoom, "disk_full", "The server's disk is full.").
			WithHint("`lugsail disk` shows what takes it. Remove what is not needed, or take a larger disk.").Because(err)
	case number == syscall.EAGAIN, number == syscall.ETXTBSY, number == syscall.EISDIR, errors.Is(err, fs.ErrExist):
		return platform.Errorf(platform.Conflict, "file_busy", "The app changes %s just now.", shown(name)).
			WithHint("Try again. If it stays so, stop the app for the moment.").Because(err)
	case number == syscall.ELOOP, !system && leadsOut(err):
		return platform.Errorf(platform.Invalid, "file_path_invalid", "%s leads out of the volume, or in a circle, through a link.", shown(name)).
			WithHint("Links are followed only where they stay in the volume. Name the file itself.").Because(err)
	}
	return fmt.Errorf("%s a file of a volume: %w", doing, err)
}

// leadsOut recognizes what an os.Root refuses by itself: its error is no number of the system.
func leadsOut(err error) bool {
	return errors.As(err, new(*fs.PathError))
}
