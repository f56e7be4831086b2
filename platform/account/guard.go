package account

import (
	"context"
	"fmt"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// GuardTime is how long an owner may go on with a password alone, from the first sign-in on.
const GuardTime = 7 * 24 * time.Hour

// Guards remembers since when an owner is asked for more than a password. A second factor or a passkey ends
// that; should it go again, the time begins anew.
type Guards interface {
	// GuardAskedSince gives that time; it is now for an account that was not asked yet.
	GuardAskedSince(ctx context.Context, accountID string, now time.Time) (time.Time, error)
}

// GuardOf tells whether an owner who came by a browser still has to set up a second factor or a passkey. Tokens
// are asked for nothing: what they drive must not stop.
func (s *Service) GuardOf(ctx context.Context, actor platform.Actor) (platform.Guard, error) {
	if actor.Role != platform.RoleOwner || actor.Scopes != nil || actor.AccountID == "" {
		return platform.Guard{}, nil
	}
	factor, err := s.factor(ctx, actor.AccountID)
	if err != nil || factor.On() {
		return platform.Guard{}, err
	}
	keys, err := s.Store.PasskeysOf(ctx, actor.AccountID)
	if err != nil {
		return platform.Guard{}, fmt.Errorf("counting the passkeys: %w", err)
	}
	if len(keys) > 0 {
		return platform.Guard{}, nil
	}
	now := s.now()
	since, err := s.Store.GuardAskedSince(ctx, actor.AccountID, now)
	if err != nil {
		return platform.Guard{}, fmt.Errorf("reading since when a second factor is asked for: %w", err)
	}
	if since.After(now) {
		since = now // the clock was ahead
	}
	due := since.Add(GuardTime)
	return platform.Guard{Due: due, Over: !now.Before(due)}, nil
}
