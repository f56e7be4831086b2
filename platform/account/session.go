package account

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// How long a session lasts: without being used, and at all.
const (
	SessionIdle = 24 * time.Hour
	SessionLife = 30 * 24 * time.Hour
)

// touchEvery spares the disk a write for each request.
const touchEvery = time.Minute

var errNotSignedIn = platform.Errorf(platform.Unauthenticated, "not_signed_in", "You are not signed in.").
	WithHint("Sign in and try again.")

func (s *Service) openSession(ctx context.Context, account platform.Account, source, userAgent string) (string, platform.Session, error) {
	now := s.now()
	if err := s.Store.DeleteSessionsBefore(ctx, now.Add(-SessionIdle), now.Add(-SessionLife)); err != nil {
		return "", platform.Session{}, fmt.Errorf("dropping ended sessions: %w", err)
	}
	secret := newSessionSecret()
	session := platform.Session{
		ID: platform.NewID(), Hash: hashOf(secret), AccountID: account.ID,
		Source: source, UserAgent: cut(userAgent, 200), CreatedAt: now, LastSeenAt: now,
	}
	if err := s.Store.CreateSession(ctx, &session); err != nil {
		return "", session, fmt.Errorf("opening the session: %w", err)
	}
	return secret, session, nil
}

// Session tells who a session's secret is, at the account's role of this moment. source is
// where the request comes from. Unauthenticated, code not_signed_in, when the session has ended.
func (s *Service) Session(ctx context.Context, secret, source string) (platform.Actor, platform.Account, error) {
	session, err := s.liveSession(ctx, secret)
	if err != nil {
		return platform.Actor{}, platform.Account{}, err
	}
	account, err := s.Store.AccountByID(ctx, session.AccountID)
	if platform.IsKind(err, platform.NotFound) {
		return platform.Actor{}, platform.Account{}, errNotSignedIn
	}
	if err != nil {
		return platform.Actor{}, platform.Account{}, fmt.Errorf("finding the account: %w", err)
	}
	if now := s.now(); now.Sub(session.LastSeenAt) >= touchEvery {
		if err := s.Store.TouchSession(ctx, session.ID, now); err != nil {
			slog.WarnContext(ctx, "session not noted", "error", err) // a full disk must not sign people out
		}
	}
	actor := inBrowser(account, source)
	actor.SessionID = session.ID
	return actor, account, nil
}

func (s *Service) liveSession(ctx context.Context, secret string) (platform.Session, error) {
	session, err := s.Store.SessionByHash(ctx, hashOf(secret))
	if platform.IsKind(err, platform.NotFound) {
		return session, errNotSignedIn
	}
	if err != nil {
		return session, fmt.Errorf("finding the session: %w", err)
	}
	if ended(session, s.now()) {
		return session, errNotSignedIn
	}
	return session, nil
}

// ended is also true of a session out of the time to come: the server's clock was ahead, and nobody knows any
// more how old it is.
func ended(session platform.Session, now time.Time) bool {
	idle, age := now.Sub(session.LastSeenAt), now.Sub(session.CreatedAt)
	return idle >= SessionIdle || age >= SessionLife || min(idle, age) <= -SessionIdle
}

// Logout ends the session with that secret; one that has ended already is no error.
func (s *Service) Logout(ctx context.Context, secret string) error {
	session, err := s.Store.SessionByHash(ctx, hashOf(secret))
	if err == nil {
		err = s.Store.DeleteSession(ctx, session.AccountID, session.ID)
	}
	if err != nil && !platform.IsKind(err, platform.NotFound) {
		return fmt.Errorf("ending the session: %w", err)
	}
	return nil
}

// Sessions lists the actor's own sessions that are good, the last seen first. The one whose ID
// is the actor's SessionID is the present one.
func (s *Service) Sessions(ctx context.Context, actor platform.Actor) ([]platform.Session, error) {
	if err := mayManage(actor); err != nil {
		return nil, err
	}
	all, err := s.Store.SessionsOf(ctx, actor.AccountID)
	if err != nil {
		return nil, fmt.Errorf("listing the sessions: %w", err)
	}
	live := all[:0]
	for _, session := range all {
		if !ended(session, s.now()) {
			live = append(live, session)
		}
	}
	return live, nil
}

// RevokeSession ends one of the actor's own sessions; NotFound, code session_not_found.
func (s *Service) RevokeSession(ctx context.Context, actor platform.Actor, id string) error {
	if err := mayManage(actor); err != nil {
		return err
	}
	if err := s.Store.DeleteSession(ctx, actor.AccountID, id); err != nil {
		return fmt.Errorf("ending the session: %w", err)
	}
	s.event(ctx, actor, "session.revoke", actor.Name+" ended a session")
	return nil
}

// RevokeOtherSessions ends all of the actor's own sessions but the present one, and tells how many there were.
func (s *Service) RevokeOtherSessions(ctx context.Context, actor platform.Actor) (ended int, err error) {
	if err := mayManage(actor); err != nil {
		return 0, err
	}
	if ended, err = s.Store.DeleteOtherSessions(ctx, actor.AccountID, actor.SessionID); err != nil {
		return 0, fmt.Errorf("ending the sessions: %w", err)
	}
	s.event(ctx, actor, "session.revoke_others", actor.Name+" signed out all other browsers")
	return ended, nil
}

func mayManage(actor platform.Actor) error {
	if actor.AccountID != "" && platform.Can(actor, platform.ActionAccount, "") {
		return nil
	}
	return platform.Errorf(platform.Forbidden, "not_allowed", "You may not do this.").
		WithHint("Sign in to the console, or use a token with the scope admin for every app.")
}

// cut shortens a text to n bytes, at a character's edge.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n]
}
