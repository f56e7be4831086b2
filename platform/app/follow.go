package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Progress is one thing that a deployment has written down: a line of its log, or a changed state.
type Progress struct {
	Offset     int64                // where the next line begins; resume from here
	Line       string               // with its time in front; "" when Deployment is set
	Deployment *platform.Deployment // with steps, after a change; nil for a line
}

// FollowDeployment gives the log from an offset on, and every change of state, until the deployment has ended.
func (s *Service) FollowDeployment(ctx context.Context, actor platform.Actor, name string, number int, from int64, fn func(Progress) error) (platform.Deployment, error) {
	d, err := s.Deployment(ctx, actor, name, number)
	if err != nil {
		return d, err
	}
	return s.follow(ctx, d, from, fn)
}

// DeploymentLog gives what a deployment has written so far.
func (s *Service) DeploymentLog(ctx context.Context, actor platform.Actor, name string, number int, fn func(line string) error) error {
	d, err := s.Deployment(ctx, actor, name, number)
	if err != nil {
		return err
	}
	return s.Progress.Follow(ctx, d.ID, 0, func(_ int64, line string) error { return fn(line) }, func() bool { return true })
}

// follow reads the log while another goroutine watches the state. When that one is through it
// stops the reading, and what was written until then is read to its end.
func (s *Service) follow(ctx context.Context, d platform.Deployment, from int64, fn func(Progress) error) (platform.Deployment, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex // fn is called by one at a time
	tell := func(p Progress) error {
		mu.Lock()
		defer mu.Unlock()
		return fn(p)
	}
	line := func(offset int64, line string) error {
		from = offset
		return tell(Progress{Offset: offset, Line: line})
	}
	id, state := d.ID, make(chan error, 1)
	go func() {
		state <- s.followState(reading, &d, tell)
		stop()
	}()
	err := s.Progress.Follow(reading, id, from, line, func() bool { return false })
	ended := reading.Err() != nil && ctx.Err() == nil // not because of a line that was not taken
	stop()
	if stateErr := <-state; stateErr != nil && !errors.Is(stateErr, context.Canceled) {
		return d, stateErr
	}
	if ended {
		err = s.Progress.Follow(ctx, id, from, line, func() bool { return true })
	}
	return d, err
}

// followState tells of each change until the deployment has ended or is gone with its app.
func (s *Service) followState(ctx context.Context, d *platform.Deployment, tell func(Progress) error) error {
	for first := true; ; first = false {
		changed := s.Changes.Changed(d.AppID)
		now, err := s.History.DeploymentByNumber(ctx, d.AppID, d.Number)
		if platform.IsKind(err, platform.NotFound) && d.Kind == platform.DeployDestroy {
			d.State = platform.DeploymentLive // the app and its rows are gone: it has succeeded
			return tell(Progress{Deployment: d})
		}
		if err != nil {
			return fmt.Errorf("reading the deployment: %w", err)
		}
		if app, err := s.Store.AppByID(ctx, d.AppID); err == nil { // else it is gone with its app
			now.Serves = now.ServesIn(app)
		}
		if first || now.State != d.State || !slices.Equal(stepStates(now), stepStates(*d)) {
			*d = now
			if err := tell(Progress{Deployment: &now}); err != nil {
				return err
			}
		}
		if d.State.Ended() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func stepStates(d platform.Deployment) []platform.StepState {
	states := make([]platform.StepState, len(d.Steps))
	for i, step := range d.Steps {
		states[i] = step.State
	}
	return states
}

// LogOptions choose what of an app's output is wanted.
type LogOptions struct {
	Process  string // "" means all; "web", "web.1", "run" or "lugsail" narrows
	Release  int    // 0 means all
	Contains string // only lines with this in them, in whatever case; looked for in the newest lines
	Tail     int    // lines of each replica to begin with
	Follow   bool
}

// searched is how many lines of each writer are looked through for what they shall contain.
const searched = 10_000

// Logs gives what the app's replicas write, without the values of its config vars: who may read
// logs may not see those. Following goes on with new replicas until ctx ends.
func (s *Service) Logs(ctx context.Context, actor platform.Actor, name string, o LogOptions, fn func(platform.LogLine) error) error {
	app, err := s.find(ctx, actor, name, platform.ActionRead)
	if err != nil {
		return err
	}
	if !o.Follow {
		hide, err := s.hider(ctx, app.ID)
		if err != nil {
			return err
		}
		_, err = s.readLogs(ctx, app, o, hide, fn)
		return err
	}
	f := &logFollower{service: s, options: o, fn: fn, followed: map[string]bool{}}
	return f.run(ctx, app)
}

// hider gives what takes secret values out of an app's output. Where they are not known, nothing of it is shown.
func (s *Service) hider(ctx context.Context, appID string) (func(string) string, error) {
	if s.Hide == nil {
		return func(line string) string { return line }, nil
	}
	hide, err := s.Hide(ctx, appID)
	if err != nil {
		return nil, platform.Errorf(platform.Unavailable, "output_held_back", "The app's output is held back: the secret values that it must not show could not be read just now.").
			WithHint("The app itself goes on. Try again in a moment; if it stays so, the server's log says why: lugsail service logs").Because(err)
	}
	return hide, nil
}

// readLogs gives the newest lines of all replicas, and the last ones of those that are gone, in the order of time, and for each replica that
// has written the time of its last line. What lines contain is looked for in what is shown of them:
// nobody learns of a secret value by searching for it.
func (s *Service) readLogs(ctx context.Context, app platform.App, o LogOptions, hide func(string) string, fn func(platform.LogLine) error) (map[string]time.Time, error) {
	writers, err := s.writers(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	held, last, tail := newest{most: o.Tail}, map[string]time.Time{}, o.Tail
	add := held.add
	if o.Contains != "" {
		tail = searched
		add = func(l platform.LogLine) error {
			if l.Text = hide(l.Text); !o.found(l.Text) {
				return nil
			}
			return held.add(l)
		}
	}
	_, err = s.readNotes(ctx, app.ID, 0, func(l platform.LogLine) error {
		if !o.wantsLine(l) {
			return nil
		}
		return add(l)
	})
	if err != nil {
		return nil, err
	}
	for _, r := range writers {
		if !o.wants(r) {
			continue
		}
		err := s.Engine.Logs(ctx, r.id, tail, false, func(l platform.LogLine) error {
			last[r.id] = l.At
			return add(l)
		})
		if err != nil && !platform.IsKind(err, platform.NotFound) {
			return nil, err
		}
	}
	held.cut()
	for _, l := range held.lines {
		l.Text = hide(l.Text)
		if err := fn(l); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// heldBytes is how much of an app's output is held in memory at once, about.
const heldBytes = 8 << 20

// newest keeps the youngest lines of several replicas.
type newest struct {
	most  int // lines; 0 means as many as heldBytes allow
	lines []platform.LogLine
	added int // bytes since the last cut
}

func (n *newest) add(l platform.LogLine) error {
	n.lines = append(n.lines, l)
	if n.added += len(l.Text); n.added > heldBytes {
		n.cut()
	}
	return nil
}

// cut sorts by time and drops the oldest lines beyond the limits.
func (n *newest) cut() {
	slices.SortStableFunc(n.lines, func(a, b platform.LogLine) int { return a.At.Compare(b.At) })
	first, bytes := len(n.lines), 0
	for first > 0 && (n.most == 0 || len(n.lines)-first < n.most) && bytes+len(n.lines[first-1].Text) <= heldBytes {
		first--
		bytes += len(n.lines[first].Text)
	}
	n.lines, n.added = slices.Delete(n.lines, 0, first), 0
}

func (o LogOptions) wants(w writer) bool {
	return (o.Process == "" || o.Process == w.process || o.Process == w.name) && (o.Release == 0 || o.Release == w.release)
}

// found tells whether a line contains what is looked for.
func (o LogOptions) found(text string) bool {
	return o.Contains == "" || strings.Contains(strings.ToLower(text), strings.ToLower(o.Contains))
}
