// Package account owns people, their passwords, sessions and tokens, the one-time links that
// make the first account or set a lost password, and the throttle that all doors share.
//
// What surprises:
//
//   - Nobody can sign up. The first account, an owner, is made with a link from the server.
//   - An unknown address takes as long and reads the same as a wrong password.
//   - Too many wrong passwords slow an address down, but not for a browser's network that was
//     signed in before, so that strangers cannot lock a person out; and never for good.
//   - A token that is right always passes; only wrong ones are throttled.
//   - A link is its id and a secret. Tries are counted for the id, which strangers do not know,
//     so they cannot use it up.
//   - Where the second factor is on, the right password opens nothing: it leads to a second step.
//     A passkey counts as both. No code is taken twice, and five wrong ones in five minutes are the most.
//   - An owner has seven days to set up a second factor or a passkey; then the console opens for nothing else.
//   - A change of the password or the second factor ends every session, the asking browser's too,
//     which gets a new one; tokens go on.
//   - Secrets leave once, as a return value; the store has SHA-256 hashes of them, and seals the
//     one that it must know itself, of the second factor.
package account

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Accounts keeps people.
type Accounts interface {
	AccountCount(ctx context.Context) (int, error)
	AccountByEmail(ctx context.Context, email string) (platform.Account, error)
	AccountByID(ctx context.Context, id string) (platform.Account, error)
	Owner(ctx context.Context) (platform.Account, error)
	SetPassword(ctx context.Context, accountID, hash, keepSessionID string) error
	UpdateAccount(ctx context.Context, id string, change func(*platform.Account) error) (platform.Account, error)
}

// Sessions keeps signed-in browsers.
type Sessions interface {
	CreateSession(ctx context.Context, session *platform.Session) error
	SessionByHash(ctx context.Context, hash string) (platform.Session, error)
	TouchSession(ctx context.Context, id string, seen time.Time) error
	DeleteSession(ctx context.Context, accountID, id string) error
	DeleteOtherSessions(ctx context.Context, accountID, keepID string) (ended int, err error)
	DeleteSessionsBefore(ctx context.Context, idle, created time.Time) error
	SessionsOf(ctx context.Context, accountID string) ([]platform.Session, error)
}

// Tokens keeps tokens.
type Tokens interface {
	CreateToken(ctx context.Context, token *platform.Token) error
	TokenByHash(ctx context.Context, hash string) (platform.Token, error)
	TouchToken(ctx context.Context, id string, used time.Time) error
	DeleteToken(ctx context.Context, accountID, id string) error
	TokensOf(ctx context.Context, accountID string) ([]platform.Token, error)
}

// Links keeps one-time links. The two Use methods are atomic: of many at once, one succeeds.
type Links interface {
	CreateSetupLink(ctx context.Context, link *platform.SetupLink) error
	SetupLinkByID(ctx context.Context, id string) (platform.SetupLink, error)
	CountTry(ctx context.Context, id string) (int, error)
	UseSetupLink(ctx context.Context, id string, account *platform.Account) error
	UseRecoverLink(ctx context.Context, id, passwordHash string, alone bool) (platform.Account, error)
}

// Events keeps what happened.
type Events interface {
	AppendEvent(ctx context.Context, event *platform.Event) error
}

// Store keeps all of it.
type Store interface {
	Accounts
	Sessions
	Tokens
	Keys
	SecondFactors
	Guards
	RecoveryCodes
	PasskeyStore
	Links
	Events
}

// Passwords hashes passwords, slowly on purpose.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	// Verify compares; an empty hash takes as long and is never right. stale says that the
	// hash should be made anew.
	Verify(ctx context.Context, hash, password string) (ok, stale bool, err error)
	// Common reports whether everybody would guess the password.
	Common(password string) bool
}

// Service knows who may come in. Make it with New.
type Service struct {
	Store     Store
	Passwords Passwords
	Codes     Codes
	Passkeys  Passkeys
	Now       func() time.Time

	limits     *limiter
	steps      *waiting[step]
	ceremonies *waiting[ceremony] // of people who are signed in
	asked      *waiting[ceremony] // of anybody: strangers crowd out nobody but each other
}

// New makes a Service on the real clock.
func New(store Store, passwords Passwords, codes Codes, passkeys Passkeys) *Service {
	return &Service{
		Store: store, Passwords: passwords, Codes: codes, Passkeys: passkeys, Now: time.Now,
		limits: newLimiter(), steps: newWaiting[step](), ceremonies: newWaiting[ceremony](), asked: newWaiting[ceremony](),
	}
}

// Claimed reports whether the server has its first account.
func (s *Service) Claimed(ctx context.Context) (bool, error) {
	n, err := s.Store.AccountCount(ctx)
	if err != nil {
		return false, fmt.Errorf("counting the accounts: %w", err)
	}
	return n > 0, nil
}

func (s *Service) now() time.Time { return s.Now().UTC() }

// event records what an actor did. The change itself stands whatever comes of the record.
func (s *Service) event(ctx context.Context, actor platform.Actor, action, text string) {
	err := s.Store.AppendEvent(context.WithoutCancel(ctx), &platform.Event{
		At: s.now(), Actor: actor.Name, Via: actor.Via, Source: actor.Source, Action: action, Text: text,
	})
	if err != nil {
		slog.ErrorContext(ctx, "event not recorded", "action", action, "error", err)
	}
}

// inBrowser is the actor of a person who is just coming in.
func inBrowser(account platform.Account, source string) platform.Actor {
	return platform.Actor{AccountID: account.ID, Name: account.Email, Role: account.Role, Via: "console", Source: source}
}
