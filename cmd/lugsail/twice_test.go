package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/platform"
)

// F08: a data directory that was copied, and is started beside the one that runs.
func TestF08_ACopyOfAnInstallationDoesNotRunBesideIt(t *testing.T) {
	id := platform.NewID()
	release, err := claimInstance(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg, err := config.Load(config.Sources{File: filepath.Join(dir, "config.yaml"), Flags: map[string]string{
		"data-dir": filepath.Join(dir, "data"), "run-dir": dir, "key-file": filepath.Join(dir, "master.key"), "docker-host": "unix://" + filepath.Join(dir, "none.sock"),
		"instance": id, "public-ip": "127.0.0.1", "https-port": "2", "http-port": "1", "ssh-port": "off",
	}})
	if err != nil {
		t.Fatal(err)
	}
	e := platform.AsError(serveGuarded(t.Context(), cfg))
	if e == nil || e.Code != "already_running" || !strings.Contains(e.Message, fmt.Sprintf("(pid %d)", os.Getpid())) || e.Hint == "" {
		t.Errorf("the copy ends with %v", e)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it has made %v, %v", left, err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	again, err := claimInstance(t.Context(), id)
	if err != nil {
		t.Fatalf("after the end of the first: %v", err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}
