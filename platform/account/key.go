package account

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Keys keeps SSH keys. A fingerprint is there once at most.
type Keys interface {
	CreateSSHKey(ctx context.Context, key *platform.SSHKey) error
	SSHKeyByFingerprint(ctx context.Context, fingerprint string) (platform.SSHKey, error)
	TouchSSHKey(ctx context.Context, id string, used time.Time) error
	DeleteSSHKey(ctx context.Context, accountID, id string) error
	SSHKeysOf(ctx context.Context, accountID string) ([]platform.SSHKey, error)
}

// maxKeys bounds the SSH keys of an account.
const maxKeys = 100

var errNoKey = platform.Errorf(platform.Unauthenticated, "key_unknown", "This SSH key is not known here.").
	WithHint("Add it in the console under Account, or run: lugsail keys add")

// AddSSHKey lets a key speak for the actor in git over SSH. text is a public key as in a .pub
// file; name "" means its comment. Conflict, code key_exists, when it is known already.
func (s *Service) AddSSHKey(ctx context.Context, actor platform.Actor, name, text string) (platform.SSHKey, error) {
	if err := mayManage(actor); err != nil {
		return platform.SSHKey{}, err
	}
	key, err := platform.ParseSSHKey(text)
	if err != nil {
		return key, err
	}
	if name = strings.TrimSpace(name); name != "" {
		key.Name = name
	}
	if key.Name == "" {
		key.Name = strings.ToLower(key.Kind()) + " key"
	}
	if err := platform.ValidateKeyName(key.Name); err != nil {
		return platform.SSHKey{}, err
	}
	if err := s.mayAddKey(ctx, actor, key); err != nil {
		return platform.SSHKey{}, err
	}
	key.ID, key.AccountID, key.CreatedAt = platform.NewID(), actor.AccountID, s.now()
	if err := s.Store.CreateSSHKey(ctx, &key); err != nil {
		return platform.SSHKey{}, fmt.Errorf("recording the key: %w", err)
	}
	s.event(ctx, actor, "key.add", fmt.Sprintf("%s added the SSH key %s (%s)", actor.Name, key.Name, key.Fingerprint))
	return key, nil
}

// mayAddKey says who has the key already. One key is one person, so that a push has a name.
func (s *Service) mayAddKey(ctx context.Context, actor platform.Actor, key platform.SSHKey) error {
	known, err := s.Store.SSHKeyByFingerprint(ctx, key.Fingerprint)
	switch {
	case err == nil && known.AccountID == actor.AccountID:
		return platform.Errorf(platform.Conflict, "key_exists", "You have added this key already, as %s.", known.Name)
	case err == nil:
		return platform.Errorf(platform.Conflict, "key_exists", "This key belongs to another account of this server.").
			WithHint("A key tells who pushes. Make one of your own: ssh-keygen -t ed25519")
	case !platform.IsKind(err, platform.NotFound):
		return fmt.Errorf("finding the key: %w", err)
	}
	all, err := s.Store.SSHKeysOf(ctx, actor.AccountID)
	if err != nil {
		return fmt.Errorf("counting the keys: %w", err)
	}
	if len(all) >= maxKeys {
		return platform.Errorf(platform.Conflict, "keys_too_many", "You have %d SSH keys already.", len(all)).
			WithHint("Remove those that are not used any more.")
	}
	return nil
}

// SSHKeys lists the actor's own keys, newest first.
func (s *Service) SSHKeys(ctx context.Context, actor platform.Actor) ([]platform.SSHKey, error) {
	if err := mayManage(actor); err != nil {
		return nil, err
	}
	keys, err := s.Store.SSHKeysOf(ctx, actor.AccountID)
	if err != nil {
		return nil, fmt.Errorf("listing the keys: %w", err)
	}
	return keys, nil
}

// RemoveSSHKey takes one of the actor's own keys away; what it has open ends within seconds.
// NotFound, code key_not_found.
func (s *Service) RemoveSSHKey(ctx context.Context, actor platform.Actor, id string) error {
	keys, err := s.SSHKeys(ctx, actor)
	if err != nil {
		return err
	}
	name := ""
	for _, key := range keys {
		if key.ID == id {
			name = key.Name
		}
	}
	if err := s.Store.DeleteSSHKey(ctx, actor.AccountID, id); err != nil {
		return fmt.Errorf("removing the key: %w", err)
	}
	s.event(ctx, actor, "key.remove", fmt.Sprintf("%s removed the SSH key %s", actor.Name, name))
	return nil
}

// KnowsKey is nil when the key is somebody's; Unauthenticated, code key_unknown, when it is not.
func (s *Service) KnowsKey(ctx context.Context, fingerprint string) error {
	_, _, err := s.findKey(ctx, fingerprint)
	return err
}

func (s *Service) findKey(ctx context.Context, fingerprint string) (platform.SSHKey, platform.Account, error) {
	key, err := s.Store.SSHKeyByFingerprint(ctx, fingerprint)
	var account platform.Account
	if err == nil {
		account, err = s.Store.AccountByID(ctx, key.AccountID)
	}
	if platform.IsKind(err, platform.NotFound) {
		return key, account, errNoKey
	}
	if err != nil {
		return key, account, fmt.Errorf("finding the key: %w", err)
	}
	return key, account, nil
}

// AuthenticateKey tells who a key is that has signed. It may look and deploy, as far as its
// account may at this moment; the SFTP door lets it have files beside that. Unauthenticated, code key_unknown; it is not throttled here,
// because a client may offer several keys of which one is right: see KeyFailed.
func (s *Service) AuthenticateKey(ctx context.Context, fingerprint, source string) (platform.Actor, error) {
	key, account, err := s.findKey(ctx, fingerprint)
	if err != nil {
		return platform.Actor{}, err
	}
	if now := s.now(); key.LastUsedAt == nil || now.Sub(*key.LastUsedAt) >= touchEvery {
		if err := s.Store.TouchSSHKey(ctx, key.ID, now); err != nil {
			slog.WarnContext(ctx, "key not noted", "error", err) // a full disk must not shut people out
		}
	}
	return platform.Actor{
		AccountID: account.ID, Name: account.Email, Role: account.Role, Via: "git", Source: source, SessionID: key.ID,
		Scopes: []platform.Scope{platform.ScopeDeploy},
	}, nil
}

// KeyFailed counts a connection on which no key was right against its source, in the throttle
// that all doors share.
func (s *Service) KeyFailed(source string) {
	_, _ = s.limits.reserve(s.now(), map[string]rate{sourceKey(source): sourceRate}) // KeyWait tells
}

// KeyWait is nil, or TooMany with the time to wait for a source with too many wrong tries, at
// whichever door they were.
func (s *Service) KeyWait(source string) error {
	return s.limits.wait(s.now(), sourceKey(source))
}
