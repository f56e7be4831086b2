package dockerfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// tree is where the kernel keeps control groups: one tree for all controllers, or one for each.
type tree struct {
	root    string
	unified bool
}

func cgroups(root string) tree {
	_, err := os.Stat(filepath.Join(root, "cgroup.controllers"))
	return tree{root, err == nil}
}

func (t tree) dir(controller, group string) string {
	if t.unified {
		return filepath.Join(t.root, group)
	}
	return filepath.Join(t.root, controller, group)
}

// setting is one limit, as both kinds of trees call it.
type setting struct {
	controller    string
	split, single string // the file in trees by controller, and in the one tree
	optional      bool   // not every kernel has it
}

var (
	memoryLimit = setting{"memory", "memory.limit_in_bytes", "memory.max", false}
	swapLimit   = setting{"memory", "memory.memsw.limit_in_bytes", "memory.swap.max", true} // of memory and swap together where it is split
	pidsLimit   = setting{"pids", "pids.max", "pids.max", false}
	cpuShare    = setting{"cpu", "cpu.shares", "cpu.weight", true}
)

func (t tree) file(s setting, group string) string {
	if t.unified {
		return filepath.Join(t.dir(s.controller, group), s.single)
	}
	return filepath.Join(t.dir(s.controller, group), s.split)
}

func (t tree) set(group string, s setting, split, single string) error {
	value := split
	if t.unified {
		value = single
	}
	err := os.WriteFile(t.file(s, group), []byte(value), 0o644) //nolint:gosec // of the kernel's
	if s.optional {
		return nil
	}
	return err
}

// limit makes a group if need be and bounds all that runs in it and below.
func (t tree) limit(group string, l platform.BuildLimits) error {
	for _, controller := range []string{"memory", "pids", "cpu"} {
		if t.unified { // what is on already stays so
			_ = os.WriteFile(filepath.Join(t.root, "cgroup.subtree_control"), []byte("+"+controller), 0o644) //nolint:gosec // of the kernel's
		} else if _, err := os.Stat(filepath.Join(t.root, controller)); err != nil {
			continue
		}
		if err := os.MkdirAll(t.dir(controller, group), 0o755); err != nil {
			return fmt.Errorf("making a control group: %w", err)
		}
	}
	if !t.unified { // so that it is what this build takes at most; not every kernel counts how often it was too much
		_ = os.WriteFile(filepath.Join(t.dir("memory", group), "memory.max_usage_in_bytes"), []byte("0"), 0o644) //nolint:gosec // of the kernel's
	}
	memory := strconv.FormatInt(l.Memory, 10)
	pids := strconv.FormatInt(l.PIDs, 10)
	return errors.Join(
		t.set(group, swapLimit, "-1", "0"), // first, where it must not be below the other
		t.set(group, memoryLimit, memory, memory), t.set(group, swapLimit, memory, "0"),
		t.set(group, pidsLimit, pids, pids), t.set(group, cpuShare, "512", "50"),
	)
}

// lift takes the limits of a group away that is not ours alone.
func (t tree) lift(group string) error {
	return errors.Join(
		t.set(group, swapLimit, "-1", "max"), t.set(group, memoryLimit, "-1", "max"),
		t.set(group, pidsLimit, "max", "max"), t.set(group, cpuShare, "1024", "100"),
	)
}

// remove takes a group away that nothing runs in.
func (t tree) remove(group string) {
	tops := []string{t.root}
	if !t.unified {
		tops, _ = filepath.Glob(filepath.Join(t.root, "*"))
	}
	for _, top := range tops {
		below, _ := filepath.Glob(filepath.Join(top, group, "buildkit", "*"))
		for _, dir := range append(below, filepath.Join(top, group, "buildkit"), filepath.Join(top, group)) {
			_ = os.Remove(dir) // directories that are empty only
		}
	}
}

func (t tree) there(group string) bool {
	_, err := os.Stat(t.dir("memory", group))
	return err == nil
}

// groups lists those whose names fit a pattern.
func (t tree) groups(pattern string) []string {
	top := t.dir("memory", "")
	found, _ := filepath.Glob(filepath.Join(top, pattern))
	for i, dir := range found {
		found[i] = strings.TrimPrefix(dir, top+string(filepath.Separator))
	}
	return found
}

// runs reports whether something runs in a group whose name fits a pattern; an engine that was killed leaves empty ones.
func (t tree) runs(pattern string) bool {
	for _, group := range t.groups(pattern) {
		if processes, err := os.ReadFile(filepath.Join(t.dir("memory", group), "cgroup.procs")); err == nil && len(processes) > 0 {
			return true
		}
	}
	return false
}

// refusals count what the kernel has killed in a group for want of memory, how often it refused a new
// process, and how often the memory was full. Older kernels do not count what happened in groups below.
type refusals struct{ kills, forks, full int64 }

func (r refusals) since(before refusals) refusals {
	return refusals{r.kills - before.kills, r.forks - before.forks, r.full - before.full}
}

func (t tree) refused(group string) refusals {
	memory := t.dir("memory", group)
	r := refusals{forks: field(filepath.Join(t.dir("pids", group), "pids.events"), "max")}
	if t.unified {
		events := filepath.Join(memory, "memory.events")
		r.kills, r.full = field(events, "oom_kill"), field(events, "max")
		return r
	}
	r.kills = field(filepath.Join(memory, "memory.oom_control"), "oom_kill")
	most, limit := field(filepath.Join(memory, "memory.max_usage_in_bytes"), ""), field(t.file(memoryLimit, group), "")
	if most >= limit-limit/16 { // the kernel accounts in portions
		r.full = 1
	}
	return r
}

// field finds "name number" in a file of such lines, or the number alone where there is no name; 0 when
// it is not there.
func field(file, name string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		key, value, named := strings.Cut(strings.TrimSpace(line), " ")
		if !named {
			key, value = "", key
		}
		if key == name {
			n, _ := strconv.ParseInt(value, 10, 64) // the kernel writes numbers
			return n
		}
	}
	return 0
}
