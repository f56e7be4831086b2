package files

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// A stranger's program swaps a directory for a link to another place, and a file for a pipe, as fast as it can.
func TestRace_WhatIsSwappedMeanwhileLeadsNowhereElse(t *testing.T) {
	f, dir := volume(t)
	outside := filepath.Join(filepath.Dir(dir), "outside")
	write(t, outside, "file", "outside")
	write(t, dir, "real/file", "inside")
	must(t, os.Symlink(outside, filepath.Join(dir, "evil")))
	must(t, os.Symlink(filepath.Join(outside, "file"), filepath.Join(dir, "evil-file")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666))
	at := filepath.Join(dir, "at")
	stop := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, other := range []string{"real", "evil", "pipe"} { // its errors are as good as its successes
				_ = os.Rename(filepath.Join(dir, other), at)
				_ = os.Rename(at, filepath.Join(dir, other))
			}
			_ = os.Rename(filepath.Join(dir, "evil-file"), filepath.Join(dir, "real/file2"))
			_ = os.Rename(filepath.Join(dir, "real/file2"), filepath.Join(dir, "evil-file"))
		}
	})
	read, saved := 0, 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		for _, p := range []string{"at/file", "real/file2"} {
			text, err := f.text(t, p)
			if err == nil {
				read++
			}
			if strings.Contains(text, "outside") || err != nil && platform.AsError(err).Code == "internal" {
				t.Errorf("read %q, %v", text, err)
			}
		}
		err := f.Save(t.Context(), "v", "at/new", strings.NewReader("x"), 1, 0)
		if err == nil {
			saved++
		} else if platform.AsError(err).Code == "internal" {
			t.Errorf("saving: %v", err)
		}
		_ = f.Remove(t.Context(), "v", "at/new", true) // whatever it says
		if _, err := f.List(t.Context(), "v", "at", "", 10); err != nil && platform.AsError(err).Code == "internal" {
			t.Errorf("listing: %v", err)
		}
		if err := f.Remove(t.Context(), "v", "at", false); err != nil && platform.AsError(err).Code == "internal" {
			t.Errorf("removing: %v", err)
		}
		// What was removed or made in between is put back, so that there is something to swap.
		_ = os.Symlink(outside, filepath.Join(dir, "evil"))
		_ = syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666)
		if _, err := os.Lstat(filepath.Join(dir, "real")); err != nil {
			_ = os.MkdirAll(filepath.Join(dir, "real"), 0o755)
			_ = os.WriteFile(filepath.Join(dir, "real/file"), []byte("inside"), 0o644)
		}
	}
	close(stop)
	swapping.Wait()
	left, err := os.ReadDir(outside)
	if err != nil || len(left) != 1 {
		t.Errorf("outside lie %v, %v", left, err)
	}
	if text, err := os.ReadFile(filepath.Join(outside, "file")); err != nil || string(text) != "outside" {
		t.Errorf("outside: %q, %v", text, err)
	}
	t.Logf("read %d, saved %d times", read, saved)
}
