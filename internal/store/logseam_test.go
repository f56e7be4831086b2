package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// numberedLines are n lines of about a kilobyte, counted from the first.
func numberedLines(first, n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("%08d %s\n", first+i, strings.Repeat("x", 1000))
	}
	return lines
}

// numbersOf checks that lines follow each other and gives the first and the last number.
func numbersOf(t *testing.T, lines []string) (first, last int) {
	t.Helper()
	for i, line := range lines {
		var n int
		if _, err := fmt.Sscanf(strings.TrimPrefix(line, stamp), "%d", &n); err != nil {
			t.Fatalf("line %d is %.40q", i, line)
		}
		if i > 0 && n != last+1 {
			t.Fatalf("line %d comes after %d", n, last)
		}
		if last = n; i == 0 {
			first = n
		}
	}
	return first, last
}

func (l *Logs) kept(t *testing.T) (files int, size int64) {
	t.Helper()
	entries, err := os.ReadDir(l.dir)
	must(t, err)
	for _, entry := range entries {
		info, err := entry.Info()
		must(t, err)
		size += info.Size()
	}
	return len(entries), size
}

func TestLogs_AnAppsLogGoesOnForEverAndKeepsTheNewest(t *testing.T) {
	logs := newTestLogs(t)
	id := platform.AppLog("shop")
	const lines = 60 << 10
	for at := 0; at < lines; at += 1 << 10 { // by many writers, one after the other, as Note does
		writeLog(t, logs, id, numberedLines(at, 1<<10)...)
	}
	if files, size := logs.kept(t); files != 2 || size > maxLogBytes || size < maxLogFile {
		t.Errorf("%d files with %d bytes are kept", files, size)
	}
	for _, restarted := range []bool{false, true} {
		if restarted {
			again, err := newLogs(logs.dir, logs.now)
			must(t, err)
			logs = again
		}
		all, offsets := readLog(t, logs, id, 0)
		first, last := numbersOf(t, all)
		if last != lines-1 || first < lines-maxLogBytes/1000 || first > lines-maxLogFile/1100 {
			t.Fatalf("lines %d to %d are kept", first, last)
		}
		for _, i := range []int{0, len(all) / 3, len(all) / 2, len(all) - 2} { // over the seam, and behind it
			rest, _ := readLog(t, logs, id, offsets[i])
			if len(rest) != len(all)-i-1 || rest[0] != all[i+1] {
				t.Errorf("from the offset behind line %d: %d lines", i, len(rest))
			}
		}
		if none, _ := readLog(t, logs, id, offsets[len(all)-1]); len(none) != 0 {
			t.Errorf("behind the end there are %d lines", len(none))
		}
	}
	writeLog(t, logs, id, numberedLines(lines, 1)...) // after a restart
	all, _ := readLog(t, logs, id, 0)
	if _, last := numbersOf(t, all); last != lines {
		t.Errorf("the last line is %d", last)
	}
	must(t, logs.Remove(id))
	if files, _ := logs.kept(t); files != 0 {
		t.Errorf("%d files stay of a log that was removed", files)
	}
}

func TestLogs_FollowersGoOnOverTheSeam(t *testing.T) {
	logs := newTestLogs(t)
	id := platform.AppLog("shop")
	const lines = 30 << 10
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan int)
	result := make(chan error, 1)
	go func() {
		next := 0
		result <- logs.Follow(ctx, id, 0, func(_ int64, line string) error {
			var n int
			if _, err := fmt.Sscanf(strings.TrimPrefix(line, stamp), "%d", &n); err != nil || n != next {
				return fmt.Errorf("line %d is %.40q: %w", next, line, err)
			}
			if next++; next%(1<<10) == 0 {
				seen <- next
			}
			return nil
		}, func() bool { return false })
	}()
	for at := 0; at < lines; at += 1 << 10 { // never further ahead than what is kept
		writeLog(t, logs, id, numberedLines(at, 1<<10)...)
		select {
		case <-seen:
		case err := <-result:
			t.Fatal(err)
		}
	}
	cancel()
	<-result
}

func TestLogs_ACrashWhileANewFileBeginsLosesNothing(t *testing.T) {
	logs := newTestLogs(t)
	id := platform.AppLog("shop")
	writeLog(t, logs, id, numberedLines(0, 100)...)
	path := filepath.Join(logs.dir, id+".log")
	info, err := os.Stat(path)
	must(t, err)
	must(t, os.Rename(path, fmt.Sprintf("%s.%d", path, info.Size())))
	logs, err = newLogs(logs.dir, logs.now)
	must(t, err)
	all, _ := readLog(t, logs, id, 0)
	if first, last := numbersOf(t, all); first != 0 || last != 99 {
		t.Errorf("lines %d to %d", first, last)
	}
	writeLog(t, logs, id, numberedLines(100, 100)...)
	all, offsets := readLog(t, logs, id, 0)
	if first, last := numbersOf(t, all); first != 0 || last != 199 {
		t.Errorf("lines %d to %d", first, last)
	}
	if rest, _ := readLog(t, logs, id, offsets[149]); len(rest) != 50 {
		t.Errorf("%d lines from the middle of the new file", len(rest))
	}
}
