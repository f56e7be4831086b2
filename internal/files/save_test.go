package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

func stat(t testing.TB, path string) (fs.FileInfo, *syscall.Stat_t) {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	return info, info.Sys().(*syscall.Stat_t)
}

func TestSave_KeepsOwnerAndRightsButNoSetuid(t *testing.T) {
	f, dir := volume(t)
	write(t, dir, "tool", "old")
	root := os.Geteuid() == 0
	if root {
		must(t, os.Chown(filepath.Join(dir, "tool"), 1001, 1002))
	}
	must(t, os.Chmod(filepath.Join(dir, "tool"), 0o750|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
	must(t, f.Save(t.Context(), "v", "tool", strings.NewReader("new"), 3, 0))
	info, owner := stat(t, filepath.Join(dir, "tool"))
	if info.Mode() != 0o750 {
		t.Errorf("the mode is %v", info.Mode())
	}
	if root && (owner.Uid != 1001 || owner.Gid != 1002) {
		t.Errorf("it belongs to %d:%d", owner.Uid, owner.Gid)
	}
	if text, err := f.text(t, "tool"); err != nil || text != "new" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestSave_ANewFileGetsTheRightsThatAreSaid(t *testing.T) {
	f, dir := volume(t)
	for name, c := range map[string]struct{ said, want fs.FileMode }{
		"said": {0o750, 0o750}, "none": {0, 0o644}, "more": {0o700 | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky, 0o700}, "all": {0o777, 0o777},
	} {
		must(t, f.Save(t.Context(), "v", name, strings.NewReader("x"), 1, c.said))
		if info, _ := stat(t, filepath.Join(dir, name)); info.Mode() != c.want {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
	must(t, f.Save(t.Context(), "v", "all", strings.NewReader("x"), 1, 0o600))
	if info, _ := stat(t, filepath.Join(dir, "all")); info.Mode() != 0o777 {
		t.Errorf("one that was there has %v", info.Mode())
	}
}

func TestSave_NewOnesBelongToTheOwnerOfTheDirectory(t *testing.T) {
	f, dir := volume(t)
	if os.Geteuid() != 0 {
		t.Fatal("only root gives files away: run this test as root")
	}
	must(t, os.Chown(dir, 1001, 1002))
	must(t, f.Save(t.Context(), "v", "a/b/c/new", strings.NewReader("x"), 1, 0))
	for name, mode := range map[string]fs.FileMode{"a": fs.ModeDir | 0o755, "a/b": fs.ModeDir | 0o755, "a/b/c": fs.ModeDir | 0o755, "a/b/c/new": 0o644} {
		info, owner := stat(t, filepath.Join(dir, name))
		if owner.Uid != 1001 || owner.Gid != 1002 || info.Mode() != mode {
			t.Errorf("%s: %d:%d %v", name, owner.Uid, owner.Gid, info.Mode())
		}
	}
}

// What is saved while a volume is given to its first container's user belongs to that user, too.
func TestSave_WaitsWhileTheVolumeIsGivenAway(t *testing.T) {
	f, dir := volume(t)
	if os.Geteuid() != 0 {
		t.Fatal("only root gives files away: run this test as root")
	}
	var lock sync.Mutex
	asked, times := make(chan struct{}), 0
	f.Hold = func(string) func() {
		if times++; times == 1 {
			return func() {} // it begins before that
		}
		close(asked)
		lock.Lock()
		return lock.Unlock
	}
	lock.Lock()
	saved := make(chan error, 1)
	go func() { saved <- f.Save(t.Context(), "v", "sub/new", strings.NewReader("x"), 1, 0) }()
	select {
	case <-asked:
	case err := <-saved:
		t.Fatalf("it was saved meanwhile: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "sub")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory is there already: %v", err)
	}
	must(t, os.Chown(dir, 1001, 1002))
	lock.Unlock()
	must(t, <-saved)
	for _, name := range []string{"sub", "sub/new"} {
		if _, owner := stat(t, filepath.Join(dir, name)); owner.Uid != 1001 || owner.Gid != 1002 {
			t.Errorf("%s belongs to %d:%d", name, owner.Uid, owner.Gid)
		}
	}
}

func TestSave_ReplacesTheNameAndNotWhatOthersHaveOpen(t *testing.T) {
	f, dir := volume(t)
	write(t, dir, "file", "old")
	must(t, os.Link(filepath.Join(dir, "file"), filepath.Join(dir, "other")))
	must(t, f.Save(t.Context(), "v", "file", strings.NewReader("new"), 3, 0))
	if text, err := f.text(t, "other"); err != nil || text != "old" {
		t.Errorf("another name of the file has %q, %v", text, err)
	}
}

func TestSave_WhatFailsLeavesTheOldFileAndNothingElse(t *testing.T) {
	f, dir := volume(t)
	write(t, dir, "file", "old")
	full := platform.Errorf(platform.NoRoom, "disk_low", "Full.")
	for name, c := range map[string]struct {
		body io.Reader
		size int64
		code string
	}{
		"broken": {io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("reset"))), -1, "upload_cut"},
		"short":  {strings.NewReader("half"), 8, "upload_cut"},
		"slow":   {iotest.ErrReader(platform.Errorf(platform.Invalid, "upload_pace", "Too slow.")), 8, "upload_pace"},
		"gone":   {iotest.ErrReader(io.ErrUnexpectedEOF), 8, "upload_cut"},
	} {
		for _, at := range []string{"file", "new", "sub/in/new"} {
			wantCode(t, f.Save(t.Context(), "v", at, c.body, c.size, 0), c.code)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%s leaves %v, %v", name, left, err)
		}
	}
	asked := 0
	f.Room = func(string, int64) error {
		if asked++; asked%2 == 0 { // at first there is room
			return full
		}
		return nil
	}
	wantCode(t, f.Save(t.Context(), "v", "file", io.LimitReader(zeros{}, lookAgain+1<<20), -1, 0), "disk_low")
	asked = 1
	wantCode(t, f.Save(t.Context(), "v", "sub/file", strings.NewReader("x"), 1, 0), "disk_low")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("a full disk leaves %v, %v", left, err)
	}
	if text, err := f.text(t, "file"); err != nil || text != "old" {
		t.Errorf("%q, %v", text, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestSave_RoomIsAskedForWhatIsAnnounced(t *testing.T) {
	f, _ := volume(t)
	var asked, came int64
	f.Came = func(_ string, bytes int64) { came += bytes }
	f.Room = func(of string, bytes int64) error {
		if of != "v" {
			t.Errorf("asked for the room of %s", of)
		}
		asked = bytes
		return nil
	}
	must(t, f.Save(t.Context(), "v", "file", strings.NewReader("12345"), 5, 0))
	if asked != 5 || came != 5 {
		t.Errorf("asked for %d bytes, and told of %d", asked, came)
	}
	if err := f.Save(t.Context(), "v", "other", strings.NewReader("123"), 5, 0); err == nil || came != 5 {
		t.Errorf("of one that broke off, %d bytes are told: %v", came-5, err)
	}
}

func TestSave_MakesTheVolumeAndMarksItForItsFirstContainer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "volumes", "v")
	f := Files{Directory: func(string) string { return dir }}
	marked := func(dir string) bool {
		_, err := unix.Getxattr(dir, platform.FreshVolume, make([]byte, 9))
		return err == nil
	}
	must(t, os.MkdirAll(dir, 0o755))
	if err := unix.Setxattr(dir, platform.FreshVolume, nil, 0); err != nil {
		t.Fatalf("no marks here; this test wants root, and a file system with extended attributes below TMPDIR: %v", err)
	}
	must(t, os.Remove(dir))
	for range 2 {
		must(t, f.Save(t.Context(), "v", "file", strings.NewReader("x"), 1, 0))
		if !marked(dir) {
			t.Error("it is not marked")
		}
	}
	must(t, os.Symlink("nowhere", filepath.Join(dir, "broken")))
	wantCode(t, f.Save(t.Context(), "v", "broken/file", iotest.ErrReader(errors.New("read")), 1, 0), "file_busy")
	used, at := volume(t)
	write(t, at, "by-the-app", "x")
	must(t, used.Save(t.Context(), "v", "file", strings.NewReader("x"), 1, 0))
	if marked(at) {
		t.Error("one that was used is marked")
	}
}

func TestSave_OddNames(t *testing.T) {
	f, dir := volume(t)
	for _, name := range []string{"a\nb", "\x1b]0;x\a", "\u202egnp.exe", " ", "-rf", "\xff\xfe", `\`, "..."} {
		must(t, f.Save(t.Context(), "v", name, strings.NewReader(name), int64(len(name)), 0))
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != name {
			t.Errorf("%q: %q, %v", name, text, err)
		}
		must(t, f.Remove(t.Context(), "v", name, false))
	}
}
