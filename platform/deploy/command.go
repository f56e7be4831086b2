package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

const (
	commandTime  = 30 * time.Minute // that a release command has
	commandGrace = 10 * time.Second // that one has to end when it must
)

// releaseCommand runs what the Procfile names release, once: in a container of its own with the new
// release, before anything of it serves. What had begun before a crash of the server is found by its
// label; a recorded end is not repeated.
func (w *walk) releaseCommand(ctx context.Context) error {
	p, ok := w.release.Process(platform.ReleaseProcess)
	if !ok || w.d.Kind.KeepsRelease() || w.d.Kind.BringsData() { // it ran when the release was made
		return nil
	}
	if w.d.Kind == platform.DeployRollback { // what serves must come back though, say, its migrations do not run any more
		w.say("Release command: not run when rolling back. To run it: lugsail run %q", p.Command)
		return nil
	}
	for _, step := range w.d.Steps {
		if step.Name == platform.StepCommand && step.State == platform.StepDone {
			return nil
		}
	}
	err := w.do(ctx, platform.StepCommand, func(ctx context.Context) (string, error) { return w.runCommand(ctx, p) })
	if w.c.base.Err() == nil {
		w.c.clearCommands(w.d) // not before its end is recorded
	}
	return err
}

func (w *walk) runCommand(ctx context.Context, p platform.Process) (string, error) {
	run, found, err := w.ownCommand(ctx)
	if err != nil {
		return "", err
	}
	if found {
		w.say("Release command: it went on meanwhile")
	} else if run, err = w.startCommand(ctx, p); err != nil {
		return "", err
	}
	within, cancel := context.WithDeadlineCause(ctx, run.Until, errCommandTime)
	defer cancel()
	w.followCommand(within, run)
	run, err = w.c.Replicas.AwaitEnd(within, run.ID)
	switch {
	case errors.Is(context.Cause(within), errCommandTime):
		return "", platform.Errorf(platform.Conflict, "release_command_too_long", "The release command was still running after %s, and was stopped.", minutes(w.c.commandTime())).
			WithHint("Start long work by itself instead: lugsail run --detach %q", p.Command)
	case platform.IsKind(err, platform.NotFound):
		return "", platform.Errorf(platform.Conflict, "release_command_gone", "The release command's container was removed from outside, so nobody knows whether it did its work.").
			WithHint("Look what it has done, then deploy again.")
	case err != nil:
		return "", err
	}
	return commandEnd(run, w.release.Plan)
}

var errCommandTime = errors.New("the time of the release command is over")

func commandEnd(run platform.Run, planName string) (string, error) {
	switch {
	case run.OutOfMemory:
		size := "memory"
		if p, err := plan.ByName(planName); err == nil {
			size = plan.Bytes(p.Memory)
		}
		return "", platform.Errorf(platform.Conflict, "release_command_out_of_memory", "The release command ran out of its %s.", size).
			WithHint("Choose a larger plan: lugsail scale --plan small. Or make the command need less.")
	case run.ExitCode == 127:
		return "", platform.Errorf(platform.Conflict, "release_command_failed", "The release command was not found (exit code 127).").
			WithHint("Its program must be in the image. The line \"release:\" of the Procfile names it.")
	case run.ExitCode != 0:
		return "", platform.Errorf(platform.Conflict, "release_command_failed", "The release command ended with exit code %d.", run.ExitCode).
			WithHint("Its last lines in the log say why. Nothing of the new release was started.")
	}
	return fmt.Sprintf("took %.1f s", run.EndedAt.Sub(run.StartedAt).Seconds()), nil
}

// ownCommand finds the release command that this deployment began before a crash, and ends those of
// others: there is one at a time.
func (w *walk) ownCommand(ctx context.Context) (own platform.Run, found bool, err error) {
	runs, err := w.c.Replicas.Commands.Runs(ctx, w.app.ID)
	if err != nil {
		return own, false, fmt.Errorf("looking for release commands: %w", err)
	}
	for _, r := range runs {
		switch {
		case r.Kind != platform.RunRelease:
		case r.Deployment == w.d.ID && r.State != platform.ReplicaCreated:
			own, found = r, true
		default: // another's, or made and not started
			if _, err := w.c.Replicas.Commands.End(ctx, r.ID, commandGrace); err != nil {
				return own, false, fmt.Errorf("ending another release command: %w", err)
			}
		}
	}
	return own, found, nil
}

func (w *walk) startCommand(ctx context.Context, p platform.Process) (platform.Run, error) {
	w.say("Release command: %s", p.Command)
	run, _, err := w.c.Replicas.StartOnce(ctx, w.app, w.release, platform.RunSpec{
		Name: platform.NewID()[1:6], Kind: platform.RunRelease, Deployment: w.d.ID, By: w.d.Actor,
		Entrypoint: p.Entrypoint, Args: p.Args, Until: w.c.now().Add(w.c.commandTime()),
	})
	return run, err
}

func (c *Conductor) commandTime() time.Duration { return orDefault(c.CommandTime, commandTime) }

// followCommand writes down what the command says, to its end.
func (w *walk) followCommand(ctx context.Context, run platform.Run) {
	err := w.c.Replicas.Inspector.Logs(ctx, run.ID, -1, true, func(line platform.LogLine) error {
		w.say("  release | %s", strings.TrimRight(line.Text, "\r"))
		return nil
	})
	if err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "output of a release command not read", "deployment", w.d.ID, "error", err)
	}
}

// clearCommands removes the containers of a deployment's release command, and ends it if it runs.
func (c *Conductor) clearCommands(d platform.Deployment) {
	if c.Replicas.Commands == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.base), time.Minute)
	defer cancel()
	runs, err := c.Replicas.Commands.Runs(ctx, d.AppID)
	for _, r := range runs {
		if r.Kind == platform.RunRelease && r.Deployment == d.ID {
			_, endErr := c.Replicas.Commands.End(ctx, r.ID, commandGrace)
			err = errors.Join(err, endErr)
		}
	}
	if err != nil {
		slog.WarnContext(ctx, "release command not removed", "deployment", d.ID, "error", err) // the sweep does it
	}
}

func minutes(d time.Duration) string {
	n, unit := d.Minutes(), "minute"
	if d < time.Minute {
		n, unit = d.Seconds(), "second"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%.0f %s", n, unit)
}
