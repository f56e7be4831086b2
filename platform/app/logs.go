package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// follows is how many lines a replica that begins to be followed may have written already. They
// are told, but for those that were.
const follows = 1000

// logFollower follows all replicas of an app, those that come later too.
type logFollower struct {
	service  *Service
	options  LogOptions
	fn       func(platform.LogLine) error
	mu       sync.Mutex // fn and hide are called by one at a time
	hide     func(string) string
	followed map[string]bool
	last     map[string]time.Time // of the lines that were told before following began, by replica
	tasks    sync.WaitGroup
	failed   error
}

func (f *logFollower) run(ctx context.Context, app platform.App) error {
	ctx, cancel := context.WithCancel(ctx)
	defer f.tasks.Wait()
	defer cancel()
	again := time.NewTicker(2 * time.Second) // replicas that come back without a deployment
	defer again.Stop()
	tail, news := 0, true
	from, err := f.service.readNotes(ctx, app.ID, 0, func(platform.LogLine) error { return nil })
	if err != nil {
		return unlessGone(ctx, err)
	}
	if err := f.renew(ctx, app.ID); err != nil {
		return err
	}
	f.followNotes(ctx, cancel, app.ID, from)
	if f.options.Tail > 0 {
		if f.last, err = f.service.readLogs(ctx, app, f.options, f.hidden, f.tell); err != nil {
			return unlessGone(ctx, err)
		}
		tail = follows
	}
	for {
		changed := f.service.Changes.Changed(app.ID)
		if news {
			if err := f.renew(ctx, app.ID); err != nil {
				return err
			}
		}
		if err := f.join(ctx, cancel, app.ID, tail); err != nil {
			return err
		}
		tail = follows
		select {
		case <-ctx.Done():
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.failed
		case <-changed:
			news = true
		case <-again.C:
			news = false
		}
	}
}

// renew learns the values that must not be shown: they may be others than a moment ago.
func (f *logFollower) renew(ctx context.Context, appID string) error {
	hide, err := f.service.hider(ctx, appID)
	if err != nil {
		return unlessGone(ctx, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hide = hide
	return nil
}

// join begins to follow the replicas that are not followed yet.
func (f *logFollower) join(ctx context.Context, cancel func(), appID string, tail int) error {
	writers, err := f.service.writers(ctx, appID)
	if err != nil {
		return unlessGone(ctx, err)
	}
	for _, r := range writers {
		if f.followed[r.id] || !f.options.wants(r) {
			continue
		}
		f.followed[r.id] = true
		f.tasks.Go(func() {
			if err := f.service.Engine.Logs(ctx, r.id, tail, true, f.since(r.id)); err != nil && ctx.Err() == nil {
				slog.InfoContext(ctx, "log of a replica ended", "replica", r.id, "error", err)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.failed != nil {
				cancel()
			}
		})
	}
	return nil
}

// unlessGone leaves out the error of a follower that has gone.
func unlessGone(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// since tells a replica's lines without those that were told before following began.
func (f *logFollower) since(id string) func(platform.LogLine) error {
	last, again := f.last[id]
	return func(l platform.LogLine) error {
		if again && !l.At.After(last) {
			again = !l.At.Equal(last) // not by the order of time alone: the clock may be set back
			return nil
		}
		again = false
		return f.tell(l)
	}
}

func (f *logFollower) tell(line platform.LogLine) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	if line.Text = f.hide(line.Text); f.options.found(line.Text) {
		f.failed = f.fn(line)
	}
	return f.failed
}

// hidden hides by what is known at this moment.
func (f *logFollower) hidden(text string) string {
	f.mu.Lock()
	hide := f.hide
	f.mu.Unlock()
	return hide(text)
}
