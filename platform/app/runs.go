package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	sweepEvery = 10 * time.Second
	keepEnded  = time.Hour // a run that went on by itself, for its log

	// What is kept at most of such ones that have ended: each is a container with its log.
	maxEndedOfApp = 20
	maxEnded      = 100
)

// Runs gives the commands that run in containers of their own, and those that went on by
// themselves and have ended within the hour.
func (s *Service) Runs(ctx context.Context, actor platform.Actor, name string) ([]platform.Run, error) {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return nil, err
	}
	return s.Conductor.Replicas.Commands.Runs(ctx, app.ID)
}

// StopRun ends a command: SIGTERM, after 10 seconds SIGKILL.
func (s *Service) StopRun(ctx context.Context, actor platform.Actor, name, runName string) error {
	app, err := s.find(ctx, actor, name, platform.ActionRun)
	if err != nil {
		return err
	}
	runs, err := s.Conductor.Replicas.Commands.Runs(ctx, app.ID)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.Name != runName || r.Kind != platform.RunCommand {
			continue
		}
		if _, err := s.Conductor.Replicas.Commands.End(ctx, r.ID, endGrace); err != nil {
			return err
		}
		s.event(ctx, actor, app, "run.stopped", fmt.Sprintf("%s was stopped", r.Name))
		return nil
	}
	return platform.Errorf(platform.NotFound, "run_not_found", "%s has no run %.40q.", app.Name, runName).WithHint("See what runs: lugsail ps")
}

func (s *Service) attach(run string) {
	s.commands.mu.Lock()
	defer s.commands.mu.Unlock()
	if s.commands.attached == nil {
		s.commands.attached = map[string]bool{}
	}
	s.commands.attached[run] = true
}

func (s *Service) detach(run string) {
	s.commands.mu.Lock()
	defer s.commands.mu.Unlock()
	delete(s.commands.attached, run)
}

func (s *Service) isAttached(run string) bool {
	s.commands.mu.Lock()
	defer s.commands.mu.Unlock()
	return s.commands.attached[run]
}

// RunCommands ends what a crash has left of commands, and those whose time is up, until ctx ends.
func (s *Service) RunCommands(ctx context.Context) error {
	swept := &sweep{service: s, since: s.Now(), told: map[string]bool{}}
	again := time.NewTicker(sweepEvery)
	defer again.Stop()
	for {
		if err := swept.once(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "commands not looked at", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

// sweep remembers between two looks.
type sweep struct {
	service *Service
	since   time.Time       // when it began
	execs   bool            // what was left in replicas has ended
	began   bool            // the first look is over: ends from now on are news
	told    map[string]bool // ids of runs whose end is in the app's log
}

func (w *sweep) once(ctx context.Context) error {
	commands := w.service.Conductor.Replicas.Commands
	if !w.execs {
		if _, err := commands.EndExecs(ctx); err != nil {
			return fmt.Errorf("ending commands in replicas: %w", err)
		}
		w.execs = true
	}
	runs, err := commands.Runs(ctx, "")
	if err != nil {
		return err
	}
	var errs []error
	var ended []platform.Run
	for _, r := range runs {
		if why, end := w.judge(ctx, r); end {
			errs = append(errs, w.end(ctx, r, why))
		} else if r.Kind == platform.RunCommand && !r.Attached && r.State == platform.ReplicaExited {
			ended = append(ended, r)
		}
	}
	for _, r := range surplus(ended) {
		errs = append(errs, w.end(ctx, r, ""))
	}
	w.began = true
	return errors.Join(errs...)
}

// surplus gives the oldest of the runs that have ended, beyond what is kept.
func surplus(ended []platform.Run) (over []platform.Run) {
	slices.SortFunc(ended, func(a, b platform.Run) int { return b.EndedAt.Compare(a.EndedAt) })
	kept, ofApp := 0, map[string]int{}
	for _, r := range ended {
		if kept >= maxEnded || ofApp[r.AppID] >= maxEndedOfApp {
			over = append(over, r)
			continue
		}
		kept++
		ofApp[r.AppID]++
	}
	return over
}

// judge tells whether a run must go, and why; "" is nobody's news.
func (w *sweep) judge(ctx context.Context, r platform.Run) (why string, end bool) {
	now := w.service.Now()
	switch {
	case r.Kind == platform.RunRelease:
		d, err := w.service.History.DeploymentByID(ctx, r.Deployment)
		return "", platform.IsKind(err, platform.NotFound) || err == nil && d.State.Ended()
	case w.leaving(ctx, r.AppID):
		return "its app was removed", true
	case r.Attached && !w.service.isAttached(r.Name):
		return "its connection was lost, because Lugsail was restarted", true
	case r.State == platform.ReplicaCreated && r.CreatedAt.Before(w.since): // it would take a seat until its time is up
		return "Lugsail was restarted before it began", true
	case r.State != platform.ReplicaExited && !r.Until.IsZero() && now.After(r.Until):
		return "its 24 hours are over", true
	case r.Attached || r.State != platform.ReplicaExited:
		return "", false
	}
	w.tell(r)
	return "", now.Sub(r.EndedAt) > keepEnded
}

// leaving reports whether an app is not to run anything any more.
func (w *sweep) leaving(ctx context.Context, appID string) bool {
	app, err := w.service.Store.AppByID(ctx, appID)
	return platform.IsKind(err, platform.NotFound) || err == nil && app.State != platform.AppActive
}

// tell writes down how a run that went on by itself has ended.
func (w *sweep) tell(r platform.Run) {
	if w.told[r.ID] {
		return
	}
	w.told[r.ID] = true
	switch {
	case !w.began: // before the start of this Lugsail, perhaps told then
	case r.OutOfMemory:
		w.service.note(r.AppID, "%s ran out of memory", r.Name)
	default:
		w.service.note(r.AppID, "%s ended with exit code %d", r.Name, r.ExitCode)
	}
}

func (w *sweep) end(ctx context.Context, r platform.Run, why string) error {
	if why != "" {
		w.service.note(r.AppID, "%s is ended: %s", r.Name, why)
	}
	delete(w.told, r.ID)
	_, err := w.service.Conductor.Replicas.Commands.End(ctx, r.ID, endGrace)
	return err
}

// note writes a line of Lugsail's own into the app's log.
func (s *Service) note(appID, format string, args ...any) { s.Conductor.Note(appID, format, args...) }
