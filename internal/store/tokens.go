package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/lugsail/lugsail/platform"
)

// CreateToken records a token.
func (s *Store) CreateToken(ctx context.Context, token *platform.Token) error {
	s.fresh(&token.ID, &token.CreatedAt)
	return s.write(ctx, "recording the token", func(tx *gorm.DB) error { return tx.Create(token).Error })
}

// TokenByHash finds a token by the hash of its secret; NotFound, code token_not_found, when there is none.
func (s *Store) TokenByHash(ctx context.Context, hash string) (platform.Token, error) {
	var token platform.Token
	err := s.read(ctx).Where("hash = ?", hash).Take(&token).Error
	return token, s.explain(ctx, "finding the token", missing(err, "token_not_found", "There is no such token."))
}

// TouchToken notes when the token was last used.
func (s *Store) TouchToken(ctx context.Context, id string, used time.Time) error {
	return s.write(ctx, "noting the token", func(tx *gorm.DB) error {
		return tx.Model(&platform.Token{}).Where("id = ?", id).Update("last_used_at", used.UTC().Truncate(time.Microsecond)).Error
	})
}

// DeleteToken revokes a token of the account; NotFound, code token_not_found, when it has none such.
func (s *Store) DeleteToken(ctx context.Context, accountID, id string) error {
	return s.write(ctx, "revoking the token", func(tx *gorm.DB) error {
		done := tx.Where("account_id = ? AND id = ?", accountID, id).Delete(&platform.Token{})
		if done.Error == nil && done.RowsAffected == 0 {
			return platform.Errorf(platform.NotFound, "token_not_found", "There is no such token.")
		}
		return done.Error
	})
}

// TokensOf lists the tokens of an account, newest first.
func (s *Store) TokensOf(ctx context.Context, accountID string) ([]platform.Token, error) {
	var tokens []platform.Token
	err := s.read(ctx).Where("account_id = ?", accountID).Order("created_at DESC, id").Find(&tokens).Error
	return tokens, s.explain(ctx, "listing the tokens", err)
}
