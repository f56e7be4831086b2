package account

import (
	"context"
	"fmt"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// The purposes of one-time links.
const (
	PurposeSetup   = "setup"   // make the first account
	PurposeRecover = "recover" // set a lost password
)

// LinkLife is how long a link works; LinkTries how many wrong secrets end it.
const (
	LinkLife  = 60 * time.Minute
	LinkTries = 5
)

const linkIDLength = 16

// errLink is the same for links that are wrong, used, too old or tried too often.
var errLink = platform.Errorf(platform.NotFound, "link_invalid", "This link does not work, or does not work any more.").
	WithHint("A link works once and for 60 minutes. Make a new one on the server as root: lugsail setup-link for the first account, lugsail recover for a new password.")

// IssueSetupLink makes the token of a link that can make the first account, and ends older ones.
// Conflict, code already_set_up, when there is an account.
func (s *Service) IssueSetupLink(ctx context.Context) (token string, err error) {
	claimed, err := s.Claimed(ctx)
	if err != nil {
		return "", err
	}
	if claimed {
		return "", platform.Errorf(platform.Conflict, "already_set_up", "This server has its first account already.").
			WithHint("Sign in. If the password is lost, run on the server as root: lugsail recover.")
	}
	return s.issue(ctx, PurposeSetup, "")
}

// IssueRecoverLink makes the token of a link that can set the password of an account, "" meaning
// the first owner's, and tells whose it is. NotFound, code account_not_found.
func (s *Service) IssueRecoverLink(ctx context.Context, email string) (token string, account platform.Account, err error) {
	if email == "" {
		account, err = s.Store.Owner(ctx)
	} else {
		if email, err = NormalEmail(email); err != nil {
			return "", account, err
		}
		account, err = s.Store.AccountByEmail(ctx, email)
	}
	if err != nil {
		return "", account, fmt.Errorf("finding the account: %w", err)
	}
	if token, err = s.issue(ctx, PurposeRecover, account.ID); err != nil {
		return "", account, err
	}
	s.event(ctx, platform.System(), "account.recover_link", "a link to set the password of "+account.Email+" was made on the server")
	return token, account, nil
}

func (s *Service) issue(ctx context.Context, purpose, accountID string) (string, error) {
	secret := randomText(16, linkSecretLength)
	now := s.now()
	link := platform.SetupLink{
		ID: platform.NewID(), Hash: hashOf(secret), Purpose: purpose, AccountID: accountID,
		CreatedAt: now, ExpiresAt: now.Add(LinkLife),
	}
	if err := s.Store.CreateSetupLink(ctx, &link); err != nil {
		return "", fmt.Errorf("recording the link: %w", err)
	}
	return link.ID + secret, nil
}

// CheckLink reports whether a link works, and for recovery whose password it sets. It uses
// nothing up. NotFound, code link_invalid.
func (s *Service) CheckLink(ctx context.Context, token, purpose, source string) (email string, err error) {
	link, err := s.openLink(ctx, token, purpose, source)
	if err != nil || purpose != PurposeRecover {
		return "", err
	}
	account, err := s.Store.AccountByID(ctx, link.AccountID)
	if platform.IsKind(err, platform.NotFound) {
		return "", errLink
	}
	if err != nil {
		return "", fmt.Errorf("finding the account: %w", err)
	}
	return account.Email, nil
}

// Claim uses a set-up link: it makes the first account, an owner, and opens a session.
// Invalid when the address or the password is refused; the link stays good then.
func (s *Service) Claim(ctx context.Context, token, email, password, source, userAgent string) (secret string, err error) {
	link, err := s.openLink(ctx, token, PurposeSetup, source)
	if err != nil {
		return "", err
	}
	if email, err = NormalEmail(email); err != nil {
		return "", err
	}
	hash, err := s.newHash(ctx, password, email)
	if err != nil {
		return "", err
	}
	account := platform.Account{ID: platform.NewID(), Email: email, PasswordHash: hash, Role: platform.RoleOwner, CreatedAt: s.now()}
	if err := s.Store.UseSetupLink(ctx, link.ID, &account); err != nil {
		return "", fmt.Errorf("claiming the server: %w", err)
	}
	s.event(ctx, inBrowser(account, source), "account.create", account.Email+" became the owner of this server")
	secret, _, err = s.openSession(ctx, account, source, userAgent)
	return secret, err
}

// LinkSecurity tells how the account of a recovery link is guarded, so that its page can offer to end that.
// NotFound, code link_invalid.
func (s *Service) LinkSecurity(ctx context.Context, token, source string) (Security, error) {
	link, err := s.openLink(ctx, token, PurposeRecover, source)
	if err != nil {
		return Security{}, err
	}
	return s.securityOf(ctx, link.AccountID)
}

// Recover uses a recovery link: it sets the password and ends all sessions of the account. alone ends the
// second factor and all passkeys, too, for somebody who has lost the phone; otherwise a second factor is
// asked for as ever. Invalid when the password is refused; the link stays good then.
func (s *Service) Recover(ctx context.Context, token, password string, alone bool, source, userAgent string) (SignIn, error) {
	email, err := s.CheckLink(ctx, token, PurposeRecover, source)
	if err != nil {
		return SignIn{}, err
	}
	hash, err := s.newHash(ctx, password, email)
	if err != nil {
		return SignIn{}, err
	}
	account, err := s.Store.UseRecoverLink(ctx, token[:linkIDLength], hash, alone)
	if err != nil {
		return SignIn{}, fmt.Errorf("recovering the account: %w", err)
	}
	text := account.Email + " set a new password with a link from the server"
	if alone {
		text += "; the second factor and all passkeys are gone"
	}
	s.event(ctx, inBrowser(account, source), "account.recover", text)
	return s.firstStep(ctx, account, source, userAgent)
}

func (s *Service) newHash(ctx context.Context, password, email string) (string, error) {
	if err := s.checkPassword(password, email); err != nil {
		return "", err
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return "", fmt.Errorf("hashing the password: %w", err)
	}
	return hash, nil
}

// openLink finds a good link. A wrong secret counts against the link that it names and against
// the source.
func (s *Service) openLink(ctx context.Context, token, purpose, source string) (platform.SetupLink, error) {
	try, err := s.limits.reserve(s.now(), map[string]rate{sourceKey(source): sourceRate})
	if err != nil {
		return platform.SetupLink{}, err
	}
	if len(token) != linkIDLength+linkSecretLength {
		return platform.SetupLink{}, errLink
	}
	link, err := s.Store.SetupLinkByID(ctx, token[:linkIDLength])
	if platform.IsKind(err, platform.NotFound) {
		return link, errLink
	}
	if err != nil {
		return link, fmt.Errorf("finding the link: %w", err)
	}
	if !sameText(hashOf(token[linkIDLength:]), link.Hash) {
		if _, err := s.Store.CountTry(ctx, link.ID); err != nil {
			return link, fmt.Errorf("counting the try: %w", err)
		}
		return link, errLink
	}
	if link.Purpose != purpose || link.UsedAt != nil || link.Tries >= LinkTries || !s.now().Before(link.ExpiresAt) {
		return link, errLink
	}
	try.giveBack()
	return link, nil
}
