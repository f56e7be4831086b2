package restic

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stored makes a repository with one snapshot of 3 MB.
func stored(t *testing.T) (r Repository, dir string, s platform.Stored) {
	t.Helper()
	dir = t.TempDir()
	r = Repository{Address: filepath.Join(dir, "repository"), KeyFile: filepath.Join(dir, "key"), TempDir: dir}
	must(t, r.Open(t.Context()))
	must(t, os.MkdirAll(filepath.Join(dir, "volumes", "l1"), 0o755))
	content := make([]byte, 3<<20)
	_, _ = rand.Read(content) // never fails
	must(t, os.WriteFile(filepath.Join(dir, "volumes", "l1", "it's a -file"), content, 0o600))
	s, err := r.Backup(t.Context(), dir, []string{"volumes/l1"}, "", nil)
	must(t, err)
	if s.ID == "" || s.Bytes != 3<<20 || s.Incomplete {
		t.Fatalf("stored %+v", s)
	}
	return r, dir, s
}

func code(err error) string { return platform.AsError(err).Code }

func TestRepository_WhatComesBackIsWhatWasStored(t *testing.T) {
	r, dir, first := stored(t)
	info, err := os.Stat(r.KeyFile)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("A81: the password has mode %v", info.Mode())
	}
	must(t, os.WriteFile(filepath.Join(dir, "volumes", "l1", "more"), []byte("more"), 0o640))
	second, err := r.Backup(t.Context(), dir, []string{"volumes/l1"}, first.ID, func(float64) {})
	must(t, err)
	must(t, r.Open(t.Context()))
	must(t, r.Forget(t.Context(), first.ID))
	ids, err := r.Snapshots(t.Context())
	if err != nil || len(ids) != 1 || !strings.HasPrefix(ids[0], second.ID) {
		t.Errorf("left: %v, %v; want %s", ids, err, second.ID)
	}
	out := filepath.Join(dir, "out")
	must(t, r.Restore(t.Context(), second.ID, out))
	for _, name := range []string{"it's a -file", "more"} {
		was, err := os.ReadFile(filepath.Join(dir, "volumes", "l1", name))
		must(t, err)
		is, err := os.ReadFile(filepath.Join(out, "volumes", "l1", name))
		if err != nil || !bytes.Equal(was, is) {
			t.Errorf("%s is another: %v", name, err)
		}
	}
	if err := r.Restore(t.Context(), first.ID, out); code(err) != "snapshot_lost" {
		t.Errorf("one that was removed: %v", err)
	}
	must(t, r.Check(t.Context(), "100%"))
}

func TestRepository_OneDamagedByteIsNamed(t *testing.T) {
	r, dir, s := stored(t)
	packs, err := filepath.Glob(filepath.Join(r.Address, "data", "*", "*"))
	must(t, err)
	for _, pack := range packs {
		content, err := os.ReadFile(pack)
		must(t, err)
		if len(content) < 1<<20 {
			continue
		}
		content[len(content)/2] ^= 1
		must(t, os.Chmod(pack, 0o600))
		must(t, os.WriteFile(pack, content, 0o600))
	}
	if err := r.Restore(t.Context(), s.ID, filepath.Join(dir, "out")); code(err) != "snapshot_damaged" {
		t.Errorf("restored: %v", err)
	}
	if err := r.Check(t.Context(), "100%"); code(err) != "snapshot_damaged" {
		t.Errorf("checked: %v", err)
	}
}

func TestRepository_WithoutItsPasswordNoNewOneIsMade(t *testing.T) {
	r, _, _ := stored(t)
	must(t, os.Remove(r.KeyFile))
	if err := r.Open(t.Context()); code(err) != "snapshot_key_missing" {
		t.Errorf("%v", err)
	}
	must(t, os.WriteFile(r.KeyFile, []byte("another\n"), 0o600))
	if err := r.Open(t.Context()); code(err) != "snapshot_key_wrong" {
		t.Errorf("%v", err)
	}
}

func TestRepository_AFullDiskIsSaid(t *testing.T) {
	err := explain("storing the snapshot", "Fatal: unable to save: write /x: no space left on device", errors.New("exit status 1"))
	if code(err) != "disk_full" || !platform.IsKind(err, platform.NoRoom) {
		t.Errorf("%v", err)
	}
}

func TestRepository_EndsWhenItMust(t *testing.T) {
	r, dir, _ := stored(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Backup(ctx, dir, []string{"volumes/l1"}, "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
