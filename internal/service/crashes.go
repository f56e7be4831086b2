package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lugsail/lugsail/internal/atomicfile"
	"github.com/lugsail/lugsail/platform"
)

const (
	crashesName = "crashes.json"
	crashWindow = 60 * time.Second
	crashLimit  = 3
)

// Crashes remembers how the control plane's last starts ended, so that one that cannot start does
// not try for ever without a word: after three within a minute it starts in safe mode, in which it
// only says why, and tries again now and then.
type Crashes struct {
	Running bool            `json:"running"` // a start that has not ended, or was killed
	Ended   []time.Time     `json:"ended"`   // crashes of the last minute
	Since   time.Time       `json:"since,omitzero"`
	Reason  *platform.Error `json:"reason,omitempty"`

	mu   sync.Mutex
	path string
	now  func() time.Time
}

// ReadCrashes reads what is remembered in the directory of sockets.
func ReadCrashes(runDir string, now func() time.Time) (*Crashes, error) {
	c := &Crashes{}
	path := filepath.Join(runDir, crashesName)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the last starts: %w", err)
	}
	if err == nil && json.Unmarshal(data, c) != nil {
		c = &Crashes{} // a damaged file says as much as none
	}
	c.path, c.now = path, now
	return c, nil
}

// Safe reports whether the control plane is in safe mode.
func (c *Crashes) Safe() bool { return !c.Since.IsZero() }

// Begin notes a start and reports whether it shall be one in safe mode.
func (c *Crashes) Begin() (safe bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Running {
		c.crashed(platform.Errorf(platform.Internal, "crashed", "The control plane ended unexpectedly.").
			WithHint("`lugsail service logs` shows its last words. Send them with a report of the error."))
	}
	retry := c.Safe() && len(c.Ended) == 0
	if !retry && (c.Safe() || len(c.Ended) >= crashLimit) {
		if !c.Safe() {
			c.Since = c.now().UTC()
		}
		c.Running, c.Ended = false, nil // the next start is a try
		return true, c.save()
	}
	c.Running = true
	return false, c.save()
}

// End notes how a start ended: nil means that it was told to.
func (c *Crashes) End(reason error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason == nil {
		return c.forget()
	}
	c.crashed(platform.AsError(reason))
	return c.save()
}

// Steady is called when the control plane has been through all apps: it can start. What ends it
// later is no loop that safe mode could break, and an owner may kill it as often as they like.
func (c *Crashes) Steady() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Ended, c.Since, c.Reason = nil, time.Time{}, nil
	return c.save()
}

// Forget is called when the control plane was told to stop.
func (c *Crashes) Forget() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forget()
}

func (c *Crashes) forget() error {
	c.Ended, c.Since, c.Reason = nil, time.Time{}, nil
	if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting the last starts: %w", err)
	}
	return nil
}

func (c *Crashes) crashed(reason *platform.Error) {
	c.Running = false
	if c.Reason == nil || reason.Code != "crashed" {
		c.Reason = reason
	}
	recent := []time.Time{}
	for _, at := range append(c.Ended, c.now().UTC()) {
		if c.now().Sub(at) < crashWindow {
			recent = append(recent, at)
		}
	}
	c.Ended = recent
}

func (c *Crashes) save() error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("noting the start: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o755); err != nil {
		return fmt.Errorf("noting the start: %w", err)
	}
	return atomicfile.Write(c.path, append(data, '\n'), 0o600)
}
