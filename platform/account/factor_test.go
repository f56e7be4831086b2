package account_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
)

// guarded gives a fixture whose owner has a second factor, with its secret, the recovery codes and the session.
func guarded(t *testing.T) (f *fixture, actor platform.Actor, secret string, codes []string) {
	t.Helper()
	f, actor = claimed(t)
	invitation, err := f.BeginSecondFactor(t.Context(), actor, password)
	must(t, err)
	codes, session, err := f.ConfirmSecondFactor(t.Context(), actor, f.code(t, invitation.Secret))
	must(t, err)
	actor, _, err = f.Session(t.Context(), session, home)
	must(t, err)
	f.pass(time.Minute) // the first code is used
	return f, actor, invitation.Secret, codes
}

// code is what the phone shows now.
func (f *fixture) code(t *testing.T, secret string) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, f.Now())
	must(t, err)
	return code
}

func TestA55_TheSecondFactorIsAskedForOnceItIsConfirmed(t *testing.T) {
	f, actor := claimed(t)
	ctx := t.Context()
	other, err := f.Login(ctx, ada, password, "", home, agent)
	must(t, err)
	_, err = f.BeginSecondFactor(ctx, actor, "wrong wrong wrong") // a stolen session is not enough
	wantCode(t, err, platform.Unauthenticated, "wrong_password")
	_, _, err = f.ConfirmSecondFactor(ctx, actor, "123456")
	wantCode(t, err, platform.Conflict, "second_factor_not_begun")
	invitation, err := f.BeginSecondFactor(ctx, actor, password)
	must(t, err)
	if !strings.Contains(invitation.URL, invitation.Secret) || !strings.HasPrefix(invitation.URL, "otpauth://totp/Lugsail:ada@example.com?") || len(invitation.QR) < 25 || len(invitation.QR) != len(invitation.QR[0]) {
		t.Errorf("got %+v", invitation)
	}
	_, err = f.Login(ctx, ada, password, "", home, agent) // a draft locks nobody out
	must(t, err)
	_, _, err = f.ConfirmSecondFactor(ctx, actor, "abcdef")
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	codes, session, err := f.ConfirmSecondFactor(ctx, actor, f.code(t, invitation.Secret))
	must(t, err)
	if len(codes) != account.RecoveryCodeCount {
		t.Errorf("%d recovery codes", len(codes))
	}
	_, _, err = f.Session(ctx, other, home)
	wantCode(t, err, platform.Unauthenticated, "not_signed_in")
	fresh, _, err := f.Session(ctx, session, home)
	must(t, err)
	if fresh.SessionID == actor.SessionID {
		t.Error("the session kept its id")
	}
	_, err = f.Login(ctx, ada, password, "", home, agent)
	wantCode(t, err, platform.Unauthenticated, "second_factor_needed")
	_, err = f.BeginSecondFactor(ctx, fresh, password)
	wantCode(t, err, platform.Conflict, "second_factor_on")
}

func TestA55_ADraftIsOverAfterAQuarterOfAnHour(t *testing.T) {
	f, actor := claimed(t)
	invitation, err := f.BeginSecondFactor(t.Context(), actor, password)
	must(t, err)
	f.pass(15 * time.Minute)
	_, _, err = f.ConfirmSecondFactor(t.Context(), actor, f.code(t, invitation.Secret))
	wantCode(t, err, platform.Conflict, "second_factor_not_begun")
}

func TestA55_ACodeIsTakenOnceAndOnlyForAMinute(t *testing.T) {
	f, _, secret, _ := guarded(t)
	ctx := t.Context()
	code := f.code(t, secret)
	session, err := f.Login(ctx, ada, password, code[:3]+" "+code[3:], home, agent)
	must(t, err)
	_, _, err = f.Session(ctx, session, home)
	must(t, err)
	_, err = f.Login(ctx, ada, password, code, home, agent)
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	f.pass(30 * time.Second)
	next := f.code(t, secret)
	_, err = f.Login(ctx, ada, password, next, home, agent)
	must(t, err)
	_, err = f.Login(ctx, ada, password, code, home, agent) // older than the last one used
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	f.pass(30 * time.Second)
	late := f.code(t, secret)
	f.pass(time.Minute)
	_, err = f.Login(ctx, ada, password, late, home, agent)
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
}

func TestA55_OfManyWithOneCodeOneComesIn(t *testing.T) {
	f, _, secret, _ := guarded(t)
	code := f.code(t, secret)
	var all sync.WaitGroup
	won := make(chan string, 4)
	for range 4 {
		all.Go(func() {
			if session, err := f.Login(t.Context(), ada, password, code, home, agent); err == nil {
				won <- session
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Errorf("%d came in", len(won))
	}
}

func TestA55_GuessingStopsAfterFiveCodesFromEverywhereTogether(t *testing.T) {
	f, _, secret, _ := guarded(t)
	ctx := t.Context()
	right := f.code(t, secret)
	for i := range 5 {
		_, err := f.Login(ctx, ada, password, fmt.Sprintf("%06d", (i+1)*7), fmt.Sprintf("203.0.113.%d", i), agent)
		wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	}
	_, err := f.Login(ctx, ada, password, right, "203.0.113.99", agent)
	wantCode(t, err, platform.TooMany, "too_many_tries")
	_, err = f.Login(ctx, ada, password, right, home, agent) // strangers shut nobody out where a session is
	must(t, err)
	f.pass(5 * time.Minute)
	_, err = f.Login(ctx, ada, password, f.code(t, secret), "203.0.113.99", agent)
	must(t, err)
}

func TestA55_WhoKnowsThePasswordAndGuessesIsRecorded(t *testing.T) {
	f, _, _, _ := guarded(t)
	_, err := f.Login(t.Context(), ada, password, "000000", "203.0.113.9", agent)
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	events, err := f.store.Events(t.Context(), "", 0, 1)
	must(t, err)
	if len(events) != 1 || events[0].Action != "session.refused" || events[0].Source != "203.0.113.9" {
		t.Errorf("got %+v", events)
	}
}

func TestA55_ARecoveryCodeWorksOnceAndForItsAccountAlone(t *testing.T) {
	f, actor, _, codes := guarded(t)
	ctx := t.Context()
	_, err := f.Login(ctx, ada, password, strings.ToUpper(codes[0]), home, agent)
	must(t, err)
	_, err = f.Login(ctx, ada, password, codes[0], home, agent)
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	state, err := f.Security(ctx, actor)
	must(t, err)
	if !state.On || state.CodesLeft != 9 {
		t.Errorf("got %+v", state)
	}
	hash, err := f.Passwords.Hash(ctx, password)
	must(t, err)
	bob := platform.Account{ID: platform.NewID(), Email: "bob@example.com", PasswordHash: hash, Role: platform.RoleDeveloper, CreatedAt: f.Now()}
	must(t, f.store.CreateAccount(ctx, &bob))
	session, err := f.Login(ctx, bob.Email, password, "", home, agent)
	must(t, err)
	bobs, _, err := f.Session(ctx, session, home)
	must(t, err)
	invitation, err := f.BeginSecondFactor(ctx, bobs, password)
	must(t, err)
	_, _, err = f.ConfirmSecondFactor(ctx, bobs, f.code(t, invitation.Secret))
	must(t, err)
	_, err = f.Login(ctx, bob.Email, password, codes[1], home, agent)
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	_, err = f.Login(ctx, ada, password, codes[1], home, agent)
	must(t, err)
}

func TestA55_NewRecoveryCodesEndTheOldOnes(t *testing.T) {
	f, actor, secret, old := guarded(t)
	ctx := t.Context()
	_, err := f.NewRecoveryCodes(ctx, actor, password, "")
	wantCode(t, err, platform.Unauthenticated, "second_factor_needed")
	codes, err := f.NewRecoveryCodes(ctx, actor, password, f.code(t, secret))
	must(t, err)
	_, err = f.Login(ctx, ada, password, old[3], home, agent)
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	_, err = f.Login(ctx, ada, password, codes[3], home, agent)
	must(t, err)
}

func TestA55_SwitchingOffNeedsThePasswordAndACode(t *testing.T) {
	f, actor, secret, codes := guarded(t)
	ctx := t.Context()
	_, err := f.EndSecondFactor(ctx, actor, "wrong wrong wrong", f.code(t, secret))
	wantCode(t, err, platform.Unauthenticated, "wrong_password")
	_, err = f.EndSecondFactor(ctx, actor, password, "000000")
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	session, err := f.EndSecondFactor(ctx, actor, password, f.code(t, secret))
	must(t, err)
	fresh, _, err := f.Session(ctx, session, home)
	must(t, err)
	_, err = f.Login(ctx, ada, password, "", home, agent)
	must(t, err)
	_, err = f.EndSecondFactor(ctx, fresh, password, codes[0])
	wantCode(t, err, platform.Conflict, "second_factor_off")
}

func TestA55_TheSecondStepOpensNothingWithoutTheFirst(t *testing.T) {
	f, _, secret, _ := guarded(t)
	ctx := t.Context()
	_, err := f.EnterCode(ctx, "", f.code(t, secret), home, agent)
	wantCode(t, err, platform.Unauthenticated, "step_over")
	in, err := f.EnterPassword(ctx, ada, password, home, agent)
	must(t, err)
	if in.Session != "" || in.Step == "" {
		t.Fatalf("got %+v", in)
	}
	_, _, err = f.Session(ctx, in.Step, home) // it is no session
	wantCode(t, err, platform.Unauthenticated, "not_signed_in")
	must(t, f.StepOpen(in.Step))
	_, err = f.EnterCode(ctx, in.Step, "000000", home, agent)
	wantCode(t, err, platform.Unauthenticated, "second_factor_wrong")
	session, err := f.EnterCode(ctx, in.Step, f.code(t, secret), home, agent)
	must(t, err)
	_, _, err = f.Session(ctx, session, home)
	must(t, err)
	wantCode(t, f.StepOpen(in.Step), platform.Unauthenticated, "step_over")
}

func TestA55_ASecondStepIsOverInTenMinutesAndWhenThePasswordChanges(t *testing.T) {
	f, actor, secret, _ := guarded(t)
	ctx := t.Context()
	in, err := f.EnterPassword(ctx, ada, password, home, agent)
	must(t, err)
	f.pass(10 * time.Minute)
	_, err = f.EnterCode(ctx, in.Step, f.code(t, secret), home, agent)
	wantCode(t, err, platform.Unauthenticated, "step_over")
	in, err = f.EnterPassword(ctx, ada, password, home, agent)
	must(t, err)
	_, err = f.ChangePassword(ctx, actor, password, "a new kettle sings")
	must(t, err)
	_, err = f.EnterCode(ctx, in.Step, f.code(t, secret), home, agent)
	wantCode(t, err, platform.Unauthenticated, "step_over")
}

func TestA48_ARecoveryLinkAsksForTheSecondFactorUnlessItEndsIt(t *testing.T) {
	f, _, secret, _ := guarded(t)
	ctx := t.Context()
	link, _, err := f.IssueRecoverLink(ctx, "")
	must(t, err)
	state, err := f.LinkSecurity(ctx, link, home)
	must(t, err)
	if !state.On {
		t.Error("the page would not offer to switch the second factor off")
	}
	in, err := f.Recover(ctx, link, "another kettle hums", false, home, agent)
	must(t, err)
	if in.Session != "" {
		t.Fatal("the link passed by the second factor")
	}
	_, err = f.EnterCode(ctx, in.Step, f.code(t, secret), home, agent)
	must(t, err)
	_, err = f.Recover(ctx, link, "yet another kettle", true, home, agent)
	wantCode(t, err, platform.NotFound, "link_invalid")

	link, _, err = f.IssueRecoverLink(ctx, "")
	must(t, err)
	in, err = f.Recover(ctx, link, "yet another kettle", true, home, agent)
	must(t, err)
	actor, _, err := f.Session(ctx, in.Session, home)
	must(t, err)
	state, err = f.Security(ctx, actor)
	must(t, err)
	if state.On || state.CodesLeft != 0 || state.PasskeysAll != 0 {
		t.Errorf("got %+v", state)
	}
	_, err = f.Login(ctx, ada, "yet another kettle", "", home, agent)
	must(t, err)
}

func TestA46_ATokenThatMayNotManageTheAccountCannotTouchItsSecurity(t *testing.T) {
	f, actor, secret, _ := guarded(t)
	ctx := t.Context()
	for _, scope := range []platform.Scope{platform.ScopeRead, platform.ScopeDeploy} {
		text, _, err := f.CreateToken(ctx, actor, "narrow", []platform.Scope{scope}, "", 0)
		must(t, err)
		narrow, err := f.Authenticate(ctx, text, "api", home)
		must(t, err)
		_, err = f.Security(ctx, narrow)
		wantCode(t, err, platform.Forbidden, "not_allowed")
		_, err = f.BeginSecondFactor(ctx, narrow, password)
		wantCode(t, err, platform.Forbidden, "not_allowed")
		_, _, err = f.ConfirmSecondFactor(ctx, narrow, f.code(t, secret))
		wantCode(t, err, platform.Forbidden, "not_allowed")
		_, err = f.EndSecondFactor(ctx, narrow, password, f.code(t, secret))
		wantCode(t, err, platform.Forbidden, "not_allowed")
		_, err = f.NewRecoveryCodes(ctx, narrow, password, f.code(t, secret))
		wantCode(t, err, platform.Forbidden, "not_allowed")
		_, err = f.RevokeOtherSessions(ctx, narrow)
		wantCode(t, err, platform.Forbidden, "not_allowed")
		_, err = f.BeginPasskey(ctx, narrow, platform.Site{Host: "console.example.com", Origin: "https://console.example.com"}, "phone", password, f.code(t, secret))
		wantCode(t, err, platform.Forbidden, "not_allowed")
	}
}

func TestSession_AllOthersEndAtOnce(t *testing.T) {
	f, actor := claimed(t)
	ctx := t.Context()
	for range 3 {
		_, err := f.Login(ctx, ada, password, "", home, agent)
		must(t, err)
	}
	ended, err := f.RevokeOtherSessions(ctx, actor)
	must(t, err)
	left, err := f.Sessions(ctx, actor)
	must(t, err)
	if ended != 3 || len(left) != 1 || left[0].ID != actor.SessionID {
		t.Errorf("%d ended, left %+v", ended, left)
	}
}
