package account

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/lugsail/lugsail/platform"
)

var errWrong = platform.Errorf(platform.Unauthenticated, "wrong_credentials", "The e-mail address or the password is wrong.").
	WithHint("Try again. If the password is lost, run on the server as root: lugsail recover.")

// Login checks a password and opens a session; its secret belongs into a cookie.
// Unauthenticated, code wrong_credentials; TooMany, code too_many_tries.
func (s *Service) Login(ctx context.Context, email, password, source, userAgent string) (secret string, err error) {
	account, err := s.authenticate(ctx, email, password, source)
	if err != nil {
		return "", err
	}
	secret, _, err = s.openSession(ctx, account, source, userAgent)
	if err != nil {
		return "", err
	}
	s.event(ctx, inBrowser(account, source), "session.create", account.Email+" signed in")
	return secret, nil
}

// authenticate takes the same way, as far as time can tell, for known and unknown addresses.
func (s *Service) authenticate(ctx context.Context, email, password, source string) (platform.Account, error) {
	normal, err := NormalEmail(email)
	if err != nil {
		normal = "" // nobody's
	}
	account, err := s.Store.AccountByEmail(ctx, normal)
	if err != nil && !platform.IsKind(err, platform.NotFound) {
		return account, fmt.Errorf("finding the account: %w", err)
	}
	rates, err := s.throttle(ctx, account.ID, normal, source)
	if err != nil {
		return account, err
	}
	try, err := s.limits.reserve(s.now(), rates)
	if err != nil {
		return account, err
	}
	ok, stale, err := s.Passwords.Verify(ctx, account.PasswordHash, password)
	if err != nil {
		try.giveBack()
		return account, fmt.Errorf("checking the password: %w", err)
	}
	if !ok || account.ID == "" {
		return platform.Account{}, errWrong
	}
	try.giveBack()
	if stale {
		s.rehash(ctx, account, password)
	}
	return account, nil
}

// throttle counts tries for the account from this network, of this network, and for the account from
// everywhere. The last is for many networks together, so that a stranger alone shuts nobody out, and
// does not count where a session of the account is.
func (s *Service) throttle(ctx context.Context, accountID, email, source string) (map[string]rate, error) {
	rates := map[string]rate{
		"account:" + email + " from " + network(source): pairRate,
		"account:" + email: accountRate,
		sourceKey(source):  sourceRate,
	}
	sessions, err := s.Store.SessionsOf(ctx, accountID)
	if err != nil {
		return nil, fmt.Errorf("reading the sessions: %w", err)
	}
	for _, session := range sessions {
		if source != "" && network(session.Source) == network(source) {
			delete(rates, "account:"+email)
		}
	}
	return rates, nil
}

func sourceKey(source string) string { return "source:" + network(source) }

// rehash brings an old hash up to today's cost. It may fail: the next login does it again.
func (s *Service) rehash(ctx context.Context, account platform.Account, password string) {
	hash, err := s.Passwords.Hash(ctx, password)
	if err == nil {
		_, err = s.Store.UpdateAccount(ctx, account.ID, func(a *platform.Account) error {
			if a.PasswordHash == account.PasswordHash {
				a.PasswordHash = hash
			}
			return nil
		})
	}
	if err != nil {
		slog.WarnContext(ctx, "password not rehashed", "account", account.ID, "error", err)
	}
}

// ChangePassword sets a new password, given the present one, and ends the person's other sessions.
func (s *Service) ChangePassword(ctx context.Context, actor platform.Actor, current, next string) error {
	if actor.AccountID == "" || actor.Scopes != nil {
		return platform.Errorf(platform.Forbidden, "not_allowed", "A token cannot change a password.").
			WithHint("Sign in to the console and change it there.")
	}
	account, err := s.authenticate(ctx, actor.Name, current, actor.Source)
	if err != nil {
		return err
	}
	if account.ID != actor.AccountID {
		return errWrong
	}
	if err := s.checkPassword(next, account.Email); err != nil {
		return err
	}
	hash, err := s.Passwords.Hash(ctx, next)
	if err != nil {
		return fmt.Errorf("hashing the password: %w", err)
	}
	if err := s.Store.SetPassword(ctx, account.ID, hash, actor.SessionID); err != nil {
		return fmt.Errorf("setting the password: %w", err)
	}
	s.event(ctx, actor, "account.password", account.Email+" changed the password")
	return nil
}
