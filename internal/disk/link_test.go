package disk

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestLink_WhatGoesThereStaysHere(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(filepath.Join(from, "a", "b"), 0o711))
	check(os.WriteFile(filepath.Join(from, "a", "b", "file"), []byte("kept"), 0o640))
	check(os.WriteFile(filepath.Join(from, "a", "skipped"), nil, 0o600))
	check(os.Symlink("nowhere", filepath.Join(from, "a", "link")))
	check(syscall.Mkfifo(filepath.Join(from, "a", "pipe"), 0o600))
	check(os.Chmod(filepath.Join(from, "a"), 0o711))
	check(Link(from, to, func(path string) bool { return path == "a/skipped" }))
	check(os.RemoveAll(from))
	text, err := os.ReadFile(filepath.Join(to, "a", "b", "file"))
	if err != nil || string(text) != "kept" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if target, err := os.Readlink(filepath.Join(to, "a", "link")); err != nil || target != "nowhere" {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	if info, err := os.Stat(filepath.Join(to, "a")); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("the directory: %v, %v", info, err)
	}
	for _, name := range []string{"skipped", "pipe"} {
		if _, err := os.Lstat(filepath.Join(to, "a", name)); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
	check(Link(filepath.Join(dir, "not there"), filepath.Join(dir, "empty"), nil))
}
