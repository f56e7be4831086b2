package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What both processes hold in memory counts on a small server. The program is one file with
// everything in it, and its initialisation touches pages of all of it once; dropProgramPages lets
// them go, and those that are needed come back from the page cache by themselves. Not those of a
// program that was moved to another address when it started: they are not as in the file any more.
func dropProgramPages() error {
	if movable() {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	var all error
	lines := bufio.NewScanner(bytes.NewReader(maps))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || fields[5] != program || strings.Contains(fields[1], "w") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		begin, err := strconv.ParseUint(from, 16, 64)
		end, endErr := strconv.ParseUint(to, 16, 64)
		if err = errors.Join(err, endErr); err != nil {
			return err
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(begin), uintptr(end-begin), unix.MADV_DONTNEED); errno != 0 {
			all = errors.Join(all, errno)
		}
	}
	return errors.Join(all, lines.Err())
}

// movable reports whether this program was built to be loaded at any address.
func movable() bool {
	info, ok := debug.ReadBuildInfo()
	return !ok || !slices.Contains(info.Settings, debug.BuildSetting{Key: "-buildmode", Value: "exe"})
}

const (
	mayStayUnused  = 8 << 20  // of the heap
	mayStayProgram = 16 << 20 // of the program's pages
)

// keepSmall gives back what builds and answers have left, as long as ctx lasts.
func keepSmall(ctx context.Context) error {
	debug.SetGCPercent(50)
	tick := time.NewTicker(20 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if unused() > mayStayUnused {
			debug.FreeOSMemory()
		}
		if residentFile() < mayStayProgram {
			continue
		}
		if err := dropProgramPages(); err != nil {
			slog.InfoContext(ctx, "pages of the program not given back", "error", err)
		}
	}
}

// residentFile is how much of the program's file the process holds in memory, in bytes; 0 where that cannot be read.
func residentFile() int {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(statm)) // pages: size, resident, of them shared with files
	if len(fields) < 3 {
		return 0
	}
	pages, err := strconv.Atoi(fields[2])
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}

// unused is what the heap holds and does not need: free, or garbage since the last collection.
func unused() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	free, live, objects := samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()
	if objects > live {
		free += objects - live
	}
	return free
}
