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

// refusal reports whether an error is an answer, and not the trouble of finding one.
func refusal(err error) bool {
	return platform.IsKind(err, platform.Unauthenticated) || platform.IsKind(err, platform.Forbidden) || platform.IsKind(err, platform.NotFound)
}
