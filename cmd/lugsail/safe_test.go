package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/internal/service"
	"github.com/lugsail/lugsail/platform"
)

// safeMode is a server whose control plane cannot start: its database is cut off.
func safeMode(t *testing.T) config.Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "safe") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cfg, err := config.Load(config.Sources{File: filepath.Join(dir, "config.yaml"), Flags: map[string]string{
		"data-dir": filepath.Join(dir, "data"), "run-dir": dir, "key-file": filepath.Join(dir, "master.key"), "docker-host": "unix://" + filepath.Join(dir, "none.sock"),
		"instance": "ltest1", "public-ip": "127.0.0.1", "https-port": "2", "http-port": "1", "ssh-port": "off",
	}})
	if err != nil {
		t.Fatal(err)
	}
	crashes, err := service.ReadCrashes(cfg.RunDir, time.Now)
	for range 3 {
		if err == nil {
			_, err = crashes.Begin()
		}
		err = errors.Join(err, crashes.End(platform.Errorf(platform.Unavailable, "database_damaged", "The database cannot be used: the file is cut off.").WithHint("Restore the newest copy: lugsail db restore /copy.db")))
	}
	if safe, beginErr := crashes.Begin(); err != nil || beginErr != nil || !safe {
		t.Fatalf("%v, %v: safe mode is %v", err, beginErr, safe)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serveSafe(ctx, cfg, crashes) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(cfg.AdminSocket()); err == nil {
			return cfg
		}
		if time.Now().After(end) {
			t.Fatal("safe mode does not listen")
		}
	}
}

// F10, F26: what root asks for says that the server is in safe mode, why, and what to do.
func TestF10_EveryCommandOfRootSaysWhyTheServerIsInSafeMode(t *testing.T) {
	cfg := safeMode(t)
	m := machine{config: cfg, out: os.Stderr}
	for command, run := range map[string]func() error{
		"setup-link":   func() error { _, err := askAdmin(t.Context(), cfg, "setup-link", ""); return err },
		"recover":      func() error { _, err := askAdmin(t.Context(), cfg, "recover", "a@example.com"); return err },
		"host prepare": func() error { return prepareBuilds(t.Context(), m) },
		"db status": func() error {
			answered, err := askDB(t.Context(), m, "db/status", nil, new(struct{}))
			if answered {
				t.Error("safe mode has the database open")
			}
			return err
		},
	} {
		e := platform.AsError(run())
		if e.Code != "safe_mode" || !strings.Contains(e.Message, "safe mode") || !strings.Contains(e.Message, "the file is cut off") || !strings.Contains(e.Hint, "lugsail db restore /copy.db. Then: lugsail service restart") {
			t.Errorf("%s: %s, %q / %q", command, e.Code, e.Message, e.Hint)
		}
	}
}

// An upgrade exchanges the program before the control plane: what that does not know yet is no safe mode.
func TestAdmin_ACommandThatTheControlPlaneDoesNotKnowIsNoSafeMode(t *testing.T) {
	dir, err := os.MkdirTemp("", "older") // short: a socket's path has 107 bytes
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cfg, err := config.Load(config.Sources{File: filepath.Join(dir, "config.yaml"), Flags: map[string]string{"run-dir": dir}})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- (&control{cfg: cfg}).runAdminWith(ctx, func(*http.ServeMux) {}) }()
	t.Cleanup(func() { cancel(); must(t, <-done) })
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(cfg.AdminSocket()); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it does not listen")
		}
	}
	_, err = askAdmin(t.Context(), cfg, "setup-link", "")
	if e := platform.AsError(err); e.Code != "control_plane_older" || !strings.Contains(e.Hint, "lugsail service restart") {
		t.Errorf("%s: %v", e.Code, e)
	}
}

func TestReplaced_ASettingThatIsInTheFileIsWritten(t *testing.T) {
	if err := replaced(fmt.Errorf("writing: %w: input/output error", atomicfile.ErrReplaced)); err != nil {
		t.Errorf("a setting that is in the file is taken for not written: %v", err)
	}
	if broken := errors.New("no space left"); !errors.Is(replaced(broken), broken) || replaced(nil) != nil {
		t.Error("a setting that is not in the file is taken for written")
	}
}

func TestF10_DoctorSaysWhyTheServerIsInSafeModeAndLooksAtTheMachine(t *testing.T) {
	cfg := safeMode(t)
	found, err := examineOn(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	byCheck := map[string]string{}
	for _, f := range found {
		byCheck[f.Check] = string(f.Level) + " " + f.Text + " " + f.Hint
	}
	for check, want := range map[string]string{"control": "the file is cut off. Restore the newest copy", "engine": "", "disk": ""} {
		if got, there := byCheck[check]; !there || !strings.Contains(got, want) {
			t.Errorf("%s: %q", check, got)
		}
	}
}
