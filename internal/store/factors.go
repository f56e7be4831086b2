package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// secondFactor is the row of a second factor. The seal holds the account too, so that a secret cannot be moved.
type secondFactor struct {
	AccountID   string `gorm:"primaryKey"`
	Sealed      string `gorm:"not null"`
	LastStep    int64  `gorm:"not null"`
	CreatedAt   time.Time
	ConfirmedAt *time.Time
}

// TableName names the table.
func (secondFactor) TableName() string { return "second_factors" }

const factorPurpose = "second factors"

func (row secondFactor) secret(key Sealer) ([]byte, error) {
	secret, err := key.Open(factorPurpose, row.AccountID, row.Sealed)
	if err != nil {
		return nil, platform.Errorf(platform.Internal, "second_factor_unreadable", "The secret of the second factor cannot be decrypted with the server's key.").
			WithHint("Put back the key file that belongs to this database, or run on the server as root: lugsail recover. The page of its link switches the second factor off.").Because(err)
	}
	return secret, nil
}

var errNoFactor = platform.Errorf(platform.NotFound, "second_factor_off", "The second factor is not switched on.")

// DraftSecondFactor records one that is still to be confirmed, in the place of an older draft. Conflict, code
// second_factor_on, when the account has one that is confirmed.
func (s *Store) DraftSecondFactor(ctx context.Context, f *platform.SecondFactor) error {
	s.fresh(nil, &f.CreatedAt)
	sealed, err := s.key.Seal(factorPurpose, f.AccountID, []byte(f.Secret))
	if err != nil {
		return fmt.Errorf("sealing the second factor: %w", err)
	}
	row := secondFactor{AccountID: f.AccountID, Sealed: sealed, CreatedAt: f.CreatedAt}
	return s.write(ctx, "recording the second factor", func(tx *gorm.DB) error {
		if err := tx.Where("account_id = ? AND confirmed_at IS NULL", f.AccountID).Delete(&secondFactor{}).Error; err != nil {
			return err
		}
		var on int64
		if err := tx.Model(&secondFactor{}).Where("account_id = ?", f.AccountID).Count(&on).Error; err != nil {
			return err
		}
		if on > 0 {
			return platform.Errorf(platform.Conflict, "second_factor_on", "The second factor is switched on already.").
				WithHint("Switch it off first, to set up another phone.")
		}
		return tx.Create(&row).Error
	})
}

// SecondFactorOf finds an account's second factor, confirmed or not; NotFound, code second_factor_off, when it has none.
func (s *Store) SecondFactorOf(ctx context.Context, accountID string) (platform.SecondFactor, error) {
	var row secondFactor
	if err := s.read(ctx).Where("account_id = ?", accountID).Take(&row).Error; err != nil {
		return platform.SecondFactor{}, s.explain(ctx, "finding the second factor", missing(err, errNoFactor.Code, "%s", errNoFactor.Message))
	}
	f := platform.SecondFactor{AccountID: row.AccountID, LastStep: row.LastStep, CreatedAt: row.CreatedAt, ConfirmedAt: row.ConfirmedAt}
	secret, err := row.secret(s.key)
	f.Secret = string(secret)
	return f, err
}

// ConfirmSecondFactor switches the draft on, with the step of its first code and the hashes of new recovery
// codes, and ends all sessions of the account, in one transaction. NotFound, code second_factor_off, when there is no draft.
func (s *Store) ConfirmSecondFactor(ctx context.Context, accountID string, step int64, codes []string) error {
	return s.write(ctx, "switching the second factor on", func(tx *gorm.DB) error {
		done := tx.Model(&secondFactor{}).Where("account_id = ? AND confirmed_at IS NULL", accountID).
			Updates(map[string]any{"confirmed_at": s.stamp(), "last_step": step})
		if done.Error == nil && done.RowsAffected == 0 {
			return errNoFactor
		}
		if done.Error != nil {
			return done.Error
		}
		if err := s.replaceCodes(tx, accountID, codes); err != nil {
			return err
		}
		if err := guardedIn(tx, accountID); err != nil {
			return err
		}
		return endSessions(tx, accountID)
	})
}

// UseStep notes that the code of a step was used; Conflict, code second_factor_used, when it or a later one was before.
func (s *Store) UseStep(ctx context.Context, accountID string, step int64) error {
	return s.write(ctx, "noting a code", func(tx *gorm.DB) error {
		done := tx.Model(&secondFactor{}).Where("account_id = ? AND last_step < ?", accountID, step).Update("last_step", step)
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.Conflict, "second_factor_used", "This code was used already.")
		}
		return done.Error
	})
}

// RemoveSecondFactor switches it off, with its recovery codes, and ends all sessions of the account, in one
// transaction. NotFound, code second_factor_off, when it has none.
func (s *Store) RemoveSecondFactor(ctx context.Context, accountID string) error {
	return s.write(ctx, "switching the second factor off", func(tx *gorm.DB) error {
		removed, err := removeFactor(tx, accountID)
		if err == nil && !removed {
			err = errNoFactor
		}
		if err != nil {
			return err
		}
		return endSessions(tx, accountID)
	})
}

func removeFactor(tx *gorm.DB, accountID string) (bool, error) {
	if err := tx.Where("account_id = ?", accountID).Delete(&platform.RecoveryCode{}).Error; err != nil {
		return false, err
	}
	done := tx.Where("account_id = ?", accountID).Delete(&secondFactor{})
	return done.RowsAffected > 0, done.Error
}

func endSessions(tx *gorm.DB, accountID string) error {
	return tx.Where("account_id = ?", accountID).Delete(&platform.Session{}).Error
}

// SetRecoveryCodes records the hashes of new codes in the place of all older ones.
func (s *Store) SetRecoveryCodes(ctx context.Context, accountID string, hashes []string) error {
	return s.write(ctx, "recording recovery codes", func(tx *gorm.DB) error { return s.replaceCodes(tx, accountID, hashes) })
}

func (s *Store) replaceCodes(tx *gorm.DB, accountID string, hashes []string) error {
	if err := tx.Where("account_id = ?", accountID).Delete(&platform.RecoveryCode{}).Error; err != nil {
		return err
	}
	rows := make([]platform.RecoveryCode, 0, len(hashes))
	for _, hash := range hashes {
		rows = append(rows, platform.RecoveryCode{Hash: hash, AccountID: accountID, CreatedAt: s.stamp()})
	}
	return tx.Create(&rows).Error
}

// UseRecoveryCode uses up a code of the account; NotFound, code recovery_code_wrong, when it has none such
// that is unused. Of many at once, one succeeds.
func (s *Store) UseRecoveryCode(ctx context.Context, accountID, hash string) error {
	return s.write(ctx, "using a recovery code", func(tx *gorm.DB) error {
		done := tx.Model(&platform.RecoveryCode{}).Where("account_id = ? AND hash = ? AND used_at IS NULL", accountID, hash).Update("used_at", s.stamp())
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "recovery_code_wrong", "There is no such recovery code.")
		}
		return done.Error
	})
}

// RecoveryCodesLeft counts the account's codes that are unused.
func (s *Store) RecoveryCodesLeft(ctx context.Context, accountID string) (int, error) {
	var n int64
	err := s.read(ctx).Model(&platform.RecoveryCode{}).Where("account_id = ? AND used_at IS NULL", accountID).Count(&n).Error
	return int(n), s.explain(ctx, "counting recovery codes", err)
}
