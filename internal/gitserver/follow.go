package gitserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// follow hands the deployment's log to the pusher. In quiet times a line now and then
// shows that it goes on; it also keeps every proxy on the way from giving up. A pusher whose
// token is revoked hears no more; the deployment goes on.
func (a arrival) follow(ctx context.Context, d platform.Deployment) (platform.Deployment, error) {
	var mu sync.Mutex // one line at a time
	start := time.Now()
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
				a.say(fmt.Sprintf("… still at work after %s", time.Since(start).Round(time.Second)))
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
