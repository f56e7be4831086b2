package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateSetupLink records a link and drops all older ones of its purpose.
func (s *Store) CreateSetupLink(ctx context.Context, link *platform.SetupLink) error {
	s.fresh(&link.ID, &link.CreatedAt)
	return s.write(ctx, "recording the link", func(tx *gorm.DB) error {
		if err := tx.Where("purpose = ?", link.Purpose).Delete(&platform.SetupLink{}).Error; err != nil {
			return err
		}
		return tx.Create(link).Error
	})
}

// SetupLinkByID finds a link by its id; NotFound, code link_not_found, when there is none.
func (s *Store) SetupLinkByID(ctx context.Context, id string) (platform.SetupLink, error) {
	link, err := setupLinkIn(s.read(ctx), "id = ?", id)
	return link, s.explain(ctx, "finding the link", err)
}

func setupLinkIn(tx *gorm.DB, where, arg string) (platform.SetupLink, error) {
	var link platform.SetupLink
	err := tx.Where(where, arg).Take(&link).Error
	return link, missing(err, "link_not_found", "There is no such link.")
}

// CountTry notes a wrong try on a link and returns how many there were.
func (s *Store) CountTry(ctx context.Context, id string) (int, error) {
	var tries int
	err := s.write(ctx, "counting the try", func(tx *gorm.DB) error {
		link, err := setupLinkIn(tx, "id = ?", id)
		if err != nil {
			return err
		}
		tries = link.Tries + 1
		return tx.Model(&platform.SetupLink{}).Where("id = ?", id).Update("tries", tries).Error
	})
	return tries, err
}

// UseSetupLink uses the link up and creates the first account, in one transaction. Conflict
// when the link was used (code link_used) or there is an account already (code already_set_up).
func (s *Store) UseSetupLink(ctx context.Context, id string, account *platform.Account) error {
	s.fresh(&account.ID, &account.CreatedAt)
	return s.write(ctx, "creating the first account", func(tx *gorm.DB) error {
		if err := s.useLink(tx, id); err != nil {
			return err
		}
		n, err := countAccounts(tx)
		if err != nil {
			return err
		}
		if n > 0 {
			return platform.Errorf(platform.Conflict, "already_set_up", "This server has its first account already.").
				WithHint("Sign in. If the password is lost, run on the server: lugsail recover.")
		}
		return emailTaken(tx.Create(account).Error, account.Email)
	})
}

// UseRecoverLink uses the link up, sets the password of its account and ends all the account's
// sessions, in one transaction; with alone nothing but the password signs in from then on: the second
// factor and the passkeys are gone. Conflict, code link_used, when the link was used.
func (s *Store) UseRecoverLink(ctx context.Context, id, passwordHash string, alone bool) (platform.Account, error) {
	var account platform.Account
	err := s.write(ctx, "setting the password", func(tx *gorm.DB) (err error) {
		link, err := setupLinkIn(tx, "id = ?", id)
		if err != nil {
			return err
		}
		if err := s.useLink(tx, id); err != nil {
			return err
		}
		if err := setPassword(tx, link.AccountID, passwordHash, ""); err != nil {
			return err
		}
		if alone {
			if _, err := removeFactor(tx, link.AccountID); err != nil {
				return err
			}
			if err := tx.Where("account_id = ?", link.AccountID).Delete(&platform.Passkey{}).Error; err != nil {
				return err
			}
		}
		account, err = accountIn(tx, "id = ?", link.AccountID)
		return err
	})
	return account, err
}

func (s *Store) useLink(tx *gorm.DB, id string) error {
	done := tx.Model(&platform.SetupLink{}).Where("id = ? AND used_at IS NULL", id).Update("used_at", s.stamp())
	if done.Error == nil && done.RowsAffected == 0 {
		return platform.Errorf(platform.Conflict, "link_used", "This link has been used already.").
			WithHint("Make a new one on the server.")
	}
	return done.Error
}
