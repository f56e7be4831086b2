package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// own is who Lugsail itself is among the writers of an app's log.
const own = "lugsail"

// noteTime is how a note's line begins.
const noteTime = "2006-01-02T15:04:05.000Z"

// writer is who writes into an app's log: a replica, or a run that goes on by itself.
type writer struct {
	id      string // the engine's
	process string // "web", "run"
	name    string // "web.1", "run.k3f9"
	release int    // 0 for a run
}

func (o LogOptions) wantsOwn() bool { return (o.Process == "" || o.Process == own) && o.Release == 0 }

// wantsLine decides about a line of the app's own log.
func (o LogOptions) wantsLine(l platform.LogLine) bool {
	if l.Replica == own {
		return o.wantsOwn()
	}
	process, _, _ := strings.Cut(l.Replica, ".")
	return o.wants(writer{process: process, name: l.Replica, release: l.Release})
}

// writers gives those whose output the engine has.
func (s *Service) writers(ctx context.Context, appID string) ([]writer, error) {
	replicas, err := s.Engine.Replicas(ctx, appID)
	if err != nil {
		return nil, err
	}
	var found []writer
	for _, r := range replicas {
		found = append(found, writer{r.ID, r.Process, fmt.Sprintf("%s.%d", r.Process, r.Index), r.Release})
	}
	if s.Conductor.Replicas == nil || s.Conductor.Replicas.Commands == nil {
		return found, nil
	}
	runs, err := s.Conductor.Replicas.Commands.Runs(ctx, appID)
	for _, r := range runs {
		if r.Kind == platform.RunCommand && !r.Attached { // what is attached is told to its person alone
			found = append(found, writer{r.ID, string(r.Kind), r.Name, 0})
		}
	}
	return found, err
}

// readNotes gives what Lugsail wrote into an app's log from an offset on, and where that ends.
func (s *Service) readNotes(ctx context.Context, appID string, from int64, fn func(platform.LogLine) error) (int64, error) {
	err := s.Progress.Follow(ctx, platform.AppLog(appID), from, func(offset int64, line string) error {
		from = offset
		return fn(noteOf(line))
	}, func() bool { return true })
	if err != nil {
		return from, fmt.Errorf("reading the app's log: %w", err)
	}
	return from, nil
}

// noteOf reads a line of an app's own log: Lugsail's, or one of the last of a replica that is gone.
func noteOf(line string) platform.LogLine {
	stamp, text, _ := strings.Cut(line, " ")
	at, err := time.Parse(noteTime, stamp)
	if err != nil {
		text = line
	}
	if kept, ok := platform.ParseKeptLine(text); ok {
		return kept
	}
	return platform.LogLine{At: at, Replica: own, Stream: "stdout", Text: text}
}

// followNotes tells of what Lugsail writes from an offset on.
func (f *logFollower) followNotes(ctx context.Context, cancel func(), appID string, from int64) {
	if !f.options.wantsOwn() {
		return
	}
	f.tasks.Go(func() {
		err := f.service.Progress.Follow(ctx, platform.AppLog(appID), from, func(_ int64, line string) error {
			if note := noteOf(line); note.Replica == own { // what replicas wrote was told while they ran
				return f.tell(note)
			}
			return nil
		}, func() bool { return false })
		if err != nil && ctx.Err() == nil {
			slog.InfoContext(ctx, "the app's log ended", "app", appID, "error", err)
			cancel()
		}
	})
}
