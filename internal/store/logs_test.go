package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func newTestLogs(t *testing.T) *Logs {
	t.Helper()
	logs, err := newLogs(t.TempDir(), func() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 678_900_000, time.UTC) })
	must(t, err)
	return logs
}

func writeLog(t *testing.T, logs *Logs, id string, texts ...string) {
	t.Helper()
	w, err := logs.Writer(id)
	must(t, err)
	for _, text := range texts {
		n, err := w.Write([]byte(text))
		if err != nil || n != len(text) {
			t.Fatalf("got %d, %v", n, err)
		}
	}
	must(t, w.Close())
}

func readLog(t *testing.T, logs *Logs, id string, from int64) (lines []string, offsets []int64) {
	t.Helper()
	must(t, logs.Read(t.Context(), id, from, func(offset int64, line string) error {
		lines, offsets = append(lines, line), append(offsets, offset)
		return nil
	}))
	return lines, offsets
}

const stamp = "2030-01-02T03:04:05.678Z "

func TestLogs_StampWholeLinesAndResumeAtAnOffset(t *testing.T) {
	logs := newTestLogs(t)
	writeLog(t, logs, "d1", "one\ntw", "o\r\n", "\n", "three")
	writeLog(t, logs, "d1", "four\n")
	lines, offsets := readLog(t, logs, "d1", 0)
	want := []string{stamp + "one", stamp + "two", stamp, stamp + "three", stamp + "four"}
	if strings.Join(lines, "|") != strings.Join(want, "|") {
		t.Fatalf("got %q", lines)
	}
	for i, offset := range offsets {
		rest, _ := readLog(t, logs, "d1", offset)
		if len(rest) != len(want)-i-1 {
			t.Errorf("from %d: got %q", offset, rest)
		}
	}
	if none, _ := readLog(t, logs, "never", 0); len(none) != 0 {
		t.Fatalf("got %q", none)
	}
}

func TestLogs_EndAHalfLineThatACrashLeft(t *testing.T) {
	logs := newTestLogs(t)
	must(t, os.WriteFile(filepath.Join(logs.dir, "d1.log"), []byte(stamp+"whole\n"+stamp+"hal"), 0o600))
	if lines, _ := readLog(t, logs, "d1", 0); len(lines) != 2 {
		t.Fatalf("got %q", lines)
	}
	writeLog(t, logs, "d1", "again\n")
	lines, _ := readLog(t, logs, "d1", 0)
	if len(lines) != 3 || lines[1] != stamp+"hal" || lines[2] != stamp+"again" {
		t.Fatalf("got %q", lines)
	}
}

func TestLogs_CutLongLinesAndStopAtTwentyMiB(t *testing.T) {
	logs := newTestLogs(t)
	writeLog(t, logs, "long", strings.Repeat("x", maxLogLine*2+10)+"\nend\n")
	lines, _ := readLog(t, logs, "long", 0)
	if len(lines) != 4 || len(lines[0]) != len(stamp)+maxLogLine || lines[3] != stamp+"end" {
		t.Fatalf("got %d lines", len(lines))
	}
	chunk := strings.Repeat(strings.Repeat("y", 1023)+"\n", 1024)
	writeLog(t, logs, "big", strings.Split(strings.Repeat(chunk+"\x00", 25), "\x00")...)
	for range 100 {
		writeLog(t, logs, "big", chunk[:10*1024], "the reason of the failure\n")
	}
	info, err := os.Stat(filepath.Join(logs.dir, "big.log"))
	if err != nil || info.Size() > maxLogBytes || info.Size() < maxLogBytes-2<<20 {
		t.Fatalf("got %v, %v", info, err)
	}
	lines, _ = readLog(t, logs, "big", 0)
	said := 0
	for _, line := range lines {
		if strings.Contains(line, "the rest is left out") {
			said++
		}
	}
	if said != 1 {
		t.Fatalf("the end is announced %d times", said)
	}

	build, err := logs.Writer("failed")
	must(t, err)
	for range 25 {
		_, err = build.Write([]byte(chunk))
		must(t, err)
	}
	writeLog(t, logs, "failed", "the reason\n", "→ what to do\n")
	must(t, build.Close())
	lines, _ = readLog(t, logs, "failed", 0)
	if n := len(lines); lines[n-2] != stamp+"the reason" || lines[n-1] != stamp+"→ what to do" {
		t.Fatalf("the log ends with %q", lines[n-2:])
	}
}

func TestLogs_FollowersSeeEverythingInOrderAndEndWithTheDeployment(t *testing.T) {
	logs := newTestLogs(t)
	var ended atomic.Bool
	const writers, each = 4, 200
	var followers, writing sync.WaitGroup
	for f := range 5 {
		followers.Go(func() {
			seen := map[string]int{}
			var last int64
			err := logs.Follow(t.Context(), "d1", 0, func(offset int64, line string) error {
				if offset <= last {
					t.Errorf("follower %d: offset %d after %d", f, offset, last)
				}
				last = offset
				var w, n int
				if _, err := fmt.Sscanf(strings.TrimPrefix(line, stamp), "writer %d line %d", &w, &n); err != nil {
					t.Errorf("follower %d: %q", f, line)
				}
				key := fmt.Sprint(w)
				if n != seen[key] {
					t.Errorf("follower %d: writer %d line %d after %d", f, w, n, seen[key])
				}
				seen[key]++
				return nil
			}, ended.Load)
			for w := range writers {
				if seen[fmt.Sprint(w)] != each {
					t.Errorf("follower %d saw %d lines of writer %d (%v)", f, seen[fmt.Sprint(w)], w, err)
				}
			}
		})
	}
	for w := range writers {
		writing.Go(func() {
			out, err := logs.Writer("d1")
			if err != nil {
				t.Error(err)
				return
			}
			for n := range each {
				if _, err := fmt.Fprintf(out, "writer %d line %d\n", w, n); err != nil {
					t.Error(err)
				}
			}
			if err := out.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	writing.Wait()
	ended.Store(true)
	logs.waiter.wake("d1")
	followers.Wait()
	if len(logs.open) != 0 || len(logs.waiter.waits) != 0 {
		t.Errorf("left: %d files, %d channels", len(logs.open), len(logs.waiter.waits))
	}
}

func TestLogs_FollowerEndsWhenTheDeploymentsRowDoes(t *testing.T) {
	s := newTest(t)
	d := newDeployment(t, s, newApp(t, s, "shop"), platform.DeployPush)
	following := make(chan struct{})
	var once sync.Once
	result := make(chan error, 1)
	go func() {
		result <- s.Logs().Follow(t.Context(), d.ID, 0, func(int64, string) error { return nil }, func() bool {
			got, err := s.DeploymentByID(t.Context(), d.ID)
			once.Do(func() { close(following) })
			return err != nil || got.State.Ended()
		})
	}()
	<-following
	_, err := s.UpdateDeployment(t.Context(), d.ID, func(d *platform.Deployment) error { d.State = platform.DeploymentFailed; return nil })
	must(t, err)
	must(t, within(t, result))
}

func TestLogs_FollowerEndsWithItsContextOrItsOwnError(t *testing.T) {
	logs := newTestLogs(t)
	writeLog(t, logs, "d1", "one\n")
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		result <- logs.Follow(ctx, "d1", 0, func(int64, string) error { cancel(); return nil }, func() bool { return false })
	}()
	if err := within(t, result); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	gone := errors.New("the reader is gone")
	err := logs.Follow(t.Context(), "d1", 0, func(int64, string) error { return gone }, func() bool { return false })
	if !errors.Is(err, gone) {
		t.Fatalf("got %v", err)
	}
}

func within(t *testing.T, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within 10 seconds")
		return nil
	}
}

func TestLogs_RefuseIDsThatAreNoIDs(t *testing.T) {
	logs := newTestLogs(t)
	for _, id := range []string{"", "..", "../x", "a/b", "a\x00b", strings.Repeat("a", 65), "a.log"} {
		if _, err := logs.Writer(id); !platform.IsKind(err, platform.NotFound) {
			t.Errorf("%q: got %v", id, err)
		}
		if err := logs.Remove(id); !platform.IsKind(err, platform.NotFound) {
			t.Errorf("%q: got %v", id, err)
		}
	}
}

func TestLogs_WriterThatIsClosedSaysSo(t *testing.T) {
	logs := newTestLogs(t)
	w, err := logs.Writer("d1")
	must(t, err)
	must(t, w.Close())
	if _, err := w.Write([]byte("x\n")); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("got %v", err)
	}
	if err := w.Close(); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("got %v", err)
	}
	must(t, logs.Remove("d1"))
	must(t, logs.Remove("d1"))
}

func TestLogs_EachLineHasAnRFC3339Time(t *testing.T) {
	s := newTest(t)
	writeLog(t, s.Logs(), "d1", "hello\n")
	b, err := os.ReadFile(filepath.Join(s.dir, "logs", "d1.log"))
	must(t, err)
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z hello\n$`).Match(bytes.Clone(b)) {
		t.Fatalf("got %q", b)
	}
}
