package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateSSHKey records a key. One whose fingerprint is known answers Conflict, code key_exists.
func (s *Store) CreateSSHKey(ctx context.Context, key *platform.SSHKey) error {
	s.fresh(&key.ID, &key.CreatedAt)
	return s.write(ctx, "recording the key", func(tx *gorm.DB) error {
		err := tx.Create(key).Error
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return platform.Errorf(platform.Conflict, "key_exists", "This key is known already.")
		}
		return err
	})
}

// SSHKeyByFingerprint finds a key; NotFound, code key_not_found, when there is none.
func (s *Store) SSHKeyByFingerprint(ctx context.Context, fingerprint string) (platform.SSHKey, error) {
	var key platform.SSHKey
	err := s.read(ctx).Where("fingerprint = ?", fingerprint).Take(&key).Error
	return key, s.explain(ctx, "finding the key", missing(err, "key_not_found", "There is no such SSH key."))
}

// TouchSSHKey notes when the key was last used.
func (s *Store) TouchSSHKey(ctx context.Context, id string, used time.Time) error {
	return s.write(ctx, "noting the key", func(tx *gorm.DB) error {
		return tx.Model(&platform.SSHKey{}).Where("id = ?", id).Update("last_used_at", used.UTC().Truncate(time.Microsecond)).Error
	})
}

// DeleteSSHKey removes a key of the account; NotFound, code key_not_found, when it has none such.
func (s *Store) DeleteSSHKey(ctx context.Context, accountID, id string) error {
	return s.write(ctx, "removing the key", func(tx *gorm.DB) error {
		done := tx.Where("account_id = ? AND id = ?", accountID, id).Delete(&platform.SSHKey{})
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "key_not_found", "There is no such SSH key.").
				WithHint("See yours with: lugsail keys")
		}
		return done.Error
	})
}

// SSHKeysOf lists an account's keys, newest first.
func (s *Store) SSHKeysOf(ctx context.Context, accountID string) ([]platform.SSHKey, error) {
	var keys []platform.SSHKey
	err := s.read(ctx).Where("account_id = ?", accountID).Order("created_at DESC, id").Find(&keys).Error
	return keys, s.explain(ctx, "listing the keys", err)
}
