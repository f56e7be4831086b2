package docker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// follow reads a replica's log to its end in the background.
func follow(t *testing.T, e *Engine, id string) func() []string {
	t.Helper()
	var lines []string
	done := make(chan error, 1)
	go func() {
		done <- e.Logs(t.Context(), id, -1, true, func(l platform.LogLine) error {
			lines = append(lines, l.Text)
			return nil
		})
	}()
	return func() []string {
		t.Helper()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("follow: %v", err)
			}
		case <-time.After(2 * patience):
			t.Fatal("the follower does not end")
		}
		return lines
	}
}

func TestLogs_AFollowerSurvivesARestartOfTheReplica(t *testing.T) {
	e := openEngine(t)
	r := start(t, e, newApp(t, e, "say=begin", "wait=700ms", "say=end", "exit=1"))
	if err := e.Keep(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	lines := follow(t, e, r.ID)
	eventually(t, "two restarts", func() bool {
		r, err := e.Replica(t.Context(), r.ID)
		return err == nil && r.Restarts >= 2
	})
	if err := e.Unkeep(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	untilExited(t, e, r.ID)
	got := lines()
	if len(got) < 6 || len(got)%2 != 0 {
		t.Fatalf("%q, want three rounds or more", got)
	}
	for i, line := range got {
		if want := []string{"begin", "end"}[i%2]; line != want {
			t.Fatalf("line %d of %q, want %q", i, got, want)
		}
	}
}

func TestLogs_AFollowerSurvivesRotation(t *testing.T) {
	e := openEngine(t)
	const rounds, each = 22, 5000 // about 25 MB as the driver keeps it: two rotations, slow enough for a busy machine to follow (see below)
	var steps []string
	for range rounds {
		steps = append(steps, fmt.Sprintf("fill=%d", each), "wait=400ms")
	}
	r := start(t, e, newApp(t, e, append(steps, "exit=0")...))
	got := follow(t, e, r.ID)()
	for i, line := range got {
		if want := fmt.Sprintf("line %d ", i+1); !strings.HasPrefix(line, want) {
			t.Fatalf("line %d is %.20q", i+1, line)
		}
	}
	if len(got) != rounds*each {
		t.Errorf("%d lines, want %d", len(got), rounds*each)
	}
}

// A daemon of 20.10 loses a follower that lags when files are rotated; it must
// not repeat lines, and must find the end.
func TestLogs_AFollowerOfAFloodFindsTheEnd(t *testing.T) {
	e := openEngine(t)
	spec := newApp(t, e, "print=300000", "say=done", "exit=0")
	spec.Plan.CPUBurst = 2
	got := follow(t, e, start(t, e, spec).ID)()
	last := 0
	for _, line := range got[:len(got)-1] {
		var n int
		if _, err := fmt.Sscanf(line, "line %d", &n); err != nil || n <= last {
			t.Fatalf("%q after line %d", line, last)
		}
		last = n
	}
	if last != 300000 || got[len(got)-1] != "done" {
		t.Errorf("the last lines are %d and %q", last, got[len(got)-1])
	}
}

func TestLogs_LongLinesAreCut(t *testing.T) {
	e := openEngine(t)
	r := start(t, e, newApp(t, e, "long=100000", "say=after", "exit=0"))
	untilExited(t, e, r.ID)
	got := linesOf(t, e, r.ID)
	if len(got) != 2 || len(got[0]) > maxLine+20 || len(got[0]) < maxLine || got[1] != "after" {
		t.Errorf("%d lines of %d bytes", len(got), len(got[0]))
	}
}
