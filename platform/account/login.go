package account

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/lugsail/lugsail/platform"
)

var errWrong = platform.Errorf(platform.Unauthenticated, "wrong_credentials", "The e-mail address or the password is wrong.").
	WithHint("Try again. If the password is lost, run on the server as root: lugsail recover.")

// errNotThatPassword is for who is signed in, and is asked for the password once more.
var errNotThatPassword = platform.Errorf(platform.Unauthenticated, "wrong_password", "The current password is not right.").
	WithHint("Type the password that you sign in with now. If it is lost, run on the server as root: lugsail recover.")

// SignIn is how far somebody has come.
type SignIn struct {
	Session string // the new session's secret, which belongs into a cookie; "" while the second factor is missing
	Step    string // what EnterCode wants to see; "" when nothing is missing
}

// step is somebody whose password was right, and who has not given the code yet.
type step struct {
	accountID    string
	passwordHash string // when it changes in between, the step is over
}

var errStepOver = platform.Errorf(platform.Unauthenticated, "step_over", "Signing in took too long.").
	WithHint("Begin again with the password.")

// Login checks a password and, where the account has a second factor, a code, and opens a session; its
// secret belongs into a cookie. Unauthenticated, codes wrong_credentials, second_factor_needed and
// second_factor_wrong; TooMany, code too_many_tries.
func (s *Service) Login(ctx context.Context, email, password, code, source, userAgent string) (session string, err error) {
	account, err := s.authenticate(ctx, email, password, source)
	if err != nil {
		return "", err
	}
	return s.passCode(ctx, account, code, source, userAgent)
}

// EnterPassword is the first step of a person: in, or to the second one. Errors as of Login.
func (s *Service) EnterPassword(ctx context.Context, email, password, source, userAgent string) (SignIn, error) {
	account, err := s.authenticate(ctx, email, password, source)
	if err != nil {
		return SignIn{}, err
	}
	return s.firstStep(ctx, account, source, userAgent)
}

func (s *Service) firstStep(ctx context.Context, account platform.Account, source, userAgent string) (SignIn, error) {
	factor, err := s.factor(ctx, account.ID)
	if err != nil {
		return SignIn{}, err
	}
	if factor.On() {
		return SignIn{Step: s.steps.put(s.now(), step{account.ID, account.PasswordHash})}, nil
	}
	session, err := s.enter(ctx, account, source, userAgent, "")
	return SignIn{Session: session}, err
}

// StepOpen is nil while the second step can still be done; Unauthenticated, code step_over.
func (s *Service) StepOpen(secret string) error {
	if _, ok := s.steps.look(s.now(), secret); !ok {
		return errStepOver
	}
	return nil
}

// EnterCode is the second step: a code of the phone or a recovery code. Unauthenticated, codes step_over and
// second_factor_wrong; TooMany, code too_many_tries.
func (s *Service) EnterCode(ctx context.Context, secret, code, source, userAgent string) (session string, err error) {
	begun, ok := s.steps.look(s.now(), secret)
	if !ok {
		return "", errStepOver
	}
	account, err := s.Store.AccountByID(ctx, begun.accountID)
	if platform.IsKind(err, platform.NotFound) || err == nil && account.PasswordHash != begun.passwordHash {
		return "", errStepOver
	}
	if err != nil {
		return "", fmt.Errorf("finding the account: %w", err)
	}
	session, err = s.passCode(ctx, account, code, source, userAgent)
	if err == nil {
		_, _ = s.steps.take(s.now(), secret) // two at once have given two codes
	}
	return session, err
}

// passCode lets in who has given the password, and a code where one is needed.
func (s *Service) passCode(ctx context.Context, account platform.Account, code, source, userAgent string) (session string, err error) {
	factor, err := s.factor(ctx, account.ID)
	if err != nil {
		return "", err
	}
	how := ""
	if factor.On() {
		recovery, err := s.checkCode(ctx, account, factor, code, source)
		if err != nil {
			return "", err
		}
		how = " with a code"
		if recovery {
			left, err := s.Store.RecoveryCodesLeft(ctx, account.ID)
			if err != nil {
				return "", fmt.Errorf("counting the recovery codes: %w", err)
			}
			how = fmt.Sprintf(" with a recovery code; %d are left", left)
		}
	}
	return s.enter(ctx, account, source, userAgent, how)
}

// enter opens the session of somebody who has proved enough.
func (s *Service) enter(ctx context.Context, account platform.Account, source, userAgent, how string) (session string, err error) {
	session, _, err = s.openSession(ctx, account, source, userAgent)
	if err != nil {
		return "", err
	}
	s.event(ctx, inBrowser(account, source), "session.create", account.Email+" signed in"+how)
	return session, nil
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
		account = s.rehash(ctx, account, password)
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
	known, err := s.knownSource(ctx, accountID, source)
	if known {
		delete(rates, "account:"+email)
	}
	return rates, err
}

// knownSource reports whether a session of the account was opened in the source's network.
func (s *Service) knownSource(ctx context.Context, accountID, source string) (bool, error) {
	sessions, err := s.Store.SessionsOf(ctx, accountID)
	if err != nil {
		return false, fmt.Errorf("reading the sessions: %w", err)
	}
	return source != "" && slices.ContainsFunc(sessions, func(session platform.Session) bool {
		return network(session.Source) == network(source)
	}), nil
}

func sourceKey(source string) string { return "source:" + network(source) }

// rehash brings an old hash up to today's cost. It may fail: the next login does it again.
func (s *Service) rehash(ctx context.Context, account platform.Account, password string) platform.Account {
	hash, err := s.Passwords.Hash(ctx, password)
	if err == nil {
		var fresh platform.Account
		fresh, err = s.Store.UpdateAccount(ctx, account.ID, func(a *platform.Account) error {
			if a.PasswordHash == account.PasswordHash {
				a.PasswordHash = hash
			}
			return nil
		})
		if err == nil {
			return fresh
		}
	}
	slog.WarnContext(ctx, "password not rehashed", "account", account.ID, "error", err)
	return account
}

// ChangePassword sets a new password, given the present one. All browsers of the person are signed out;
// session is a new one for the browser that asks.
func (s *Service) ChangePassword(ctx context.Context, actor platform.Actor, current, next string) (session string, err error) {
	if actor.AccountID == "" || actor.Scopes != nil {
		return "", platform.Errorf(platform.Forbidden, "not_allowed", "A token cannot change a password.").
			WithHint("Sign in to the console and change it there.")
	}
	account, err := s.provePassword(ctx, actor, current)
	if err != nil {
		return "", err
	}
	hash, err := s.newHash(ctx, next, account.Email)
	if err != nil {
		return "", err
	}
	session, err = s.anew(ctx, actor, func() error { return s.Store.SetPassword(ctx, account.ID, hash, "") })
	if err != nil {
		return "", fmt.Errorf("setting the password: %w", err)
	}
	s.event(ctx, actor, "account.password", account.Email+" changed the password")
	return session, nil
}
