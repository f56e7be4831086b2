package host

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

// Disk is the room of a file system.
type Disk struct {
	platform.Room
	ID       [2]int32 // the same for two directories of one file system
	ReadOnly bool     // for everybody: a process that only may not write there itself does not count
}

// DiskOf measures the file system of a directory.
func DiskOf(dir string) (Disk, error) {
	room, err := disk.RoomOf(dir)
	if err != nil {
		return Disk{}, err
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Disk{}, fmt.Errorf("looking at the disk of %s: %w", dir, err)
	}
	return Disk{
		Room: room, ID: s.Fsid.Val,
		ReadOnly: s.Flags&unix.ST_RDONLY != 0 && readOnly("/proc/self/mountinfo", dir),
	}, nil
}

// readOnly reads of the file system that holds a directory whether it is mounted read-only itself:
// systemd lets services see disks as read-only that are not. What cannot be read counts as read-only.
func readOnly(mounts, dir string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return true
	}
	text, err := os.ReadFile(mounts)
	if err != nil {
		return true
	}
	found, longest := true, -1
	for line := range strings.Lines(string(text)) {
		place, system, ok := strings.Cut(line, " - ") // "36 35 98:0 /root /at rw,noatime master:1 - ext4 /dev/sda1 rw,errors=…"
		at, of := strings.Fields(place), strings.Fields(system)
		if !ok || len(at) < 5 || len(of) < 3 {
			continue
		}
		point := unescape.Replace(at[4])
		if len(point) >= longest && strings.HasPrefix(dir+"/", strings.TrimSuffix(point, "/")+"/") { // the last one covers those before
			found, longest = slices.Contains(strings.Split(of[2], ","), "ro"), len(point)
		}
	}
	return found
}

// unescape reads the names of places as the kernel writes them.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// Memory is that of the machine, in bytes.
type Memory struct{ Total, Available, Swap uint64 }

// MemoryOf reads it from a file such as /proc/meminfo.
func MemoryOf(file string) (Memory, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Memory{}, fmt.Errorf("reading the memory: %w", err)
	}
	var m Memory
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		n, err := strconv.ParseUint(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "MemTotal:":
			m.Total = n << 10
		case "MemAvailable:":
			m.Available = n << 10
		case "SwapTotal:":
			m.Swap = n << 10
		}
	}
	if m.Total == 0 {
		return m, fmt.Errorf("reading the memory: %s names none", file)
	}
	return m, nil
}

// ClockSynced reports whether a time service keeps the kernel's clock right.
func ClockSynced() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t) // changes nothing: no mode is set
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

// AppArmor tells whether the kernel enforces it, and whether the program is there that loads profiles.
func AppArmor() (on, parser bool) {
	text, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	on = err == nil && strings.TrimSpace(string(text)) == "Y"
	return on, parserThere()
}

func parserThere() bool {
	for _, p := range []string{"/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"} {
		if _, err := os.Stat(p); err == nil {
			return true
		}
	}
	return false
}

// RestartNeeded reports whether updates of the system wait for one.
func RestartNeeded() bool {
	_, err := os.Stat("/run/reboot-required")
	return err == nil
}

// Kernel is its version as its makers count: distributions add repairs and keep the number of
// their first release in its name, and tell the true one elsewhere.
func Kernel(root string) string {
	if text, err := os.ReadFile(filepath.Join(root, "proc/version_signature")); err == nil { // Ubuntu: "Ubuntu 5.15.0-91.101-generic 5.15.131"
		if fields := strings.Fields(string(text)); len(fields) > 2 {
			return fields[2]
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "proc/version"))
	if err != nil {
		return ""
	}
	if _, after, found := strings.Cut(string(text), " Debian "); found { // "… SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)"
		if fields := strings.Fields(after); len(fields) > 0 && strings.Contains(fields[0], "-") {
			return strings.Split(fields[0], "-")[0]
		}
	}
	fields := strings.Fields(string(text)) // "Linux version 6.12.57 …"
	if len(fields) < 3 {
		return ""
	}
	return fields[2]
}

// System is what the distribution calls itself: "Debian GNU/Linux 12 (bookworm)"; "" where it does not say.
func System(root string) string {
	text, err := os.ReadFile(filepath.Join(root, "etc/os-release"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"'`)
		}
	}
	return ""
}

// maxChangelog bounds what is read of one, in bytes after unpacking.
const maxChangelog = 16 << 20

// Mentions reads the changelogs of packages once, and gives what tells whether one of them names a text.
func Mentions(root string, packages ...string) func(text string) bool {
	var all []byte
	for _, name := range packages {
		for _, file := range []string{"changelog.Debian.gz", "changelog.gz", "changelog.Debian.amd64.gz"} {
			text, err := unpack(filepath.Join(root, "usr/share/doc", name, file))
			if err == nil {
				all = append(all, text...)
			}
		}
	}
	return func(text string) bool { return bytes.Contains(all, []byte(text)) }
}

func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxChangelog))
}

// Program is the path of a process's program; "" when it has gone or may not be looked at.
func Program(pid int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(path, " (deleted)") // an upgrade has put another one there
}
