package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lugsail/lugsail/internal/disk"
	"github.com/lugsail/lugsail/platform"
)

// What a machine must have at least.
const (
	leastMemory = 450 << 20 // a machine sold with 512 MB shows a little less
	leastDisk   = 4 << 30
	leastMore   = 1 << 30 // on one that has Lugsail already
)

// Check is what the machine is looked at for.
type Check struct {
	DataDir string
	Dirs    []Directory
	Present bool // Lugsail is there already, with its images: an upgrade needs less room
	Ports   []int
	Own     func(pid int) bool // processes of Lugsail itself may hold the ports
}

// Run gives one error for each thing that stands in the way.
func (c Check) Run() []error {
	var found []error
	for _, err := range []error{architecture(), memory(), c.disk(), c.way(), apparmor()} {
		if err != nil {
			found = append(found, err)
		}
	}
	for _, d := range c.Dirs {
		if err := d.Free(); err != nil {
			found = append(found, err)
		}
	}
	for _, port := range c.Ports {
		if err := c.port(port); err != nil {
			found = append(found, err)
		}
	}
	return found
}

func architecture() error {
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
		return nil
	}
	return platform.Errorf(platform.Invalid, "host_architecture", "This machine is %s; Lugsail runs on amd64 and arm64.", runtime.GOARCH)
}

func memory() error {
	found, err := MemoryOf("/proc/meminfo") // in a container sold as a machine, it tells of that one
	if err != nil {
		return err
	}
	if found.Total < leastMemory {
		return platform.Errorf(platform.NoRoom, "host_memory", "This machine has %d MB of memory; Lugsail needs 512 MB.", found.Total>>20).
			WithHint("Take a machine with 1 GB or more, so that there is room for apps too.")
	}
	return nil
}

// way looks whether the proxy's own user can pass to its part of the data.
func (c Check) way() error {
	for dir := filepath.Dir(c.DataDir); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 != 0 {
			continue // what is missing will be made open
		}
		return platform.Errorf(platform.Invalid, "host_way_closed", "%s lets nobody but its owner pass, and the proxy, which runs as a user of its own, keeps its certificates below.", dir).
			WithHint("Open it for passing: chmod o+x %s   Or choose another place with --data-dir.", dir)
	}
	return nil
}

func (c Check) disk() error {
	dir := c.DataDir
	for {
		if _, err := os.Stat(dir); err == nil || dir == "/" {
			break
		}
		dir = filepath.Dir(dir)
	}
	room, err := disk.RoomOf(dir)
	if err != nil {
		return err
	}
	least := uint64(leastDisk)
	if c.Present {
		least = leastMore
	}
	if room.Free < least {
		return platform.Errorf(platform.NoRoom, "host_disk", "%s has %.1f GB free; Lugsail needs %d GB for itself and the images of apps.", dir, float64(room.Free)/(1<<30), least>>30).
			WithHint("Make room, or choose another place with --data-dir.")
	}
	return nil
}

// apparmor: a kernel that enforces AppArmor starts no container without the program that loads profiles.
func apparmor() error {
	on, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if errors.Is(err, fs.ErrNotExist) || (err == nil && strings.TrimSpace(string(on)) != "Y") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking the kernel about AppArmor: %w", err)
	}
	if parserThere() {
		return nil
	}
	return platform.Errorf(platform.Invalid, "host_apparmor", "The kernel uses AppArmor, but the package apparmor is missing, so that no container can start.").
		WithHint("apt-get install apparmor")
}

func (c Check) port(port int) error {
	holders, err := Holders(port)
	if err != nil {
		return err
	}
	for _, h := range holders {
		if h.PID != 0 && c.Own != nil && c.Own(h.PID) {
			return nil
		}
	}
	if len(holders) == 0 {
		return nil
	}
	name := "another program"
	if h := holders[0]; h.Name != "" {
		name = fmt.Sprintf("%s (process %d)", h.Name, h.PID)
	}
	return platform.Errorf(platform.Conflict, "host_port", "Port %d is in use by %s.", port, name).
		WithHint("Stop that program, or choose other ports: --http-port 8080 --https-port 8443 --ssh-port 2223 (or off).")
}
