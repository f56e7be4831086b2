package run

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// Commands runs commands once: in containers of their own, and in replicas.
type Commands interface {
	StartRun(ctx context.Context, spec platform.RunSpec) (platform.Run, platform.Terminal, error)
	RunByID(ctx context.Context, id string) (platform.Run, error)
	Runs(ctx context.Context, appID string) ([]platform.Run, error)
	End(ctx context.Context, id string, grace time.Duration) (killed bool, err error)
	Exec(ctx context.Context, id string, spec platform.ExecSpec) (platform.Terminal, error)
	EndExecs(ctx context.Context) (int, error)
}

// launcher starts programs in images made by buildpacks: without it they do not find node, for example.
const (
	launcher  = "/cnb/lifecycle/launcher"
	processes = "/cnb/process/"
)

// named runs a program by its name as a shell would: one that is not there is told in plain words, and ends with 127.
// The launcher alone tells it in its own, and ends with 82. Every image made by buildpacks has a shell.
const named = `command -v -- "$0" >/dev/null || { printf 'There is no program %s in the image of this app.\n' "$0" >&2; exit 127; }; exec "$0" "$@"`

// Command turns the words of a person into what starts them in the image of a release. One word
// with a space in it is a line for the shell of the container, as on Heroku.
func Command(r platform.Release, words []string) (entrypoint, args []string) {
	line := len(words) == 1 && strings.ContainsAny(words[0], " \t\n")
	if line {
		words = []string{"sh", "-c", words[0]}
	}
	for _, p := range r.Processes {
		if len(p.Entrypoint) > 0 && (strings.HasPrefix(p.Entrypoint[0], processes) || p.Entrypoint[0] == launcher) {
			if !line {
				words = append([]string{"sh", "-c", named}, words...)
			}
			return []string{launcher}, append([]string{"--"}, words...)
		}
	}
	return words[:1], words[1:]
}

// StartOnce starts a command in a container of its own, with the release's image, plan and config
// vars, bringing the image back when the engine has lost it. spec says all that the release does not.
func (s *Service) StartOnce(ctx context.Context, app platform.App, r platform.Release, spec platform.RunSpec) (platform.Run, platform.Terminal, error) {
	limits, err := plan.ByName(r.Plan)
	if err != nil {
		return platform.Run{}, nil, err
	}
	spec.AppID, spec.App, spec.Release, spec.Image, spec.Plan = app.ID, app.Name, r.Number, r.Image, limits
	spec.Env = s.environment(app, r, string(spec.Kind)+"."+spec.Name)
	if spec.TTY {
		spec.Env["TERM"] = "xterm-256color"
	}
	if spec.Mounts, err = s.mounts(ctx, app.ID); err != nil {
		return platform.Run{}, nil, err
	}
	spec.Env["LUGSAIL_MEMORY"] = fmt.Sprint(limits.Memory)
	if err := s.bind(ctx, app, spec.Env); err != nil {
		return platform.Run{}, nil, err
	}
	run, term, err := s.Commands.StartRun(ctx, spec)
	if e := platform.AsError(err); err != nil && e.Code == "image_missing" {
		if err := s.Images.Ensure(ctx, r.Image); err != nil {
			return platform.Run{}, nil, fmt.Errorf("bringing back the image of v%d: %w", r.Number, err)
		}
		run, term, err = s.Commands.StartRun(ctx, spec)
	}
	if err != nil {
		return platform.Run{}, nil, fmt.Errorf("starting a command: %w", err)
	}
	return run, term, nil
}

// AwaitEnd waits until a run has ended. Only a run that is gone, or the end of ctx, is an error.
func (s *Service) AwaitEnd(ctx context.Context, id string) (platform.Run, error) {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		run, err := s.Commands.RunByID(ctx, id)
		if platform.IsKind(err, platform.NotFound) || err == nil && run.State == platform.ReplicaExited {
			return run, err
		}
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-time.After(pause):
		}
	}
}
