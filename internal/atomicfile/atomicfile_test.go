package atomicfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/internal/atomicfile"
)

func TestWrite_ReplacesContentAndMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table")
	for content, mode := range map[string]os.FileMode{"one": 0o600, "": 0o644} {
		if err := atomicfile.Write(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(got) != content || info.Mode() != mode {
			t.Errorf("%q with %v, want %q with %v (%v, %v)", got, info.Mode(), content, mode, err, statErr)
		}
	}
}

func TestWrite_AFailureLeavesTheOldFileAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil { // no file can take the place of a full directory
		t.Fatal(err)
	}
	if err := atomicfile.Write(path, []byte("x"), 0o600); err == nil {
		t.Fatal("no error")
	}
	if err := atomicfile.Write(filepath.Join(dir, "none", "x"), nil, 0o600); err == nil {
		t.Fatal("no error for a directory that is not there")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "taken" {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestWrite_ADirectoryThatCannotBeSyncedSaysThatTheFileIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings")
	broken := errors.New("input/output error")
	defer atomicfile.FailDirectories(broken)()
	err := atomicfile.Write(path, []byte("new"), 0o600)
	if !errors.Is(err, atomicfile.ErrReplaced) || !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("%q, %v", got, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}
