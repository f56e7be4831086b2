package service

import (
	"errors"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestCrashes_F10ThreeInAMinuteMeanSafeModeAndATryNowAndThen(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	start := func(end error) bool {
		t.Helper()
		c, err := ReadCrashes(dir, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		safe, err := c.Begin()
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(5 * time.Second)
		if safe || errors.Is(end, errKilled) {
			return safe
		}
		if err := c.End(end); err != nil {
			t.Fatal(err)
		}
		return false
	}
	refused := platform.Errorf(platform.Unavailable, "database_damaged", "The database is damaged.").WithHint("Restore it.")
	for _, end := range []error{refused, errKilled, errKilled} {
		if start(end) {
			t.Fatal("safe mode too early")
		}
	}
	for range 3 { // in turn: safe mode, and a try that fails
		if !start(nil) {
			t.Fatal("no safe mode")
		}
		if c, err := ReadCrashes(dir, time.Now); err != nil || !c.Safe() || c.Reason == nil || c.Reason.Code != "database_damaged" || c.Reason.Hint == "" {
			t.Fatalf("got %+v, %v", c, err)
		}
		if start(refused) {
			t.Fatal("it does not try again")
		}
	}
	if !start(nil) || start(nil) {
		t.Fatal("no try after safe mode")
	}
	if c, err := ReadCrashes(dir, time.Now); err != nil || c.Safe() || c.Reason != nil {
		t.Fatalf("a good end is not the end of it: %+v, %v", c, err)
	}
	for range 6 { // crashes that are far apart
		if start(errKilled) {
			t.Fatal("safe mode for crashes that are far apart")
		}
		now = now.Add(30 * time.Second)
	}
}

var errKilled = errors.New("killed")

// F01: what could start is no crash loop, however often it is killed.
func TestF01_KillsOfAControlPlaneThatWorkedAreNoCrashLoop(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 20 {
		c, err := ReadCrashes(dir, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		if safe, err := c.Begin(); safe || err != nil {
			t.Fatalf("safe mode: %v, %v", safe, err)
		}
		now = now.Add(time.Second)
		if err := c.Steady(); err != nil { // and is killed then
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
}
