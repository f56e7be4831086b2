package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateSession records a signed-in browser.
func (s *Store) CreateSession(ctx context.Context, session *platform.Session) error {
	s.fresh(&session.ID, &session.CreatedAt)
	s.fresh(nil, &session.LastSeenAt)
	return s.write(ctx, "recording the session", func(tx *gorm.DB) error { return tx.Create(session).Error })
}

// SessionByHash finds a session by the hash of its secret; NotFound, code session_not_found, when there is none.
func (s *Store) SessionByHash(ctx context.Context, hash string) (platform.Session, error) {
	var session platform.Session
	err := s.read(ctx).Where("hash = ?", hash).Take(&session).Error
	return session, s.explain(ctx, "finding the session", missing(err, "session_not_found", "There is no such session."))
}

// TouchSession notes when the session was last seen.
func (s *Store) TouchSession(ctx context.Context, id string, seen time.Time) error {
	return s.write(ctx, "noting the session", func(tx *gorm.DB) error {
		return tx.Model(&platform.Session{}).Where("id = ?", id).Update("last_seen_at", seen.UTC().Truncate(time.Microsecond)).Error
	})
}

// DeleteSession ends a session of the account; NotFound, code session_not_found, when it has none such.
func (s *Store) DeleteSession(ctx context.Context, accountID, id string) error {
	return s.write(ctx, "ending the session", func(tx *gorm.DB) error {
		done := tx.Where("account_id = ? AND id = ?", accountID, id).Delete(&platform.Session{})
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "session_not_found", "There is no such session.")
		}
		return done.Error
	})
}

// DeleteOtherSessions ends all sessions of the account but one, and tells how many there were.
func (s *Store) DeleteOtherSessions(ctx context.Context, accountID, keepID string) (ended int, err error) {
	err = s.write(ctx, "ending the sessions", func(tx *gorm.DB) error {
		done := tx.Where("account_id = ? AND id <> ?", accountID, keepID).Delete(&platform.Session{})
		ended = int(done.RowsAffected)
		return done.Error
	})
	return ended, err
}

// DeleteSessionsBefore drops sessions that were last seen before idle or made before created.
func (s *Store) DeleteSessionsBefore(ctx context.Context, idle, created time.Time) error {
	return s.write(ctx, "dropping ended sessions", func(tx *gorm.DB) error {
		return tx.Where("last_seen_at < ? OR created_at < ?", idle.UTC(), created.UTC()).Delete(&platform.Session{}).Error
	})
}

// SessionsOf lists the sessions of an account, last seen first.
func (s *Store) SessionsOf(ctx context.Context, accountID string) ([]platform.Session, error) {
	var sessions []platform.Session
	err := s.read(ctx).Where("account_id = ?", accountID).Order("last_seen_at DESC, id").Find(&sessions).Error
	return sessions, s.explain(ctx, "listing the sessions", err)
}
