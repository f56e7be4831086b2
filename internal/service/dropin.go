package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lugsail/lugsail/internal/atomicfile"
)

// engineDropIn adds to the engine's unit, whoever wrote that. Debian's gives up for ever after
// three ends within a minute, after a full disk for example, and then no app runs.
const (
	engineDropIn = "docker.service.d/lugsail.conf"
	engineUp     = "# Written by Lugsail: the Docker Engine is started again however often it ends.\n" +
		"[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestart=always\nRestartSec=2s\n"
)

// KeepEngineUp lets systemd start the engine again for ever. Without systemd the supervisor does so.
func KeepEngineUp(ctx context.Context) error {
	if !Systemd() {
		return nil
	}
	changed, err := writeDropIn(unitDir)
	if err != nil || !changed {
		return err
	}
	return systemctl(ctx, "daemon-reload")
}

func writeDropIn(dir string) (changed bool, err error) {
	file := filepath.Join(dir, engineDropIn)
	if before, err := os.ReadFile(file); err == nil && bytes.Equal(before, []byte(engineUp)) {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return false, fmt.Errorf("making %s: %w", filepath.Dir(file), err)
	}
	return true, atomicfile.Write(file, []byte(engineUp), 0o644)
}

// LeaveEngine takes back what KeepEngineUp did, without touching the engine that runs.
func LeaveEngine(ctx context.Context) error {
	removed, err := removeDropIn(unitDir)
	if err != nil || !removed || !Systemd() {
		return err
	}
	return systemctl(ctx, "daemon-reload")
}

func removeDropIn(dir string) (removed bool, err error) {
	file := filepath.Join(dir, engineDropIn)
	err = os.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_ = os.Remove(filepath.Dir(file)) // goes only when the owner added nothing to the unit
	return true, nil
}
