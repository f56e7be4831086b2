package run_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/run"
)

var buildpacks = platform.Release{Processes: []platform.Process{{Type: "web", Entrypoint: []string{"/cnb/process/web"}}}}

func TestCommand_StartsAsTheImageWantsIt(t *testing.T) {
	_, args := run.Command(buildpacks, []string{"x"})
	named := args[3]
	plain := platform.Release{Processes: []platform.Process{{Type: "web"}, {Type: "worker", Entrypoint: []string{"/entrypoint"}, Args: []string{"./work"}}}}
	for name, c := range map[string]struct {
		release          platform.Release
		words            []string
		entrypoint, args []string
	}{
		"buildpacks":          {buildpacks, []string{"node", "x.js"}, []string{"/cnb/lifecycle/launcher"}, []string{"--", "sh", "-c", named, "node", "x.js"}},
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

// What the launcher of an image made by buildpacks is given is run here, by this machine's shell.
func TestCommand_AProgramThatIsNotThereIsToldPlainlyAndEndsWith127(t *testing.T) {
	for _, c := range []struct {
		words     []string
		out, errs string
		code      int
	}{
		{[]string{"nosuch", "-x"}, "", "There is no program nosuch in the image of this app.\n", 127},
		{[]string{"/nowhere/$(id)"}, "", "There is no program /nowhere/$(id) in the image of this app.\n", 127},
		{[]string{"-nosuch"}, "", "There is no program -nosuch in the image of this app.\n", 127},
		{[]string{"printf", "%s|", "a b", "$(id)", "", "-n"}, "a b|$(id)||-n|", "", 0},
		{[]string{"sh", "-c", "exit 82"}, "", "", 82},
	} {
		_, args := run.Command(buildpacks, c.words)
		var out, errs strings.Builder
		err := command.Command{Name: args[1], Args: args[2:], Stdout: &out, Stderr: &errs}.Run(t.Context())
		ended := &command.ExitError{}
		if errors.As(err, &ended); ended.Code != c.code || out.String() != c.out || errs.String() != c.errs {
			t.Errorf("%q: %v, %q %q, want %d %q %q", c.words, err, out.String(), errs.String(), c.code, c.out, c.errs)
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
