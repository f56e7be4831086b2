package gitserver

import (
	"context"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// whileAllowed gives a context that ends when whoever asked may no longer, because the token was
// revoked, the account lost a right or the app is gone. Its cause says which. Call stop at the end.
func (s *Server) whileAllowed(ctx context.Context, allowed func(context.Context) error) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(s.cfg.Recheck)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := allowed(ctx); refusal(err) {
				cancel(err)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// refusal reports whether an error is an answer, and not the trouble of finding one. Of tokens,
// only wrong ones are throttled.
func refusal(err error) bool {
	for _, kind := range []platform.Kind{platform.Unauthenticated, platform.Forbidden, platform.NotFound, platform.TooMany} {
		if platform.IsKind(err, kind) {
			return true
		}
	}
	return false
}
