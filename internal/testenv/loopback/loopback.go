// Package loopback gives tests small file systems of their own, which they may fill: ext4 in a
// file, mounted in a temporary directory. It needs root, as the whole tests do.
package loopback

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
)

// Run runs a program of the machine and fails the test when that does not work.
func Run(t testing.TB, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	if err := (command.Command{Name: name, Args: args, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}}).Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// Ext4 mounts a new file system of that many MiB, with room for that many files (0: as many as
// usual), and gives its directory. It goes with the test.
func Ext4(t testing.TB, mib, files int) string {
	t.Helper()
	base, err := os.MkdirTemp("", "lugsail-loop-")
	if err != nil {
		t.Fatal(err)
	}
	image, dir := filepath.Join(base, "image"), filepath.Join(base, "mount")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, int64(mib)<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"-q", "-F", "-m", "0"}
	if files > 0 {
		args = append(args, "-N", strconv.Itoa(files))
	}
	Run(t, "mkfs.ext4", append(args, image)...)
	Run(t, "mount", "-o", "loop", image, dir)
	t.Cleanup(func() {
		Run(t, "umount", "-l", dir)
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	return dir
}
