package store

import (
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func benchStore(b *testing.B) (*Store, platform.App) {
	b.Helper()
	s, err := Open(b.Context(), Config{Dir: filepath.Join(b.TempDir(), "data"), Key: testKey{}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	app := platform.App{Name: "shop", State: platform.AppActive, Plan: "micro"}
	if err := s.CreateApp(b.Context(), &app); err != nil {
		b.Fatal(err)
	}
	return s, app
}

func BenchmarkUpdateApp(b *testing.B) {
	s, app := benchStore(b)
	for b.Loop() {
		if _, err := s.UpdateApp(b.Context(), app.ID, func(a *platform.App) error { a.CurrentRelease++; return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppByName(b *testing.B) {
	s, _ := benchStore(b)
	for b.Loop() {
		if _, err := s.AppByName(b.Context(), "shop"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "data")
	for b.Loop() {
		s, err := Open(b.Context(), Config{Dir: dir, Key: testKey{}})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
