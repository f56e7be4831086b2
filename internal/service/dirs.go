package service

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// makeDirs makes what the parts need before they can run; /run is empty after a boot.
func makeDirs(c Config) error {
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{{c.RunDir, 0o755}, {c.LogDir, 0o750}, {filepath.Dir(c.Control), 0o755}} {
		if err := os.MkdirAll(d.path, d.mode); err != nil {
			return fmt.Errorf("making a directory: %w", err)
		}
	}
	if c.ProxyDir == "" {
		return nil
	}
	if err := os.MkdirAll(c.ProxyDir, 0o700); err != nil {
		return fmt.Errorf("making the proxy's directory: %w", err)
	}
	owner, err := credential(c.ProxyUser)
	if err != nil || owner == nil {
		return err
	}
	if err := os.Chown(c.ProxyDir, int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("giving the proxy its directory: %w", err)
	}
	return nil
}

// takeLock makes sure that there is one supervisor. The lock goes with the process, also when it is killed.
func takeLock(c Config) (*os.File, error) {
	f, err := os.OpenFile(c.lockFile(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the service's lock: %w", err)
	}
	// Running holds it for a moment when somebody looks.
	for end := time.Now().Add(time.Second); ; time.Sleep(10 * time.Millisecond) {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, platform.Errorf(platform.Conflict, "service_running", "Lugsail is running already.").
			WithHint("`lugsail service status` shows it.").Because(err)
	}
	return f, nil
}

// Running reports whether a supervisor holds the lock.
func Running(c Config) (bool, error) {
	f, err := os.OpenFile(c.lockFile(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening the service's lock: %w", err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return err != nil, nil
}

// endLeftovers ends the parts of a supervisor that was killed.
func endLeftovers(c Config) error {
	state, err := ReadState(c)
	if err != nil {
		return err
	}
	for part, p := range state.Parts {
		if part == Engine || !p.Alive() {
			continue
		}
		slog.Warn("ending what a killed supervisor left", "part", part, "pid", p.PID)
		if err := endProcess(p.Process, 5*time.Second); err != nil {
			return err
		}
	}
	return removeIfThere(c.stateFile())
}

// endProcess stops a process that is no child of ours.
func endProcess(p Process, grace time.Duration) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if !p.Alive() {
			return nil
		}
		if err := syscall.Kill(p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("ending process %d: %w", p.PID, err)
		}
		for end := time.Now().Add(grace); p.Alive() && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
	}
	if p.Alive() {
		return fmt.Errorf("process %d does not end", p.PID)
	}
	return nil
}

// RemoveState removes what the supervisor keeps in its directory. It must not run any more.
func RemoveState(runDir string) error {
	c := Config{RunDir: runDir}
	return errors.Join(removeIfThere(c.stateFile()), removeIfThere(c.lockFile()))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a file: %w", err)
	}
	return nil
}

func readPID(path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}
