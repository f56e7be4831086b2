package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const cgroupRoot = "/sys/fs/cgroup"

// controlGroups are the kernel's accounts of one container. With version 1 each
// controller has a tree of its own, with version 2 there is one for all.
type controlGroups struct {
	v2     string            // directory; "" with version 1
	byName map[string]string // directories by controller, version 1
}

// controlGroupsOf reads where a process is accounted. It fails when the process
// is not (any more) part of the container: process ids are used again.
func controlGroupsOf(pid int, id string) (controlGroups, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return controlGroups{}, fmt.Errorf("reading control groups: %w", err)
	}
	return parseControlGroups(string(text), id)
}

func parseControlGroups(text, id string) (controlGroups, error) {
	g := controlGroups{byName: map[string]string{}}
	found := false
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // 4:memory:/docker/<id>
		if len(parts) != 3 || !strings.Contains(parts[2], id) {
			continue
		}
		found = true
		if parts[1] == "" {
			g.v2 = filepath.Join(cgroupRoot, parts[2])
			continue
		}
		for name := range strings.SplitSeq(parts[1], ",") {
			g.byName[name] = filepath.Join(cgroupRoot, name, parts[2])
		}
	}
	if !found {
		return g, fmt.Errorf("no process of container %s", short(id))
	}
	return g, nil
}

// oomKills counts what the kernel has killed in the container for want of memory.
func oomKills(pid int, id string) (int64, error) {
	g, err := controlGroupsOf(pid, id)
	if err != nil {
		return 0, err
	}
	if dir, ok := g.byName["memory"]; ok {
		return fieldOf(filepath.Join(dir, "memory.oom_control"), "oom_kill")
	}
	return fieldOf(filepath.Join(g.v2, "memory.events"), "oom_kill")
}

// Stats is a replica's memory in bytes, without file cache that could be dropped,
// and the CPU time it has used since its start in nanoseconds.
func (e *Engine) Stats(ctx context.Context, id string) (memory int64, cpuNanos uint64, err error) {
	g, err := e.groupsOf(ctx, id)
	if err != nil {
		return 0, 0, err
	}
	memory, err = g.memory()
	if err != nil {
		return 0, 0, fmt.Errorf("reading a replica's memory: %w", err)
	}
	cpuNanos, err = g.cpu()
	if err != nil {
		return 0, 0, fmt.Errorf("reading a replica's CPU time: %w", err)
	}
	return memory, cpuNanos, nil
}

func (g controlGroups) memory() (int64, error) {
	dir, usage, cache := g.v2, "memory.current", "inactive_file"
	if v1, ok := g.byName["memory"]; ok {
		dir, usage, cache = v1, "memory.usage_in_bytes", "total_inactive_file"
	}
	all, err := numberIn(filepath.Join(dir, usage))
	if err != nil {
		return 0, err
	}
	droppable, err := fieldOf(filepath.Join(dir, "memory.stat"), cache)
	if err != nil {
		return 0, err
	}
	return max(0, all-droppable), nil
}

func (g controlGroups) cpu() (uint64, error) {
	if dir, ok := g.byName["cpuacct"]; ok {
		n, err := numberIn(filepath.Join(dir, "cpuacct.usage"))
		return uint64(n), err
	}
	micros, err := fieldOf(filepath.Join(g.v2, "cpu.stat"), "usage_usec")
	return uint64(micros) * 1000, err
}

func numberIn(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// fieldOf finds "name number" in a file of such lines.
func fieldOf(path, name string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && key == name {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
