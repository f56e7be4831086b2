package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// AccountCount says how many people can sign in; 0 means that the server is still to be claimed.
func (s *Store) AccountCount(ctx context.Context) (int, error) {
	n, err := countAccounts(s.read(ctx))
	return n, s.explain(ctx, "counting the accounts", err)
}

func countAccounts(tx *gorm.DB) (int, error) {
	var n int64
	err := tx.Model(&platform.Account{}).Count(&n).Error
	return int(n), err
}

// CreateAccount records an account. An address that is in use answers Conflict, code account_exists.
func (s *Store) CreateAccount(ctx context.Context, account *platform.Account) error {
	s.fresh(&account.ID, &account.CreatedAt)
	return s.write(ctx, "recording the account", func(tx *gorm.DB) error {
		return emailTaken(tx.Create(account).Error, account.Email)
	})
}

func emailTaken(err error, email string) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return platform.Errorf(platform.Conflict, "account_exists", "There is already an account for %s.", email)
	}
	return err
}

// AccountByEmail finds an account; NotFound, code account_not_found, when there is none.
func (s *Store) AccountByEmail(ctx context.Context, email string) (platform.Account, error) {
	account, err := accountIn(s.read(ctx), "email = ?", email)
	return account, s.explain(ctx, "finding the account", err)
}

// AccountByID finds an account; NotFound, code account_not_found, when there is none.
func (s *Store) AccountByID(ctx context.Context, id string) (platform.Account, error) {
	account, err := accountIn(s.read(ctx), "id = ?", id)
	return account, s.explain(ctx, "finding the account", err)
}

// Owner finds the first account that is an owner, the oldest; NotFound when there is none yet.
func (s *Store) Owner(ctx context.Context) (platform.Account, error) {
	account, err := accountIn(s.read(ctx).Order("created_at, id"), "role = ?", platform.RoleOwner)
	return account, s.explain(ctx, "finding the owner", err)
}

func accountIn(tx *gorm.DB, where string, arg any) (platform.Account, error) {
	var account platform.Account
	err := tx.Where(where, arg).Take(&account).Error
	return account, missing(err, "account_not_found", "There is no such account.")
}

// UpdateAccount reads the account, lets change edit it, and writes it back, in one transaction.
func (s *Store) UpdateAccount(ctx context.Context, id string, change func(*platform.Account) error) (platform.Account, error) {
	var account platform.Account
	err := s.write(ctx, "changing the account", func(tx *gorm.DB) (err error) {
		if account, err = accountIn(tx, "id = ?", id); err != nil {
			return err
		}
		if err := change(&account); err != nil {
			return err
		}
		account.ID = id
		return emailTaken(replace(tx, &account), account.Email)
	})
	return account, err
}

// SetPassword writes the new hash and ends all sessions of the account but one ("" keeps none),
// in one transaction.
func (s *Store) SetPassword(ctx context.Context, accountID, hash, keepSessionID string) error {
	return s.write(ctx, "setting the password", func(tx *gorm.DB) error {
		return setPassword(tx, accountID, hash, keepSessionID)
	})
}

func setPassword(tx *gorm.DB, accountID, hash, keepSessionID string) error {
	done := tx.Model(&platform.Account{}).Where("id = ?", accountID).Update("password_hash", hash)
	if done.Error == nil && done.RowsAffected == 0 {
		return missing(gorm.ErrRecordNotFound, "account_not_found", "There is no such account.")
	}
	if done.Error != nil {
		return done.Error
	}
	return tx.Where("account_id = ? AND id <> ?", accountID, keepSessionID).Delete(&platform.Session{}).Error
}
