package account

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lugsail/lugsail/platform"
)

// TokenLife is how long a token lasts when nobody says.
const TokenLife = 90 * 24 * time.Hour

// maxTokens bounds the tokens of an account.
const maxTokens = 200

var errBadToken = platform.Errorf(platform.Unauthenticated, "token_wrong", "That token is not known here.").
	WithHint("Make one in the console, or run lugsail login.")

// CreateToken makes a token that speaks for the actor and returns its secret, once. life 0 means
// 90 days, a negative one for ever; appID "" means every app. A token is never worth more than
// its account's role at the time of use.
func (s *Service) CreateToken(ctx context.Context, actor platform.Actor, name string, scopes []platform.Scope, appID string, life time.Duration) (secret string, token platform.Token, err error) {
	if err := mayManage(actor); err != nil {
		return "", token, err
	}
	if token, err = s.draftToken(actor, name, scopes, appID, life); err != nil {
		return "", token, err
	}
	all, err := s.Store.TokensOf(ctx, actor.AccountID)
	if err != nil {
		return "", token, fmt.Errorf("counting the tokens: %w", err)
	}
	if len(all) >= maxTokens {
		return "", token, platform.Errorf(platform.Conflict, "tokens_too_many", "You have %d tokens already.", len(all)).
			WithHint("Revoke those that are not used any more.")
	}
	secret, token.ID = newTokenSecret()
	token.Hash = hashOf(secret)
	if err := s.Store.CreateToken(ctx, &token); err != nil {
		return "", token, fmt.Errorf("recording the token: %w", err)
	}
	s.event(ctx, actor, "token.create", fmt.Sprintf("%s made the token %s", actor.Name, token.Name))
	return secret, token, nil
}

func (s *Service) draftToken(actor platform.Actor, name string, scopes []platform.Scope, appID string, life time.Duration) (platform.Token, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, unicode.IsControl) {
		return platform.Token{}, platform.Errorf(platform.Invalid, "token_name_invalid", "A token needs a name of 1 to 100 characters.").
			WithHint("Name it after what uses it, for example laptop or ci.")
	}
	scopes, err := checkScopes(actor, scopes)
	if err != nil {
		return platform.Token{}, err
	}
	token := platform.Token{AccountID: actor.AccountID, Name: name, Scopes: scopes, AppID: appID, CreatedAt: s.now()}
	if life == 0 {
		life = TokenLife
	}
	if life > 0 {
		ends := token.CreatedAt.Add(life)
		token.ExpiresAt = &ends
	}
	return token, nil
}

func checkScopes(actor platform.Actor, scopes []platform.Scope) ([]platform.Scope, error) {
	if len(scopes) == 0 {
		return nil, platform.Errorf(platform.Invalid, "token_scopes_missing", "A token needs at least one scope.").
			WithHint("Give read, deploy or admin.")
	}
	for _, scope := range scopes {
		if !slices.Contains([]platform.Scope{platform.ScopeRead, platform.ScopeDeploy, platform.ScopeAdmin}, scope) {
			return nil, platform.Errorf(platform.Invalid, "token_scope_unknown", "%q is not a scope.", cut(string(scope), 40)).
				WithHint("The scopes are read, deploy and admin.")
		}
		if actor.Scopes != nil && !slices.Contains(actor.Scopes, platform.ScopeAdmin) && !slices.Contains(actor.Scopes, scope) {
			return nil, platform.Errorf(platform.Forbidden, "not_allowed", "A token cannot make one that may more than itself.")
		}
	}
	sorted := slices.Clone(scopes)
	slices.Sort(sorted)
	return slices.Compact(sorted), nil
}

// Authenticate tells who a token is: the account's role of this moment, narrowed by the token's
// scopes and app. Unauthenticated, codes token_wrong and token_expired; TooMany after 30 wrong
// ones in a minute from one source.
func (s *Service) Authenticate(ctx context.Context, secret, via, source string) (platform.Actor, error) {
	token, account, err := s.findToken(ctx, secret)
	if platform.IsKind(err, platform.NotFound) {
		return platform.Actor{}, s.refuseToken(source, errBadToken)
	}
	if err != nil {
		return platform.Actor{}, fmt.Errorf("finding the token: %w", err)
	}
	now := s.now()
	if token.ExpiresAt != nil && !now.Before(*token.ExpiresAt) {
		return platform.Actor{}, s.refuseToken(source, expired(token))
	}
	if token.LastUsedAt == nil || now.Sub(*token.LastUsedAt) >= touchEvery {
		if err := s.Store.TouchToken(ctx, token.ID, now); err != nil {
			slog.WarnContext(ctx, "token not noted", "error", err) // a full disk must not shut programs out
		}
	}
	return platform.Actor{
		AccountID: account.ID, Name: account.Email, Role: account.Role, Via: via, Source: source, SessionID: token.ID,
		Scopes: append([]platform.Scope{}, token.Scopes...), AppID: token.AppID, // never nil, which would mean everything
	}, nil
}

func (s *Service) findToken(ctx context.Context, secret string) (platform.Token, platform.Account, error) {
	if !wellFormed(secret) {
		return platform.Token{}, platform.Account{}, errNoToken
	}
	token, err := s.Store.TokenByHash(ctx, hashOf(secret))
	if err != nil {
		return token, platform.Account{}, err
	}
	account, err := s.Store.AccountByID(ctx, token.AccountID)
	return token, account, err
}

var errNoToken = platform.Errorf(platform.NotFound, "token_not_found", "There is no such token.")

func expired(token platform.Token) error {
	return platform.Errorf(platform.Unauthenticated, "token_expired", "The token %s has expired.", token.Name).
		WithHint("Make a new one in the console, or run lugsail login.")
}

// refuseToken counts a wrong token against its source.
func (s *Service) refuseToken(source string, refusal error) error {
	if _, err := s.limits.reserve(s.now(), map[string]rate{sourceKey(source): sourceRate}); err != nil {
		return err // instead of the refusal
	}
	return refusal
}

// Tokens lists the actor's own tokens, newest first. They hold no secrets.
func (s *Service) Tokens(ctx context.Context, actor platform.Actor) ([]platform.Token, error) {
	if err := mayManage(actor); err != nil {
		return nil, err
	}
	tokens, err := s.Store.TokensOf(ctx, actor.AccountID)
	if err != nil {
		return nil, fmt.Errorf("listing the tokens: %w", err)
	}
	return tokens, nil
}

// RevokeToken ends one of the actor's own tokens; any token may end itself. NotFound, code
// token_not_found.
func (s *Service) RevokeToken(ctx context.Context, actor platform.Actor, id string) error {
	itself := actor.Scopes != nil && id == actor.SessionID && actor.AccountID != ""
	if err := mayManage(actor); err != nil && !itself {
		return err
	}
	if err := s.Store.DeleteToken(ctx, actor.AccountID, id); err != nil {
		return fmt.Errorf("revoking the token: %w", err)
	}
	s.event(ctx, actor, "token.revoke", fmt.Sprintf("%s revoked the token %s", actor.Name, cut(id, tokenIDLength)))
	return nil
}
