package run_test

import (
	"slices"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

func TestCommand_StartsAsTheImageWantsIt(t *testing.T) {
	buildpacks := platform.Release{Processes: []platform.Process{{Type: "web", Entrypoint: []string{"/cnb/process/web"}}}}
	plain := platform.Release{Processes: []platform.Process{{Type: "web"}, {Type: "worker", Entrypoint: []string{"/entrypoint"}, Args: []string{"./work"}}}}
	for name, c := range map[string]struct {
		release          platform.Release
		words            []string
		entrypoint, args []string
	}{
		"buildpacks":          {buildpacks, []string{"node", "x.js"}, []string{"/cnb/lifecycle/launcher"}, []string{"--", "node", "x.js"}},
		"a line":              {buildpacks, []string{"npm run a && npm run b"}, []string{"/cnb/lifecycle/launcher"}, []string{"--", "sh", "-c", "npm run a && npm run b"}},
		"Dockerfile":          {plain, []string{"ls", "-l", "a b"}, []string{"ls"}, []string{"-l", "a b"}},
		"a line, Dockerfile":  {plain, []string{"echo $HOME"}, []string{"sh"}, []string{"-c", "echo $HOME"}},
		"one word":            {plain, []string{"env"}, []string{"env"}, nil},
		"A08 shell as a word": {plain, []string{"echo", "a; touch /tmp/canary"}, []string{"echo"}, []string{"a; touch /tmp/canary"}},
	} {
		entrypoint, args := run.Command(c.release, c.words)
		if !slices.Equal(entrypoint, c.entrypoint) || !slices.Equal(args, c.args) {
			t.Errorf("%s: %q %q, want %q %q", name, entrypoint, args, c.entrypoint, c.args)
		}
	}
}

func TestWanted_TheReleaseCommandIsNoReplica(t *testing.T) {
	r := platform.Release{Processes: []platform.Process{{Type: "release"}, {Type: "worker"}, {Type: "web"}}}
	got := run.Wanted(r, platform.Scale{"release": 3, "worker": 2})
	if len(got) != 3 || got[0].Name() != "web.1" || got[2].Name() != "worker.2" {
		t.Errorf("%v", got)
	}
}
