package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lugsail/lugsail/internal/testenv/loopback"
	"github.com/lugsail/lugsail/platform"
)

func TestWrite_F21RealDiskThatIsFullIsSaidInNumbersAndPassesWithoutARestart(t *testing.T) {
	dir := loopback.Ext4(t, 8, 0)
	s := closing(t, openTest(t, dir))
	app := newApp(t, s, "shop")
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	must(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 16<<10))
	}
	must(t, f.Close())
	written := 0
	for err = nil; err == nil; {
		if err = s.AppendEvent(t.Context(), &platform.Event{Text: strings.Repeat("x", 3000)}); err == nil {
			written++
		}
	}
	wantKind(t, err, platform.NoRoom, "disk_full")
	if e := platform.AsError(err); !strings.Contains(e.Message, "MiB are free") || e.Hint == "" {
		t.Fatalf("got %q", e.Message)
	}
	if _, err := s.AppByID(t.Context(), app.ID); err != nil {
		t.Fatalf("reading: %v", err)
	}
	if _, err := s.Copy(t.Context()); err == nil {
		t.Error("a copy was written onto a full disk")
	}
	must(t, os.Remove(filler))
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "it goes on"}))
	must(t, s.Check(t.Context()))
	events, err := s.Events(t.Context(), "", 0, 10000)
	if err != nil || len(events) != written+1 {
		t.Fatalf("%d events, %d were acknowledged (%v)", len(events), written+1, err)
	}
}

func TestWrite_F23DiskWithoutFilesLeftStopsCopiesAndNotRows(t *testing.T) {
	dir := loopback.Ext4(t, 16, 200)
	s := closing(t, openTest(t, dir))
	for n := 0; ; n++ {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%d", n)), nil, 0o600); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			break
		}
	}
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "rows need no file"}))
	if _, err := s.Copy(t.Context()); err == nil {
		t.Error("a copy was written without a file")
	}
	_, err := s.Logs().Writer("d1")
	wantKind(t, err, platform.NoRoom, "disk_full")
	must(t, os.Remove(filepath.Join(dir, "file0")))
	w, err := s.Logs().Writer("d1")
	must(t, err)
	must(t, w.Close())
}

func TestWrite_F24DiskThatBecomesReadOnlyIsSaidAndPasses(t *testing.T) {
	dir := loopback.Ext4(t, 16, 0)
	s := openTest(t, dir)
	app := newApp(t, s, "shop")
	must(t, s.Close())
	loopback.Run(t, "mount", "-o", "remount,ro", dir)
	_, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}})
	if e := platform.AsError(err); e == nil || e.Hint == "" || e.Code == "internal" {
		t.Fatalf("got %v", err)
	}
	loopback.Run(t, "mount", "-o", "remount,rw", dir)
	s = closing(t, openTest(t, dir))
	if _, err := s.AppByID(t.Context(), app.ID); err != nil {
		t.Fatal(err)
	}
}

// The disk dies under writes: what was acknowledged is there when it is repaired, the rest is said, and the
// store goes on reading.
func TestWrite_F24DiskThatDiesUnderWritesIsSaidAndLosesNothing(t *testing.T) {
	dir := loopback.Ext4(t, 32, 0)
	s := openTest(t, dir)
	app := newApp(t, s, "shop")
	written := make(chan int, 1)
	begun := make(chan struct{})
	var failed error
	go func() {
		n := 0
		for ; ; n++ {
			if n == 20 {
				close(begun)
			}
			if failed = s.AppendEvent(context.WithoutCancel(t.Context()), &platform.Event{Text: "acknowledged"}); failed != nil {
				written <- n
				return
			}
		}
	}()
	<-begun
	loopback.Fail(t, dir)
	acknowledged := <-written
	for _, err := range []error{failed, s.AppendEvent(t.Context(), &platform.Event{Text: "no"})} {
		e := platform.AsError(err)
		if e.Kind != platform.Unavailable || e.Hint == "" {
			t.Errorf("got %s: %v / %q", e.Code, err, e.Hint)
		}
	}
	if _, err := s.AppByID(t.Context(), app.ID); err != nil {
		t.Errorf("reading: %v", err)
	}
	_ = s.Close() // what the disk did not take is lost, and was not acknowledged
	loopback.Repair(t, dir)
	s = closing(t, openTest(t, dir))
	events, err := s.Events(t.Context(), "", 0, 1_000_000)
	// The kernel answers well to whoever waits for its journal in the very moment in which that is given up.
	if err != nil || len(events) < acknowledged-1 {
		t.Fatalf("%d events, %d were acknowledged (%v)", len(events), acknowledged, err)
	}
	must(t, s.Check(t.Context()))
	must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "it goes on"}))
}

// photograph copies the files of a database as a power cut leaves them: what was synced, without
// what only lives in memory.
func photograph(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range []string{File, File + "-wal", instanceName} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, name), b, 0o600))
	}
}

func TestWrite_F27EveryAcknowledgedRowIsInTheFilesAtAnyMoment(t *testing.T) {
	s := newSQLite(t)
	for n := range 60 {
		must(t, s.AppendEvent(t.Context(), &platform.Event{Text: strings.Repeat("x", 500*n)}))
		if n%7 != 0 {
			continue
		}
		dir := t.TempDir()
		photograph(t, s.dir, dir)
		if n%14 == 0 { // and half of a write that was not acknowledged
			wal := filepath.Join(dir, File+"-wal")
			b, err := os.ReadFile(wal)
			must(t, err)
			must(t, os.WriteFile(wal, append(b, bytes.Repeat([]byte{7}, 3000)...), 0o600))
		}
		after := openTest(t, dir)
		events, err := after.Events(t.Context(), "", 0, 1000)
		must(t, err)
		must(t, after.Check(t.Context()))
		must(t, after.Close())
		if len(events) != n+1 {
			t.Fatalf("%d of %d acknowledged events are there", len(events), n+1)
		}
	}
}

func TestOpen_F26LostWriteAheadLogLeavesAnOlderWholeDatabase(t *testing.T) {
	s := newSQLite(t)
	for range 50 {
		must(t, s.AppendEvent(t.Context(), &platform.Event{Text: "a"}))
	}
	dir := t.TempDir()
	photograph(t, s.dir, dir)
	must(t, os.Remove(filepath.Join(dir, File+"-wal")))
	older, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}})
	if err != nil {
		if e := platform.AsError(err); e.Code != "database_damaged" || e.Hint == "" {
			t.Fatalf("got %v", err)
		}
		return
	}
	must(t, older.Check(t.Context()))
	must(t, older.Close())
}

func TestOpen_F26WrongOwnerIsSaid(t *testing.T) {
	dir := filled(t)
	must(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, File)
	loopback.Run(t, "chattr", "+i", path) // root may open what belongs to others, but not this
	t.Cleanup(func() { loopback.Run(t, "chattr", "-i", path) })
	_, err := Open(t.Context(), Config{Dir: dir, Key: testKey{}})
	wantKind(t, err, platform.Unavailable, "database_unwritable")
	if e := platform.AsError(err); !strings.Contains(e.Hint, "chown") {
		t.Fatalf("got %q", e.Hint)
	}
}
