package store

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOpen_KeepsRoomOnTheDiskForTheNextStart(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		must(t, openTest(t, dir).Close())
		info, err := os.Stat(filepath.Join(dir, spareName))
		must(t, err)
		if taken := info.Sys().(*syscall.Stat_t).Blocks * 512; taken < spareBytes {
			t.Fatalf("%d bytes are kept, want %d", taken, spareBytes)
		}
	}
	useSpare(dir)
	if _, err := os.Stat(filepath.Join(dir, spareName)); !os.IsNotExist(err) {
		t.Fatalf("the room is not given: %v", err)
	}
}
