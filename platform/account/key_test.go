package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

const (
	adasKey  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIATYpVTpcdSZLWba+6/sUqaYYdc+Qkxm72J90Zs0Sbbo ada@laptop"
	otherKey = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMPgCiD9RpG+4HI6bIZ2h+2fLbBdy6h5f1RjZSKK6Y+CJYORR/DQlxhedyHglYDJo1ESwEvHH09PhRj5RqHp0yc="
)

func TestSSHKey_SpeaksForItsAccountUntilItIsRemoved(t *testing.T) {
	f, owner := claimed(t)
	ctx := t.Context()
	key, err := f.AddSSHKey(ctx, owner, "", adasKey)
	must(t, err)
	if key.Name != "ada@laptop" || key.LastUsedAt != nil {
		t.Errorf("%+v", key)
	}
	actor, err := f.AuthenticateKey(ctx, key.Fingerprint, home)
	must(t, err)
	if actor.Name != ada || actor.Via != "git" || actor.SessionID != key.ID || actor.Source != home {
		t.Errorf("%+v", actor)
	}
	for action, want := range map[platform.Action]bool{
		platform.ActionRead: true, platform.ActionDeploy: true, platform.ActionManage: false, platform.ActionSecrets: false, platform.ActionAccount: false,
	} {
		if platform.Can(actor, action, "") != want {
			t.Errorf("a key may %s: %t, want %t", action, !want, want)
		}
	}
	keys, err := f.SSHKeys(ctx, owner)
	must(t, err)
	if len(keys) != 1 || keys[0].LastUsedAt == nil {
		t.Errorf("%+v", keys)
	}
	must(t, f.RemoveSSHKey(ctx, owner, key.ID))
	_, err = f.AuthenticateKey(ctx, key.Fingerprint, home)
	wantCode(t, err, platform.Unauthenticated, "key_unknown")
	wantCode(t, f.RemoveSSHKey(ctx, owner, key.ID), platform.NotFound, "key_not_found")
	events, err := f.store.Events(ctx, "", 0, 20)
	must(t, err)
	text := ""
	for _, e := range events {
		text += e.Action + " " + e.Text + "\n"
	}
	for _, want := range []string{"key.add ada@example.com added the SSH key ada@laptop (SHA256:", "key.remove ada@example.com removed the SSH key ada@laptop"} {
		if !strings.Contains(text, want) {
			t.Errorf("no event %q in\n%s", want, text)
		}
	}
}

func TestSSHKey_IsOnePersonsOnly(t *testing.T) {
	f, owner := claimed(t)
	ctx := t.Context()
	bob := platform.Account{Email: "bob@example.com", PasswordHash: "x", Role: platform.RoleDeveloper}
	must(t, f.store.CreateAccount(ctx, &bob))
	other := platform.Actor{AccountID: bob.ID, Name: bob.Email, Role: bob.Role, Via: "console"}
	key, err := f.AddSSHKey(ctx, owner, "laptop", adasKey)
	must(t, err)
	_, err = f.AddSSHKey(ctx, owner, "again", strings.Replace(adasKey, "ada@laptop", "other words", 1))
	wantCode(t, err, platform.Conflict, "key_exists")
	_, err = f.AddSSHKey(ctx, other, "mine", adasKey)
	wantCode(t, err, platform.Conflict, "key_exists")
	wantCode(t, f.RemoveSSHKey(ctx, other, key.ID), platform.NotFound, "key_not_found")
	keys, err := f.SSHKeys(ctx, other)
	must(t, err)
	if len(keys) != 0 {
		t.Errorf("another one's keys are shown: %+v", keys)
	}
	_, err = f.AddSSHKey(ctx, other, "\x1b[31m", otherKey)
	wantCode(t, err, platform.Invalid, "key_name_invalid")
	named, err := f.AddSSHKey(ctx, other, "", otherKey)
	must(t, err)
	if named.Name != "ecdsa key" {
		t.Errorf("a key without a comment is named %q", named.Name)
	}
}

func TestSSHKey_OnlyForWhoManagesTheAccount(t *testing.T) {
	f, owner := claimed(t)
	ctx := t.Context()
	for _, scope := range []platform.Scope{platform.ScopeRead, platform.ScopeDeploy} {
		narrow := owner
		narrow.Scopes = []platform.Scope{scope}
		_, err := f.AddSSHKey(ctx, narrow, "x", adasKey)
		wantCode(t, err, platform.Forbidden, "not_allowed")
		_, err = f.SSHKeys(ctx, narrow)
		wantCode(t, err, platform.Forbidden, "not_allowed")
		wantCode(t, f.RemoveSSHKey(ctx, narrow, "x"), platform.Forbidden, "not_allowed")
	}
}

func TestA53_FailedKeysCountInTheThrottleOfAllDoors(t *testing.T) {
	f, _ := claimed(t)
	for i := range 30 {
		if err := f.KeyWait(home); err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
		f.KeyFailed(home)
	}
	wantCode(t, f.KeyWait(home), platform.TooMany, "too_many_tries")
	_, err := f.Authenticate(t.Context(), "lgs_wrong", "api", home)
	wantCode(t, err, platform.TooMany, "too_many_tries")
	must(t, f.KeyWait("203.0.113.99"))
	f.pass(2 * time.Minute)
	must(t, f.KeyWait(home))
}
