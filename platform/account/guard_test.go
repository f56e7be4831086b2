package account_test

import (
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
)

func (f *fixture) wantGuard(t *testing.T, actor platform.Actor, asked bool, left time.Duration) {
	t.Helper()
	g, err := f.GuardOf(t.Context(), actor)
	must(t, err)
	if g.Asked() != asked || asked && (g.Over != (left <= 0) || g.Due.Sub(f.Now()) != left) {
		t.Errorf("asked %v, %v left, over %v; want %v, %v left", g.Asked(), g.Due.Sub(f.Now()), g.Over, asked, left)
	}
}

func TestGuard_OwnersHaveSevenDaysFromTheFirstSignInOn(t *testing.T) {
	f, owner := claimed(t)
	f.wantGuard(t, owner, true, account.GuardTime)
	f.pass(24 * time.Hour)
	f.wantGuard(t, owner, true, account.GuardTime-24*time.Hour)
	f.pass(account.GuardTime - 24*time.Hour - time.Second)
	f.wantGuard(t, owner, true, time.Second)
	f.pass(time.Second)
	f.wantGuard(t, owner, true, 0)

	token, others := owner, owner
	token.Scopes = []platform.Scope{platform.ScopeAdmin}
	f.wantGuard(t, token, false, 0)
	for _, role := range []platform.Role{platform.RoleDeveloper, platform.RoleViewer} {
		others.Role = role
		f.wantGuard(t, others, false, 0)
	}
	f.wantGuard(t, platform.System(), false, 0)

	f.pass(-30 * 24 * time.Hour) // the clock was ahead
	f.wantGuard(t, owner, true, account.GuardTime)
}

func TestGuard_ASecondFactorOrAPasskeyIsEnoughAndItsEndBeginsAnew(t *testing.T) {
	f, owner := claimed(t)
	f.wantGuard(t, owner, true, account.GuardTime)
	f.pass(account.GuardTime + time.Hour)
	f.wantGuard(t, owner, true, -time.Hour)
	invitation, err := f.BeginSecondFactor(t.Context(), owner, password)
	must(t, err)
	f.wantGuard(t, owner, true, -time.Hour) // not yet confirmed
	_, session, err := f.ConfirmSecondFactor(t.Context(), owner, f.code(t, invitation.Secret))
	must(t, err)
	owner, _, err = f.Session(t.Context(), session, home)
	must(t, err)
	f.wantGuard(t, owner, false, 0)
	f.pass(time.Minute)
	_, err = f.EndSecondFactor(t.Context(), owner, password, f.code(t, invitation.Secret))
	must(t, err)
	f.wantGuard(t, owner, true, account.GuardTime)

	f.pass(time.Hour)
	must(t, f.store.CreatePasskey(t.Context(), &platform.Passkey{ID: "k", Credential: "c", AccountID: owner.AccountID, Name: "phone", Host: "h", Data: "{}"}))
	f.wantGuard(t, owner, false, 0)
	must(t, f.store.DeletePasskey(t.Context(), owner.AccountID, "k"))
	f.wantGuard(t, owner, true, account.GuardTime)
}
