// Package host prepares a machine for Lugsail: users, directories, the Docker
// Engine's settings, and the checks that must pass before anything is installed.
//
// What surprises: the owner's own settings of the Docker Engine are never changed, only
// what is missing is added, and less of it where containers of others run already. The
// engine is restarted only when that stops no container.
package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

// Directory is one that Lugsail needs.
type Directory struct {
	Path  string
	Mode  os.FileMode
	Owner string // name of a user; "" means root
	// Shared ones may hold what others need: they are made when missing, and left as they are otherwise.
	Shared bool
	// Option is how people choose another place: "--data-dir". Not "" means that the whole
	// directory is Lugsail's, to be removed one day: one that holds anything else is refused.
	Option string
	Known  []string // patterns of names that may lie there before Lugsail has marked it
}

// mark is the file that proves that a directory is Lugsail's.
const mark = ".lugsail"

// Free tells when the directory holds what is not Lugsail's.
func (d Directory) Free() error {
	if d.Option == "" {
		return nil
	}
	entries, err := os.ReadDir(d.Path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("looking into %s: %w", d.Path, err)
	}
	known := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == mark })
	for _, e := range entries {
		if !known && e.Name() != "lost+found" && !d.knows(e.Name()) { // a disk of its own has that
			return platform.Errorf(platform.Conflict, "host_directory_taken", "%s holds something already (%s), and Lugsail wants a directory of its own.", d.Path, e.Name()).
				WithHint("Choose another one, for example: %s %s", d.Option, filepath.Join(d.Path, "lugsail"))
		}
	}
	return nil
}

func (d Directory) knows(name string) bool {
	return slices.ContainsFunc(d.Known, func(pattern string) bool {
		ok, err := filepath.Match(pattern, name)
		return ok && err == nil
	})
}

// MakeDirectories makes what is missing and repairs modes and owners. It reports what it repaired.
func MakeDirectories(dirs []Directory) (repaired []string, err error) {
	for _, d := range dirs {
		fixed, err := d.ensure()
		if err != nil {
			return repaired, err
		}
		if fixed {
			repaired = append(repaired, d.Path)
		}
	}
	return repaired, nil
}

func (d Directory) ensure() (repaired bool, err error) {
	if err := d.Free(); err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(d.Path), 0o755); err != nil {
		return false, fmt.Errorf("making %s: %w", filepath.Dir(d.Path), err)
	}
	made := os.Mkdir(d.Path, d.Mode)
	if made != nil && !errors.Is(made, os.ErrExist) {
		return false, fmt.Errorf("making %s: %w", d.Path, made)
	}
	if made != nil && d.Shared {
		return false, nil
	}
	info, err := os.Stat(d.Path) // it may be a link to a larger disk
	if err != nil {
		return false, fmt.Errorf("looking at %s: %w", d.Path, err)
	}
	if !info.IsDir() {
		return false, fmt.Errorf("%s is not a directory", d.Path)
	}
	if info.Mode().Perm() != d.Mode {
		if err := os.Chmod(d.Path, d.Mode); err != nil {
			return false, fmt.Errorf("protecting %s: %w", d.Path, err)
		}
		repaired = made != nil // a new one has only met the umask
	}
	if d.Option != "" {
		if err := os.WriteFile(filepath.Join(d.Path, mark), []byte("Lugsail's directory. ./install.sh --purge removes it with all that is in it.\n"), 0o644); err != nil {
			return repaired, fmt.Errorf("marking %s: %w", d.Path, err)
		}
	}
	return repaired, own(d)
}

// RemoveMarked removes a directory with all that is in it, when MakeDirectories has marked it as Lugsail's.
func RemoveMarked(path string) (removed bool, err error) {
	if _, err := os.Lstat(filepath.Join(path, mark)); err != nil {
		return false, nil //nolint:nilerr // whatever the reason is, there is no proof
	}
	place, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false, fmt.Errorf("removing %s: %w", path, err)
	}
	// What is a disk of its own becomes empty.
	if err := disk.Remove(place); err != nil && !errors.Is(err, syscall.EBUSY) {
		return false, fmt.Errorf("removing %s: %w", path, err)
	}
	if place != path {
		err = os.Remove(path)
	}
	return true, err
}

func own(d Directory) error {
	uid, gid := 0, 0
	if d.Owner != "" {
		u, err := user.Lookup(d.Owner)
		if err != nil {
			return fmt.Errorf("looking up the user %s: %w", d.Owner, err)
		}
		if _, err := fmt.Sscan(u.Uid, &uid); err != nil {
			return fmt.Errorf("looking up the user %s: %w", d.Owner, err)
		}
		if _, err := fmt.Sscan(u.Gid, &gid); err != nil {
			return fmt.Errorf("looking up the user %s: %w", d.Owner, err)
		}
	}
	if err := os.Chown(d.Path, uid, gid); err != nil {
		return fmt.Errorf("giving %s its owner: %w", d.Path, err)
	}
	return nil
}

// MakeUser makes a system user without a password, a shell or a home, where there is none.
func MakeUser(ctx context.Context, name string) error {
	_, err := user.Lookup(name)
	if unknown := new(user.UnknownUserError); err == nil || !errors.As(err, unknown) {
		return err
	}
	return command.Command{Name: "useradd", Args: []string{
		"--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", noLogin(), name,
	}}.Run(ctx)
}

// RemoveUser removes a user that MakeUser made; it is no error when there is none.
func RemoveUser(ctx context.Context, name string) error {
	_, err := user.Lookup(name)
	if unknown := new(user.UnknownUserError); errors.As(err, unknown) {
		return nil
	}
	if err != nil {
		return err
	}
	return command.Command{Name: "userdel", Args: []string{name}}.Run(ctx)
}

func noLogin() string {
	for _, p := range []string{"/usr/sbin/nologin", "/sbin/nologin"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return "/bin/false"
}

// Closed makes sure that a secret file is readable by root only, and reports whether that had to be repaired.
func Closed(path string) (repaired bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at %s: %w", filepath.Base(path), err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return false, nil
	}
	return true, os.Chmod(path, 0o600)
}
