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

// F22: a disk that was filled while nobody looked: before anything starts there is room again.
func TestGiveBack_F22FullDiskHasRoomBeforeAnythingStarts(t *testing.T) {
	dir := loopback.Ext4(t, 64, 0)
	if said := GiveBack(t.Context(), []string{dir}); len(said) != 0 {
		t.Errorf("an empty disk is full: %v", said)
	}
	if err := errors.Join(Make(dir, 4<<20), os.WriteFile(filepath.Join(dir, "ballast.new"), make([]byte, 1<<20), 0o600)); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(dir, "full"))
	before, err := RoomOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	said := GiveBack(t.Context(), []string{dir, filepath.Join(dir, "none")})
	after, err := RoomOf(dir)
	if err != nil || len(said) != 1 || !strings.Contains(said[0], "4 MB that were kept") || after.Free < before.Free+5<<20 {
		t.Errorf("%v, %v: %d then %d bytes are free", said, err, before.Free, after.Free)
	}
}

// Half of a ballast that a kill has left takes room for nothing, which may be why there is none for a whole one.
func TestBallast_HalfOfOneIsRemoved(t *testing.T) {
	dir := loopback.Ext4(t, 64, 0)
	left := filepath.Join(dir, "ballast.new")
	if err := os.WriteFile(left, make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Ballast{Dirs: func(context.Context) []string { return []string{dir} }, Every: 5 * time.Millisecond, Tell: func(context.Context, string, string) {}}.Run(ctx)
	}()
	eventually(t, "a whole one is there", func() bool {
		kept, err := Kept(dir)
		_, half := os.Stat(left)
		return err == nil && kept > 0 && errors.Is(half, os.ErrNotExist)
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
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
	fill(t, full)
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
