package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

func TestVolumes_AreMeasuredAndToldOnceAtEachLimit(t *testing.T) {
	dir := t.TempDir()
	key, err := secret.LoadOrCreateKey(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Config{Dir: filepath.Join(dir, "data"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	engine, err := docker.New(docker.Config{Host: "unix:///nowhere.sock", Instance: "ltest", Volumes: filepath.Join(dir, "volumes")})
	if err != nil {
		t.Fatal(err)
	}
	app := platform.App{Name: "shop", Plan: "pico", State: platform.AppActive}
	if err := db.CreateApp(t.Context(), &app); err != nil {
		t.Fatal(err)
	}
	volume := platform.Volume{AppID: app.ID, Name: "data", Path: "/data", State: platform.VolumeActive}
	if err := db.CreateVolume(t.Context(), &volume, func([]platform.Volume) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var told []string
	v := &volumes{Engine: engine, store: db, told: map[string]plan.Layer{}, tell: func(_ context.Context, _, action, text string) { told = append(told, action+" "+text) }}
	if _, known := v.VolumeSize(volume.ID); known {
		t.Error("known before it was measured")
	}
	v.measure(t.Context())
	if bytes, known := v.VolumeSize(volume.ID); bytes != 0 || !known {
		t.Errorf("a volume that nobody had yet: %d, %t", bytes, known)
	}
	if err := os.MkdirAll(v.VolumeDirectory(volume.ID), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(v.VolumeDirectory(volume.ID), "a"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	v.measure(t.Context())
	if bytes, _ := v.VolumeSize(volume.ID); bytes < 1<<20 || bytes > 2<<20 {
		t.Errorf("it holds %d bytes", bytes)
	}
	for _, bytes := range []int64{1, 4_100_000_000, 4_200_000_000, 5_100_000_000, 5_200_000_000, 1, 4_100_000_000} {
		v.sizes = map[string]int64{volume.ID: bytes}
		v.judge(t.Context())
	}
	if len(told) != 3 || !strings.HasPrefix(told[0], "disk.volumes_near The volumes of shop hold 3.8 GB of the 4.7 GB") || !strings.HasPrefix(told[1], "disk.volumes_full") || !strings.HasPrefix(told[2], "disk.volumes_near") {
		t.Errorf("told %q", told)
	}
	wantRoom(t, v, volume.ID)
}

// wantRoom sends files into a volume of an app whose plan gives 5 GB.
func wantRoom(t *testing.T, v *volumes, id string) {
	t.Helper()
	v.sizes = map[string]int64{id: 4_999_000_000}
	if err := v.roomOfPlan(id, 1_000_000); err != nil {
		t.Errorf("what fits: %v", err)
	}
	if err := v.roomOfPlan(id, 1_000_001); platform.AsError(err).Code != "volumes_full" || !strings.Contains(platform.AsError(err).Hint, "scale --plan") {
		t.Errorf("what does not fit: %v", err)
	}
	v.note(id, 600_000)
	if v.roomOfPlan(id, 500_000) == nil || v.roomOfPlan(id, 400_000) != nil {
		t.Error("what was sent since it was measured does not count")
	}
	v.measure(t.Context())
	if left := v.sent(); len(left) > 0 {
		t.Errorf("what was measured counts twice: %v", left)
	}
	if err := v.room(id, 1); err != nil {
		t.Error(err)
	}
}
