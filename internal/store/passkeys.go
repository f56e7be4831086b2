package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreatePasskey records a passkey. One that is known answers Conflict, code passkey_exists.
func (s *Store) CreatePasskey(ctx context.Context, key *platform.Passkey) error {
	s.fresh(&key.ID, &key.CreatedAt)
	return s.write(ctx, "recording the passkey", func(tx *gorm.DB) error {
		err := tx.Create(key).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return platform.Errorf(platform.Conflict, "passkey_exists", "This passkey is known already.")
		}
		if err != nil {
			return err
		}
		return guardedIn(tx, key.AccountID)
	})
}

// PasskeyByCredential finds a passkey by the id that its device gave it; NotFound, code passkey_not_found.
func (s *Store) PasskeyByCredential(ctx context.Context, credential string) (platform.Passkey, error) {
	var key platform.Passkey
	err := s.read(ctx).Where("credential = ?", credential).Take(&key).Error
	return key, s.explain(ctx, "finding the passkey", missing(err, "passkey_not_found", "There is no such passkey."))
}

// UsePasskey notes when it was used, and its counter.
func (s *Store) UsePasskey(ctx context.Context, id, data string, used time.Time) error {
	return s.write(ctx, "noting the passkey", func(tx *gorm.DB) error {
		return tx.Model(&platform.Passkey{}).Where("id = ?", id).
			Updates(map[string]any{"data": data, "last_used_at": used.UTC().Truncate(time.Microsecond)}).Error
	})
}

// DeletePasskey removes a passkey of the account and ends all of the account's sessions, in one transaction;
// NotFound, code passkey_not_found, when it has none such.
func (s *Store) DeletePasskey(ctx context.Context, accountID, id string) error {
	return s.write(ctx, "removing the passkey", func(tx *gorm.DB) error {
		done := tx.Where("account_id = ? AND id = ?", accountID, id).Delete(&platform.Passkey{})
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "passkey_not_found", "There is no such passkey.").
				WithHint("See yours with: lugsail passkeys")
		}
		if done.Error != nil {
			return done.Error
		}
		return endSessions(tx, accountID)
	})
}

// PasskeysOf lists an account's passkeys, newest first.
func (s *Store) PasskeysOf(ctx context.Context, accountID string) ([]platform.Passkey, error) {
	var keys []platform.Passkey
	err := s.read(ctx).Where("account_id = ?", accountID).Order("created_at DESC, id").Find(&keys).Error
	return keys, s.explain(ctx, "listing the passkeys", err)
}
