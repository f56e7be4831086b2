package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestExchange_DirectoriesChangePlaces(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "below", "b")
	for _, path := range []string{a, b} {
		if err := os.MkdirAll(filepath.Join(path, "in-"+filepath.Base(path)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := Exchange(a, b); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(a, "in-b"), filepath.Join(b, "in-a")} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if err := Exchange(a, filepath.Join(dir, "none")); err == nil {
		t.Error("exchanged with nothing")
	}
}
