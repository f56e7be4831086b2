package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"
	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

// newVolume is a volume that is removed after the test.
func newVolume(t *testing.T, e *Engine, shared bool) platform.Mount {
	t.Helper()
	m := platform.Mount{VolumeID: platform.NewID(), Name: "data", Path: "/data", Shared: shared}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.RemoveVolume(ctx, m.VolumeID); err != nil {
			t.Errorf("removing the volume: %v", err)
		}
	})
	return m
}

func TestVolume_OutlivesItsReplicasAndGoesOnlyWhenNamed(t *testing.T) {
	e := openEngine(t)
	m := newVolume(t, e, false)
	spec := newApp(t, e, "write=/data/kept", "say=written", "serve")
	spec.Mounts = []platform.Mount{m}
	first := start(t, e, spec)
	eventually(t, "a written file", func() bool { return len(linesOf(t, e, first.ID)) == 1 })
	if err := e.RemoveVolume(t.Context(), m.VolumeID); platform.AsError(err).Code != "volume_in_use" {
		t.Errorf("removed under a replica: %v", err)
	}
	if err := e.RemoveApp(t.Context(), spec.AppID); err != nil {
		t.Fatal(err)
	}
	spec.Args = []string{"file=/data/kept", "serve"}
	second := start(t, e, spec)
	eventually(t, "the file of before", func() bool {
		lines := linesOf(t, e, second.ID)
		return len(lines) == 1 && lines[0] == "kept by the probe"
	})
	if err := e.Stop(t.Context(), second.ID, 0); err != nil {
		t.Fatal(err)
	}
	third := start(t, e, spec)
	eventually(t, "the file in a third one", func() bool { return len(linesOf(t, e, third.ID)) == 1 })
	if err := e.Leave(t.Context(), ""); err != nil { // as an uninstallation does
		t.Fatal(err)
	}
	dir := e.VolumeDirectory(m.VolumeID)
	if _, err := os.Stat(filepath.Join(dir, "kept")); err != nil {
		t.Errorf("an uninstallation takes files: %v", err)
	}
	if err := e.RemoveVolume(t.Context(), m.VolumeID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its files are still there: %v", err)
	}
}

func TestVolume_BelongsToTheUserOfTheImage(t *testing.T) {
	for user, want := range map[string]struct {
		uid  uint32
		mode os.FileMode
	}{"1000:1001": {1000, 0o755}, "33": {33, 0o755}, "": {0, 0o755}, "someone": {0, 0o777}} {
		dir := filepath.Join(t.TempDir(), "volume")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if fresh, err := untouched(dir); err != nil || !fresh {
			t.Fatalf("fresh: %v, %v", fresh, err)
		}
		if err := giveTo(dir, user); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if owner := ownerOf(info); owner != want.uid || info.Mode().Perm() != want.mode {
			t.Errorf("%q: owner %d, mode %v", user, owner, info.Mode().Perm())
		}
	}
}

func TestVolume_WhatPeoplePutInBeforeIsTheUsersToo(t *testing.T) {
	for user, want := range map[string]struct {
		uid  uint32
		file os.FileMode
	}{"1000:1001": {1000, 0o644}, "root": {0, 0o644}, "someone": {0, 0o666}} {
		dir := filepath.Join(t.TempDir(), "volume")
		file := filepath.Join(dir, "sub", "file")
		for _, err := range []error{
			os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o644), os.Symlink("/etc/passwd", filepath.Join(dir, "link")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if fresh, err := untouched(dir); err != nil || fresh {
			t.Fatalf("without the mark: %v, %v", fresh, err)
		}
		if err := unix.Setxattr(dir, platform.FreshVolume, []byte("1"), 0); err != nil {
			t.Fatalf("no marks here; this test wants root, and a file system with extended attributes below TMPDIR: %v", err)
		}
		if fresh, err := untouched(dir); err != nil || !fresh {
			t.Fatalf("with the mark: %v, %v", fresh, err)
		}
		if err := giveTo(dir, user); err != nil {
			t.Fatal(err)
		}
		if fresh, err := untouched(dir); err != nil || fresh {
			t.Errorf("%q: it is fresh for ever: %v", user, err)
		}
		info, err := os.Stat(file)
		if err != nil || ownerOf(info) != want.uid || info.Mode().Perm() != want.file {
			t.Errorf("%q: %v, %v", user, info, err)
		}
		if info, err = os.Stat("/etc/passwd"); err != nil || ownerOf(info) != 0 || info.Mode().Perm() != 0o644 {
			t.Errorf("%q: what a link leads to: %v, %v", user, info, err)
		}
	}
}

func TestVolume_IsNotGivenAwayWhileSomebodyHoldsIt(t *testing.T) {
	e := &Engine{volumes: t.TempDir()}
	dir := e.VolumeDirectory("l1")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, 33, 33)); err != nil { // so that it needs no engine
		t.Fatal(err)
	}
	release := e.HoldVolume("l1")
	e.HoldVolume("l2")()
	done := make(chan error, 1)
	go func() {
		done <- e.prepare(t.Context(), testImage, platform.Mount{VolumeID: "l1", Name: "data", Path: "/data"})
	}()
	select {
	case err := <-done:
		t.Errorf("it did not wait: %v", err)
		done <- nil
	case <-time.After(200 * time.Millisecond):
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestVolume_ARunHasItBesideTheReplica(t *testing.T) {
	e := openEngine(t)
	m := newVolume(t, e, false)
	spec := newApp(t, e, "serve")
	spec.Mounts = []platform.Mount{m}
	start(t, e, spec)
	run, _, err := e.StartRun(t.Context(), platform.RunSpec{
		Name: "k3f9", Kind: platform.RunCommand, AppID: spec.AppID, App: spec.App, Release: 1, Image: testImage, Args: []string{"write=/data/by-run"}, Plan: spec.Plan, Mounts: spec.Mounts,
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a file by the run "+run.Name, func() bool {
		_, err := os.Stat(filepath.Join(e.VolumeDirectory(m.VolumeID), "by-run"))
		return err == nil
	})
}

func TestVolume_BeginsWithWhatTheImageHasThere(t *testing.T) {
	e := openEngine(t)
	m := newVolume(t, e, false)
	m.Path = "/kept"
	spec := newApp(t, e, "say=started", "serve")
	spec.Mounts = []platform.Mount{m}
	first := start(t, e, spec)
	eventually(t, "a line", func() bool { return len(linesOf(t, e, first.ID)) == 1 })
	for name, mode := range map[string]os.FileMode{"": 0o750, "there": 0o640} {
		info, err := os.Stat(filepath.Join(e.VolumeDirectory(m.VolumeID), name))
		if err != nil || ownerOf(info) != 33 || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, info, err)
		}
	}
	names, err := e.client.VolumeList(t.Context(), volume.ListOptions{Filters: e.ours("")})
	if err != nil || len(names.Volumes) > 0 {
		t.Errorf("the engine keeps a name: %+v, %v", names.Volumes, err)
	}
}

func TestVolume_CannotLieWhereTheImageHasAFile(t *testing.T) {
	e := openEngine(t)
	for path, code := range map[string]string{"/app": "volume_path_is_file", "/app/in": "volume_path_is_file", "/kept/there/x": "volume_path_is_file", "/kept": "", "/new/dir": "", "/kept/new": ""} {
		err := e.CheckMounts(t.Context(), testImage, []platform.Mount{{VolumeID: platform.NewID(), Name: "data", Path: path}})
		if (err == nil) != (code == "") || err != nil && platform.AsError(err).Code != code {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := e.CheckMounts(t.Context(), "localhost/lugsail-test-never-built:1", []platform.Mount{{VolumeID: "l1", Name: "data", Path: "/data"}}); err != nil {
		t.Errorf("an image that is not there: %v", err)
	}
	left, err := e.listOf(t.Context(), e.ours(""))
	if err != nil || len(left) > 0 {
		t.Errorf("containers are left: %+v, %v", left, err)
	}
}

// A control plane that is killed leaves containers that never start, of which the next one knows nothing.
func TestClean_TakesAwayWhatACrashHasLeft(t *testing.T) {
	e := openEngine(t)
	replica := start(t, e, newApp(t, e, "serve"))
	m := newVolume(t, e, false)
	for _, name := range []string{e.helper("look", "l1"), e.helper("fill", m.VolumeID), "lugsail-another-look-l1"} {
		labels := map[string]string{labelInstance: e.instance}
		made, err := e.client.ContainerCreate(t.Context(), &container.Config{Image: testImage, Cmd: []string{"none"}, Labels: labels}, &container.HostConfig{NetworkMode: "none"}, nil, nil, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.discard(context.Background(), made.ID) })
	}
	if _, err := e.client.VolumeCreate(t.Context(), volume.CreateOptions{Name: e.helper("fill", m.VolumeID), Driver: "local", Labels: map[string]string{labelInstance: e.instance}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	left, err := e.listOf(t.Context(), e.ours(""))
	if err != nil || len(left) != 2 {
		t.Errorf("%d containers are left, want the replica and the one that is called as another's: %+v, %v", len(left), left, err)
	}
	if _, err := e.inspect(t.Context(), replica.ID); err != nil {
		t.Errorf("the replica: %v", err)
	}
	volumes, err := e.client.VolumeList(t.Context(), volume.ListOptions{Filters: e.ours("")})
	if err != nil || len(volumes.Volumes) > 0 {
		t.Errorf("a volume's name is left: %+v, %v", volumes.Volumes, err)
	}
}
