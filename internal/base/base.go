// Package base makes root file systems from Debian packages: the one on which apps are
// built and run, and small ones that hold a program which is needed once.
//
// They are made on the server by mmdebstrap from the distribution's own mirror, so no image
// registry is needed; the owner's apt settings count. The same packages give the same bytes.
//
// What surprises: the archive is changed on its way instead of by hooks inside the file system.
// That adds the user, and leaves out logs and caches, whose contents differ each time.
package base

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// Suite is the Debian release that apps run on.
const Suite = "trixie"

// User and home of everything that is built and run.
const (
	UserID = 1000
	Home   = "/home"
)

// recipe changes when the same packages would give another file system.
const recipe = "1"

// Maker makes root file systems.
type Maker struct {
	Mirror string // "" means the distribution's default
}

// Recipe changes when Rootfs would make something else.
func (m Maker) Recipe() string { return Suite + "-" + recipe }

// Rootfs writes the root file system of apps to file, as a tar archive.
func (m Maker) Rootfs(ctx context.Context, file string, progress func(string)) error {
	progress("Making the base image from Debian packages")
	return m.write(ctx, file, []string{"--variant=apt", "--include=ca-certificates,libstdc++6,netbase,tzdata"}, withUser)
}

// Tools writes a file system to file that holds these packages and what they need, unpacked
// but not set up: enough to run a program from it.
func (m Maker) Tools(ctx context.Context, file string, packages ...string) error {
	args := []string{"--variant=extract", "--include=" + strings.Join(packages, ",")}
	return m.write(ctx, file, args, func(r io.Reader, w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// write runs mmdebstrap and passes its archive through change.
func (m Maker) write(ctx context.Context, file string, args []string, change func(io.Reader, io.Writer) error) (err error) {
	if command.Find("mmdebstrap") == "" {
		return platform.Errorf(platform.Unavailable, "mmdebstrap_missing", "The program mmdebstrap is not installed, and the base image is made with it.").
			WithHint("apt-get install mmdebstrap debian-archive-keyring")
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing the root file system: %w", err)
	}
	defer func() {
		if closeErr := out.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("writing the root file system: %w", closeErr)
		}
		if err != nil {
			_ = os.Remove(file) // the first error is the one that counts
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	return m.pipe(ctx, filepath.Dir(file), args, func(r io.Reader) error { return change(r, out) })
}

// pipe lets mmdebstrap unpack below dir: where /tmp lies in memory, a root file system would fill it.
func (m Maker) pipe(ctx context.Context, dir string, args []string, read func(io.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := read(r)
		_ = r.CloseWithError(err) // a writer that still writes shall end
		done <- err
	}()
	run := command.Command{Name: "mmdebstrap", Args: m.args(args), Env: append(environment(), "TMPDIR="+dir), Stdout: w, Grace: 30 * time.Second}
	runErr := run.Run(ctx)
	_ = w.CloseWithError(runErr) // always nil
	readErr := <-done
	if readErr != nil && (runErr == nil || !errors.Is(readErr, runErr)) { // the program only failed because nobody listened
		return explain(fmt.Errorf("writing the root file system: %w", readErr))
	}
	if runErr != nil {
		return explain(fmt.Errorf("making the root file system: %w", runErr))
	}
	return nil
}

func (m Maker) args(own []string) []string {
	args := append([]string{
		"--quiet", "--format=tar", "--architectures=" + runtime.GOARCH,
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/go-*",
		"--dpkgopt=path-include=/usr/share/doc/*/copyright",
		`--aptopt=Acquire::Languages "none"`,
		`--aptopt=APT::Install-Recommends "false"`,
	}, own...)
	args = append(args, Suite, "-")
	if m.Mirror != "" {
		args = append(args, m.Mirror)
	}
	return args
}

// environment keeps what apt needs to get through the owner's proxy.
func environment() []string {
	env := []string{"LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "SOURCE_DATE_EPOCH=1", "HOME=/root"}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func explain(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "Could not resolve"), strings.Contains(text, "Unable to connect"), strings.Contains(text, "Temporary failure"):
		return platform.Errorf(platform.Unavailable, "debian_unreachable", "The Debian mirror could not be reached, so the base image could not be made.").
			WithHint("Check the machine's network and DNS, then run the installation again.").Because(err)
	case strings.Contains(text, "NO_PUBKEY"), strings.Contains(text, "not signed"), strings.Contains(text, "keyring"):
		return platform.Errorf(platform.Unavailable, "debian_keyring", "The Debian packages could not be verified.").
			WithHint("apt-get install debian-archive-keyring").Because(err)
	case strings.Contains(text, "No space left"), errors.Is(err, syscall.ENOSPC):
		return platform.Errorf(platform.NoRoom, "disk_full", "The disk is full, so the base image could not be made.").
			WithHint("Make room: 2 GB are needed.").Because(err)
	}
	return err
}
