package gitserver

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// follow hands the deployment's log to the pusher. In quiet times a line now and then
// shows that it goes on, and with what; it also keeps every proxy on the way from giving up. A pusher whose
// token is revoked hears no more; the deployment goes on.
func (a arrival) follow(ctx context.Context, d platform.Deployment) (platform.Deployment, error) {
	var mu sync.Mutex // one line at a time
	newest, start := "", time.Now()
	quiet := time.NewTicker(a.cfg.Quiet)
	defer quiet.Stop()
	done := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-quiet.C:
				mu.Lock()
				a.say(stillAtWork(newest, time.Since(start)))
				mu.Unlock()
			}
		}
	})
	allowed, stop := a.whileAllowed(ctx, a.push.allowed)
	defer stop()
	ended, err := a.work.Follow(allowed, d.ID, func(line string) error {
		mu.Lock()
		defer mu.Unlock()
		quiet.Reset(a.cfg.Quiet)
		if strings.TrimSpace(line) != "" {
			newest = line
		}
		a.say(line)
		return nil
	})
	close(done)
	ticking.Wait()
	if refused := context.Cause(allowed); err != nil && refused != nil && ctx.Err() == nil {
		err = refused
	}
	return ended, err
}

// stillAtWork names the newest line of the log: in quiet times that is what takes so long.
func stillAtWork(newest string, since time.Duration) string {
	text := fmt.Sprintf("… still at work after %s", since.Round(time.Second))
	if newest == "" {
		return text
	}
	return text + ": " + cut(clean(strings.TrimSpace(newest)), 80)
}
