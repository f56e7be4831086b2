package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/testenv/loopback"
	"github.com/lugsail/lugsail/platform"
)

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come to pass: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestBallast_F21IsGivenBackOnAFullDiskAndMadeAgain(t *testing.T) {
	dir := loopback.Ext4(t, 64, 0)
	var mu sync.Mutex
	var told []string
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Ballast{
			Dirs: func(context.Context) []string { return []string{dir, dir + "/lost+found"} }, Every: 5 * time.Millisecond,
			Tell: func(_ context.Context, action, text string) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, action+" "+text)
			},
		}.Run(ctx)
	}()
	kept := func() int64 {
		n, err := Kept(dir)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	eventually(t, "ballast is kept", func() bool { return kept() > 1<<20 })
	full := filepath.Join(dir, "full")
	f, err := os.Create(full)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 1<<20))
	}
	_ = f.Close() // it is full
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	eventually(t, "the ballast is given back", func() bool { return kept() == 0 })
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the ballast is made again", func() bool { return kept() > 1<<20 })
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(told) != 2 || !strings.HasPrefix(told[0], "disk.full ") || !strings.Contains(told[0], "lugsail disk") || !strings.HasPrefix(told[1], "disk.roomy ") {
		t.Fatalf("got %q", told)
	}
}

func TestWanted_IsAFiftiethAndAtMostOneGiB(t *testing.T) {
	const gib = uint64(1) << 30
	for total, want := range map[uint64]int64{10 * gib: int64(10 * gib / 50), 100 * gib: 1 << 30} {
		if got := Wanted(platform.Room{Total: total}); got != want {
			t.Errorf("%d: got %d, want %d", total, got, want)
		}
	}
}

func TestTaken_CountsBlocksAndEachFileOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hole"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "hole"), 1<<30); err != nil {
		t.Fatal(err)
	}
	if got := Taken(t.Context(), dir); got < 1<<20 || got > 2<<20 {
		t.Fatalf("got %d", got)
	}
	if got := Taken(t.Context(), filepath.Join(dir, "nothing")); got != 0 {
		t.Fatalf("got %d", got)
	}
}
