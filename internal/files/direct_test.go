package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// outside makes a file beside the volume, and links in the volume that lead there.
func outside(t *testing.T, dir string) (secret string) {
	t.Helper()
	secret = filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	must(t, os.Symlink(secret, filepath.Join(dir, "link")))
	must(t, os.Symlink(filepath.Dir(secret), filepath.Join(dir, "way")))
	must(t, os.Symlink("../../../../../../../../.."+secret, filepath.Join(dir, "long")))
	return secret
}

func TestOpenFile_LeadsNowhereOutOfTheVolume(t *testing.T) {
	f, dir := volume(t)
	secret := outside(t, dir)
	for _, name := range []string{"link", "way/secret", "way/new", "long", "../../../../../.." + secret} {
		for _, flags := range []int{os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE | os.O_TRUNC} {
			if name[0] == '.' && flags&os.O_CREATE != 0 {
				continue // that is a path below the volume
			}
			if file, err := f.OpenFile(t.Context(), "v", name, flags, 0); err == nil {
				t.Errorf("%s with %x was opened: %s", name, flags, file.Name())
			}
		}
		size, mode := int64(0), fs.FileMode(0o777)
		if f.Change(t.Context(), "v", name, Changes{Size: &size, Mode: &mode}) == nil || f.MakeDirectory(t.Context(), "v", name+"/in") == nil {
			t.Errorf("%s was changed", name)
		}
	}
	must(t, f.MakeDirectory(t.Context(), "v", "sub"))
	for _, to := range []string{"way/moved", "link/moved"} {
		if f.Rename(t.Context(), "v", "sub", to, true) == nil {
			t.Errorf("moved to %s", to)
		}
	}
	if l, err := f.OpenListing(t.Context(), "v", "way"); err == nil {
		t.Errorf("listed: %v", l)
	}
	info, err := os.Stat(secret)
	must(t, err)
	if text, err := os.ReadFile(secret); string(text) != "secret" || err != nil || info.Mode() != 0o600 {
		t.Errorf("outside: %q, %v, %s", text, err, info.Mode())
	}
}

func TestOpenFile_OpensNoPipesAndKeepsNoSetuid(t *testing.T) {
	f, dir := volume(t)
	must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o666))
	write(t, dir, "tool", "x")
	must(t, os.Chmod(filepath.Join(dir, "tool"), 0o755|fs.ModeSetuid))
	for _, flags := range []int{os.O_RDONLY, os.O_RDWR} {
		_, err := f.OpenFile(t.Context(), "v", "pipe", flags, 0)
		wantCode(t, err, "file_not_regular")
	}
	for name, want := range map[string]fs.FileMode{"tool": 0o755, "new": 0o640} {
		file, err := f.OpenFile(t.Context(), "v", name, os.O_RDWR|os.O_CREATE, 0o640|fs.ModeSetuid)
		must(t, err)
		must(t, file.Close())
		all := fs.FileMode(0o4777)
		must(t, f.Change(t.Context(), "v", name, Changes{Mode: &all}))
		info, err := f.Look(t.Context(), "v", name, false)
		must(t, err)
		if info.Mode() != 0o777 {
			t.Errorf("%s may %s", name, info.Mode())
		}
		must(t, f.Change(t.Context(), "v", name, Changes{Mode: &want}))
	}
}

func TestOpenFile_WhatIsNewBelongsToTheOwnerOfItsDirectory(t *testing.T) {
	f, dir := volume(t)
	must(t, os.Chown(dir, 1234, 2345))
	must(t, f.MakeDirectory(t.Context(), "v", "sub"))
	file, err := f.OpenFile(t.Context(), "v", "sub/file", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0)
	must(t, err)
	must(t, file.Close())
	for _, name := range []string{"sub", "sub/file"} {
		info, err := f.Look(t.Context(), "v", name, true)
		must(t, err)
		if uid, gid := ownerOf(info); uid != 1234 || gid != 2345 {
			t.Errorf("%s is of %d:%d", name, uid, gid)
		}
	}
	_, err = f.OpenFile(t.Context(), "v", "sub/file", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0)
	wantCode(t, err, "file_exists")
	wantCode(t, f.MakeDirectory(t.Context(), "v", "sub"), "file_exists")
}

func TestRename_ReplacesOnlyWhenToldTo(t *testing.T) {
	f, dir := volume(t)
	write(t, dir, "a", "a")
	write(t, dir, "b", "b")
	wantCode(t, f.Rename(t.Context(), "v", "a", "b", false), "file_exists")
	must(t, f.Rename(t.Context(), "v", "a", "b", true))
	if text, err := f.text(t, "b"); text != "a" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	at, size := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), int64(0)
	must(t, f.Change(t.Context(), "v", "b", Changes{Size: &size, Modified: &at}))
	info, err := f.Look(t.Context(), "v", "b", false)
	must(t, err)
	if info.Size() != 0 || !info.ModTime().Equal(at) {
		t.Errorf("%d bytes, of %s", info.Size(), info.ModTime())
	}
}

func TestOpenListing_TellsAllOfALargeDirectory(t *testing.T) {
	f, dir := volume(t)
	const many = 10_000
	for i := range many {
		write(t, dir, strconv.Itoa(i), "")
	}
	l, err := f.OpenListing(t.Context(), "v", ".")
	must(t, err)
	seen := map[string]bool{}
	for err == nil {
		var found []fs.FileInfo
		found, err = l.Next(100)
		if len(found) > 100 {
			t.Fatalf("%d at once", len(found))
		}
		for _, info := range found {
			seen[info.Name()] = true
		}
	}
	if !errors.Is(err, io.EOF) || len(seen) != many {
		t.Errorf("%d files, %v", len(seen), err)
	}
	must(t, l.Close())
	must(t, os.Symlink(strings.Repeat("x", 100), filepath.Join(dir, "link")))
	if text, err := f.LinkOf(t.Context(), "v", "link"); err != nil || len(text) != 100 {
		t.Errorf("%q, %v", text, err)
	}
}
