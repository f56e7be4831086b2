package dockerfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// The one tree of control groups: here it is a directory, whose files keep what is written to them.
func TestA37_LimitsOfTheOneTree(t *testing.T) {
	root := t.TempDir()
	file := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("cgroup.controllers", "cpu memory pids")
	tree := cgroups(root)
	if err := tree.limit("ours", platform.BuildLimits{Memory: 1000, PIDs: 10}); err != nil {
		t.Fatal(err)
	}
	if file("ours/memory.max") != "1000" || file("ours/memory.swap.max") != "0" || file("ours/pids.max") != "10" || file("ours/cpu.weight") != "50" {
		t.Error("the limits are not what they should be")
	}
	put("ours/memory.events", "low 0\nmax 7\noom 1\noom_kill 2\noom_group_kill 0\n")
	put("ours/pids.events", "max 3\n")
	if got, want := tree.refused("ours"), (refusals{kills: 2, forks: 3, full: 7}); got != want {
		t.Errorf("refused %+v, want %+v", got, want)
	}
	if err := tree.lift("ours"); err != nil || file("ours/memory.max") != "max" || file("ours/pids.max") != "max" {
		t.Errorf("not lifted: %v", err)
	}
}

// Where systemd keeps the groups of an engine before 23, each step's own is bounded when it appears.
func TestA37_StepsWithoutAParentAreBoundedOneByOne(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"memory/system.slice:docker:one", "pids/system.slice:docker:one", "memory/system.slice", "pids", "cpu"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s := &steps{tree: cgroups(root), limits: platform.BuildLimits{Memory: 1000, PIDs: 10}, each: "system.slice:docker:*"}
	s.look(map[string]bool{})
	text, err := os.ReadFile(filepath.Join(root, "memory/system.slice:docker:one/memory.limit_in_bytes"))
	if err != nil || strings.TrimSpace(string(text)) != "1000" {
		t.Errorf("the step's limit is %q: %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(root, "memory/system.slice/memory.limit_in_bytes")); err == nil {
		t.Error("another group was bounded")
	}
}

func TestListens_EnginesFrom23On(t *testing.T) {
	for version, want := range map[string]bool{"1.41": false, "1.42": true, "1.54": true, "2.0": true, "": false} {
		if listens(version) != want {
			t.Errorf("listens(%q) is %v", version, !want)
		}
	}
}

// An engine that was killed leaves groups in which nothing runs; the limits of all builds do not wait for those.
func TestLeave_GroupsThatAKilledEngineLeftKeepNoLimits(t *testing.T) {
	root := t.TempDir()
	steps := &steps{tree: cgroups(root), parent: "docker/buildkit", shared: true, each: "docker/buildkit/*"}
	for _, dir := range []string{"memory/docker/buildkit/left", "pids/docker/buildkit/left", "cpu"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	procs := filepath.Join(root, "memory/docker/buildkit/left/cgroup.procs")
	for _, c := range []struct{ procs, want string }{{"12\n", "10"}, {"", "max"}} {
		if err := steps.tree.limit(steps.parent, platform.BuildLimits{Memory: 1000, PIDs: 10}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(procs, []byte(c.procs), 0o600); err != nil {
			t.Fatal(err)
		}
		steps.leave()
		if text, err := os.ReadFile(filepath.Join(root, "pids/docker/buildkit/pids.max")); err != nil || string(text) != c.want {
			t.Errorf("with %q in the other group: pids.max is %q (%v), want %q", c.procs, text, err, c.want)
		}
	}
}
