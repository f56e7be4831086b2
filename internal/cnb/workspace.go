package cnb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

// workspace is the directories of one build.
type workspace struct {
	home  string // the app's own, kept between builds; the source is in home/app
	dir   string // this build's own
	depot string
}

// Inside the build container. internal/buildpack knows them too.
const (
	innerHome   = "/home"
	innerApp    = "home/app" // pack puts a slash before it
	innerDepot  = "/depot"
	innerReport = "/report"
)

// openWorkspace makes the directories of a build and puts the source there.
func (b *Builder) openWorkspace(req platform.BuildRequest) (workspace, error) {
	w := workspace{home: b.path("apps", req.AppID, "home"), dir: b.path("work", req.BuildID), depot: b.path("depot")}
	for _, dir := range []string{w.dir, w.inner("layers"), w.inner("cache"), w.inner("report"), w.inner("env"), w.inner("source"), w.inner("pack")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return w, fmt.Errorf("making the build's directory: %w", err)
		}
	}
	if err := os.MkdirAll(w.home, 0o755); err != nil {
		return w, fmt.Errorf("making the app's build directory: %w", err)
	}
	for _, dir := range []string{w.home, w.inner("layers"), w.inner("cache"), w.inner("report")} {
		if err := own(dir); err != nil {
			return w, fmt.Errorf("giving the build its directory: %w", err)
		}
	}
	if err := w.writeEnv(req.Env); err != nil {
		return w, err
	}
	return w, w.fill(req.Dir)
}

func (w workspace) inner(name string) string { return filepath.Join(w.dir, name) }

func own(path string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Lchown(path, userID, userID)
}

// binds replace pack's volumes.
func (w workspace) binds() []string {
	return append([]string{
		w.home + ":" + innerHome,
		w.inner("layers") + ":/layers",
		w.inner("cache") + ":/cache",
		w.inner("report") + ":" + innerReport,
		w.inner("env") + ":/platform/env:ro",
		w.depot + ":" + innerDepot + ":ro",
	}, certificates()...)
}

// writeEnv gives variables to the build, as files, so that they are neither in the container's
// description nor in an image.
func (w workspace) writeEnv(env map[string]string) error {
	all := withoutReserved(env)
	for _, pair := range mirrors() {
		name, value, _ := strings.Cut(pair, "=")
		if _, set := all[name]; !set {
			all[name] = value
		}
	}
	for name, value := range all {
		if !filepath.IsLocal(name) || strings.ContainsRune(name, '/') {
			return fmt.Errorf("giving the build the variable %q: it is no name", name)
		}
		if err := os.WriteFile(filepath.Join(w.inner("env"), name), []byte(value), 0o644); err != nil {
			return fmt.Errorf("giving the build its variables: %w", err)
		}
	}
	return nil
}

// fill puts a copy of the source into home/app. What an earlier build left there may be anything, so
// it is removed without following a link.
func (w workspace) fill(source string) error {
	home, err := os.OpenRoot(w.home)
	if err != nil {
		return fmt.Errorf("opening the app's build directory: %w", err)
	}
	defer func() { _ = home.Close() }() // nothing is buffered
	if err := disk.Remove(filepath.Join(w.home, "app")); err != nil {
		return fmt.Errorf("removing the last build's source: %w", err)
	}
	if err := home.Mkdir("app", 0o755); err != nil {
		return fmt.Errorf("copying the source: %w", err)
	}
	to, err := home.OpenRoot("app")
	if err != nil {
		return fmt.Errorf("copying the source: %w", err)
	}
	defer func() { _ = to.Close() }() // nothing is buffered
	from, err := os.OpenRoot(source)
	if err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	defer func() { _ = from.Close() }() // read only
	err = fs.WalkDir(from.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && !utf8.ValidString(name) { // the library opens no such folder
			err = platform.Errorf(platform.Invalid, "name_not_utf8", "The name of the folder %q is not written in UTF-8.", plain(name, 200)).
				WithHint("Rename it, commit and push again.")
		}
		if err != nil {
			return err
		}
		return copyEntry(from, to, name, d)
	})
	if err != nil {
		return fmt.Errorf("copying the source: %w", err)
	}
	return nil
}

func copyEntry(from, to *os.Root, name string, d fs.DirEntry) error {
	switch {
	case name == ".":
	case d.IsDir():
		if err := to.Mkdir(name, 0o755); err != nil {
			return err
		}
	case d.Type()&fs.ModeSymlink != 0:
		target, err := from.Readlink(name)
		if err != nil {
			return err
		}
		if err := to.Symlink(target, name); err != nil {
			return err
		}
	case d.Type().IsRegular():
		if err := copyFile(from, to, name); err != nil {
			return err
		}
	default:
		return nil
	}
	if os.Getuid() != 0 {
		return nil
	}
	return to.Lchown(name, userID, userID)
}

func copyFile(from, to *os.Root, name string) error {
	in, err := from.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	info, err := in.Stat()
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	out, err := to.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// close removes what only this build needed. The source goes too: it can be large, and the image has it.
func (w workspace) close() error {
	if err := errors.Join(removeAll(w.dir), disk.Remove(filepath.Join(w.home, "app"))); err != nil {
		return fmt.Errorf("removing the build's directory: %w", err)
	}
	return nil
}
