package service

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDropIn_StandsOnceAndGoesWithoutAnythingOfTheOwners(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "docker.service.d", "lugsail.conf")
	for _, fresh := range []bool{true, false} {
		if changed, err := writeDropIn(dir); err != nil || changed != fresh {
			t.Fatalf("changed %v, %v; want %v", changed, err, fresh)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "[Unit]\nStartLimitIntervalSec=0\n") || !strings.Contains(string(text), "[Service]\nRestart=always\n") {
		t.Fatalf("%s, %v", text, err)
	}
	owners := filepath.Join(dir, "docker.service.d", "proxy.conf")
	if err := os.WriteFile(owners, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, there := range []bool{true, false} {
		if removed, err := removeDropIn(dir); err != nil || removed != there {
			t.Fatalf("removed %v, %v; want %v", removed, err, there)
		}
	}
	if _, err := os.Stat(owners); err != nil {
		t.Error("the owner's own file went too")
	}
	if err := os.Remove(owners); err != nil {
		t.Fatal(err)
	}
	if _, err := writeDropIn(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := removeDropIn(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(file)); !os.IsNotExist(err) {
		t.Errorf("an empty directory is left: %v", err)
	}
}
