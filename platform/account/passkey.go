package account

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/lugsail/lugsail/platform"
)

// PasskeyStore keeps passkeys. A credential is there once at most. Delete ends all sessions of the account.
type PasskeyStore interface {
	CreatePasskey(ctx context.Context, key *platform.Passkey) error
	PasskeyByCredential(ctx context.Context, credential string) (platform.Passkey, error)
	UsePasskey(ctx context.Context, id, data string, used time.Time) error
	DeletePasskey(ctx context.Context, accountID, id string) error
	PasskeysOf(ctx context.Context, accountID string) ([]platform.Passkey, error)
}

// Passkeys speaks WebAuthn. options are JSON for the browser, state is for the second half.
type Passkeys interface {
	Invite(site platform.Site, of platform.Account, known []platform.Passkey) (options, state []byte, err error)
	Made(site platform.Site, of platform.Account, state, answer []byte) (platform.Passkey, error)
	Ask(site platform.Site) (options, state []byte, err error)
	Proved(site platform.Site, state, answer []byte, find func(credential string) (platform.Passkey, error)) (platform.Passkey, error)
}

// ceremony is half of making a passkey or of signing in with one.
type ceremony struct {
	site      platform.Site
	accountID string // "" when somebody signs in
	name      string
	state     []byte
}

// maxPasskeys bounds the passkeys of an account.
const maxPasskeys = 50

var (
	errNoName = platform.Errorf(platform.Conflict, "passkey_needs_name", "Passkeys do not work at an IP address.").
			WithHint("Open the console by its name, for example console.example.com.")
	errCeremonyOver = platform.Errorf(platform.Conflict, "passkey_not_begun", "That took too long, or was begun in another place.").
			WithHint("Begin again.")
)

// SiteOf is the site of a console that was asked under host, which may have a port. Conflict, code
// passkey_needs_name, for an address: browsers bind passkeys to names.
func SiteOf(host string) (platform.Site, error) {
	name := strings.ToLower(host)
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || name == "" {
		return platform.Site{}, errNoName
	}
	return platform.Site{Host: strings.TrimSuffix(name, "."), Origin: "https://" + strings.ToLower(host)}, nil
}

// PasskeyOffer is what a browser needs to make a passkey or to show one.
type PasskeyOffer struct {
	ID      string // to be given back with the answer
	Options []byte // JSON
}

// BeginPasskey begins to make a passkey, given the password and, where the second factor is on, a code: it will
// stand for both.
func (s *Service) BeginPasskey(ctx context.Context, actor platform.Actor, site platform.Site, name, password, code string) (PasskeyOffer, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, unicode.IsControl) {
		return PasskeyOffer{}, platform.Errorf(platform.Invalid, "passkey_name_invalid", "A passkey needs a name of 1 to 100 characters.").
			WithHint("Name it after where it lives, for example phone or laptop.")
	}
	account, err := s.provePassword(ctx, actor, password)
	if err != nil {
		return PasskeyOffer{}, err
	}
	factor, err := s.factor(ctx, account.ID)
	if err != nil {
		return PasskeyOffer{}, err
	}
	if factor.On() {
		if _, err := s.checkCode(ctx, account, factor, code, actor.Source); err != nil {
			return PasskeyOffer{}, err
		}
	}
	known, err := s.Store.PasskeysOf(ctx, account.ID)
	if err != nil {
		return PasskeyOffer{}, fmt.Errorf("listing the passkeys: %w", err)
	}
	if len(known) >= maxPasskeys {
		return PasskeyOffer{}, platform.Errorf(platform.Conflict, "passkeys_too_many", "You have %d passkeys already.", len(known)).
			WithHint("Remove those that are not used any more.")
	}
	options, state, err := s.Passkeys.Invite(site, account, known)
	if err != nil {
		return PasskeyOffer{}, err
	}
	id := s.ceremonies.put(s.now(), ceremony{site: site, accountID: account.ID, name: name, state: state})
	return PasskeyOffer{ID: id, Options: options}, nil
}

// AddPasskey records the passkey that the browser made. Conflict, codes passkey_not_begun and passkey_exists;
// Unauthenticated, code passkey_refused.
func (s *Service) AddPasskey(ctx context.Context, actor platform.Actor, id string, answer []byte) (platform.Passkey, error) {
	if err := mayManage(actor); err != nil {
		return platform.Passkey{}, err
	}
	begun, ok := s.ceremonies.take(s.now(), id)
	if !ok || begun.accountID != actor.AccountID {
		return platform.Passkey{}, errCeremonyOver
	}
	account, err := s.Store.AccountByID(ctx, actor.AccountID)
	if err != nil {
		return platform.Passkey{}, fmt.Errorf("finding the account: %w", err)
	}
	key, err := s.Passkeys.Made(begun.site, account, begun.state, answer)
	if err != nil {
		return platform.Passkey{}, err
	}
	key.ID, key.Name, key.CreatedAt = platform.NewID(), begun.name, s.now()
	if err := s.Store.CreatePasskey(ctx, &key); err != nil {
		return platform.Passkey{}, fmt.Errorf("recording the passkey: %w", err)
	}
	s.event(ctx, actor, "passkey.add", fmt.Sprintf("%s added the passkey %s", actor.Name, key.Name))
	return key, nil
}

// PasskeyList lists the actor's own passkeys, newest first.
func (s *Service) PasskeyList(ctx context.Context, actor platform.Actor) ([]platform.Passkey, error) {
	if err := mayManage(actor); err != nil {
		return nil, err
	}
	keys, err := s.Store.PasskeysOf(ctx, actor.AccountID)
	if err != nil {
		return nil, fmt.Errorf("listing the passkeys: %w", err)
	}
	return keys, nil
}

// RemovePasskey takes one of the actor's own passkeys away. All browsers are signed out, since one may have come
// in with it; session is a new one for the browser that asks. NotFound, code passkey_not_found.
func (s *Service) RemovePasskey(ctx context.Context, actor platform.Actor, id string) (session string, err error) {
	keys, err := s.PasskeyList(ctx, actor)
	if err != nil {
		return "", err
	}
	name := ""
	for _, key := range keys {
		if key.ID == id {
			name = key.Name
		}
	}
	session, err = s.anew(ctx, actor, func() error { return s.Store.DeletePasskey(ctx, actor.AccountID, id) })
	if err != nil {
		return "", fmt.Errorf("removing the passkey: %w", err)
	}
	s.event(ctx, actor, "passkey.remove", fmt.Sprintf("%s removed the passkey %s", actor.Name, name))
	return session, nil
}

// AskPasskey begins to sign in somebody who has not said who they are. TooMany, code too_many_tries.
func (s *Service) AskPasskey(site platform.Site, source string) (PasskeyOffer, error) {
	if err := s.limits.wait(s.now(), sourceKey(source)); err != nil {
		return PasskeyOffer{}, err
	}
	options, state, err := s.Passkeys.Ask(site)
	if err != nil {
		return PasskeyOffer{}, err
	}
	return PasskeyOffer{ID: s.asked.put(s.now(), ceremony{site: site, state: state}), Options: options}, nil
}

// EnterPasskey signs in with what the browser answered; it counts as the password and the second factor.
// Unauthenticated, code passkey_refused; Conflict, code passkey_not_begun.
func (s *Service) EnterPasskey(ctx context.Context, id string, answer []byte, source, userAgent string) (session string, err error) {
	try, err := s.limits.reserve(s.now(), map[string]rate{sourceKey(source): sourceRate})
	if err != nil {
		return "", err
	}
	begun, ok := s.asked.take(s.now(), id)
	if !ok {
		return "", errCeremonyOver
	}
	key, err := s.Passkeys.Proved(begun.site, begun.state, answer, func(credential string) (platform.Passkey, error) {
		return s.Store.PasskeyByCredential(ctx, credential)
	})
	if platform.IsKind(err, platform.NotFound) {
		return "", platform.Errorf(platform.Unauthenticated, "passkey_refused", "That passkey is not known here any more.").
			WithHint("Sign in with your password, and remove the passkey from your device.")
	}
	if err != nil {
		return "", err
	}
	account, err := s.Store.AccountByID(ctx, key.AccountID)
	if err != nil {
		return "", fmt.Errorf("finding the account: %w", err)
	}
	try.giveBack()
	if err := s.Store.UsePasskey(ctx, key.ID, key.Data, s.now()); err != nil {
		return "", fmt.Errorf("noting the passkey: %w", err)
	}
	return s.enter(ctx, account, source, userAgent, " with the passkey "+key.Name)
}
