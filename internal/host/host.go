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

	"github.com/lugsail/lugsail/internal/command"
)

// Directory is one that Lugsail needs.
type Directory struct {
	Path  string
	Mode  os.FileMode
	Owner string // name of a user; "" means root
}

// MakeDirectories makes what is missing and repairs modes and owners. It reports what it repaired.
func MakeDirectories(dirs []Directory) (repaired []string, err error) {
	for _, d := range dirs {
		if err := os.MkdirAll(d.Path, d.Mode); err != nil {
			return repaired, fmt.Errorf("making %s: %w", d.Path, err)
		}
		info, err := os.Lstat(d.Path)
		if err != nil {
			return repaired, fmt.Errorf("looking at %s: %w", d.Path, err)
		}
		if !info.IsDir() {
			return repaired, fmt.Errorf("%s is not a directory", d.Path)
		}
		if info.Mode().Perm() != d.Mode {
			if err := os.Chmod(d.Path, d.Mode); err != nil {
				return repaired, fmt.Errorf("protecting %s: %w", d.Path, err)
			}
			repaired = append(repaired, d.Path)
		}
		if err := own(d); err != nil {
			return repaired, err
		}
	}
	return repaired, nil
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
