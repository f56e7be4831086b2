package cnb

import (
	"context"
	"sync"
)

// early publishes an image while the build's container still goes down. What tells it to start is a line of
// the log, which code of the app can print too; so its work counts only when the build has ended well, and
// is compared then.
type early struct {
	once   sync.Once
	cancel context.CancelFunc
	work   func() (published, error)
	done   chan struct{}
	result published
	err    error
}

func newEarly(ctx context.Context, publish func(context.Context) (published, error)) *early {
	ctx, cancel := context.WithCancel(ctx)
	return &early{cancel: cancel, done: make(chan struct{}), work: func() (published, error) { return publish(ctx) }}
}

// start begins, unless it has begun.
func (e *early) start() {
	e.once.Do(func() {
		go func() {
			defer close(e.done)
			e.result, e.err = e.work()
		}()
	})
}

// wait starts if needed and gives the result. Of a build that failed nothing is wanted.
func (e *early) wait(wanted bool) (published, error) {
	defer e.cancel()
	if !wanted {
		e.cancel()
		e.once.Do(func() { close(e.done) })
		<-e.done
		return published{}, nil
	}
	e.start()
	<-e.done
	return e.result, e.err
}
