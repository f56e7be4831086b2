package dockerfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/lugsail/lugsail/internal/testenv/turn"
)

func TestA37_AStepThatTakesAllMemoryIsStoppedAndNeighboursLive(t *testing.T) {
	turn.Steps(t)
	neighbour, address := ownersContainer(t)
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN say before;eat 400\nCMD [\"probe\"]\n"})
	a.request.Limits.Memory = 64 << 20
	e, log := a.refused("build_out_of_memory")
	contains(t, e.Message, "64 MB of memory")
	contains(t, log, "  before", ">   2 | RUN say before;eat 400")
	alive(t, neighbour, address)
	nothingStays(t)
	a.request.Limits.Memory = 0
	a.mustBuild() // what was too much then is enough with more
}

func TestA37_AForkBombInAStepIsStoppedAndNeighboursLive(t *testing.T) {
	turn.Steps(t)
	neighbour, address := ownersContainer(t)
	a := newApp(t, map[string]string{"Dockerfile": "FROM " + base + "\nRUN bomb\nCMD [\"probe\"]\n"})
	a.request.Limits.PIDs = 60
	e, _ := a.refused("build_processes")
	contains(t, e.Message, "60 processes")
	alive(t, neighbour, address)
	until(t, "the step's processes end", func() bool { return !running(t, "bomb") })
	nothingStays(t)
}

func alive(t *testing.T, id, address string) {
	t.Helper()
	if !reaches(address + ":5432") {
		t.Error("the neighbour does not answer any more")
	}
	found, err := shared.engine.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
	if err != nil || !found.Container.State.Running {
		t.Errorf("the neighbour does not run any more: %v", err)
	}
}

// nothingStays looks for control groups of builds, and for limits on the engine's own.
func nothingStays(t *testing.T) {
	t.Helper()
	const root = "/sys/fs/cgroup"
	for _, pattern := range []string{root + "/lugsail-dftest-build-*", root + "/*/lugsail-dftest-build-*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("control groups stay: %v", left)
		}
	}
	for file, free := range map[string]string{"/pids/docker/buildkit/pids.max": "max", "/docker/buildkit/pids.max": "max"} {
		if text, err := os.ReadFile(root + file); err == nil && strings.TrimSpace(string(text)) != free {
			t.Errorf("%s is %s", file, text)
		}
	}
}
