package account_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/passkey"
	"github.com/lugsail/lugsail/internal/secret"
	"github.com/lugsail/lugsail/internal/store"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/account"
)

const (
	ada      = "ada@example.com"
	password = "blue kettle sings"
	home     = "198.51.100.7"
	agent    = "Firefox"
)

// fixture is the service on the real store, with a clock that stands until it is moved.
type fixture struct {
	*account.Service
	store *store.Store
	mu    sync.Mutex
	time  time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	key, err := secret.LoadOrCreateKey(filepath.Join(dir, "master.key"))
	must(t, err)
	f := &fixture{time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	now := func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.time }
	f.store, err = store.Open(t.Context(), store.Config{Dir: dir, Key: key, Now: now})
	must(t, err)
	t.Cleanup(func() {
		if err := f.store.Close(); err != nil {
			t.Error(err)
		}
	})
	f.Service = account.New(f.store, secret.NewPasswords(), secret.Codes{}, passkey.Passkeys{})
	f.Now = now
	return f
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.time = f.time.Add(d)
}

// claimed gives a fixture with its owner, and the owner's session.
func claimed(t *testing.T) (*fixture, platform.Actor) {
	t.Helper()
	f := newFixture(t)
	link, err := f.IssueSetupLink(t.Context())
	must(t, err)
	session, err := f.Claim(t.Context(), link, ada, password, home, agent)
	must(t, err)
	actor, _, err := f.Session(t.Context(), session, home)
	must(t, err)
	return f, actor
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, kind platform.Kind, code string) {
	t.Helper()
	var e *platform.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Code != code {
		t.Fatalf("got %v, want %s %s", err, kind, code)
	}
}

func TestClaim_A44MakesTheFirstOwnerOnceAndSignsIn(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	if claimed, err := f.Claimed(ctx); err != nil || claimed {
		t.Fatalf("got %v, %v", claimed, err)
	}
	link, err := f.IssueSetupLink(ctx)
	must(t, err)
	_, err = f.CheckLink(ctx, link, account.PurposeSetup, home)
	must(t, err)
	_, err = f.Claim(ctx, link, ada, "short", home, agent)
	wantCode(t, err, platform.Invalid, "password_short")
	session, err := f.Claim(ctx, link, " Ada@Example.com ", password, home, agent)
	must(t, err)
	actor, person, err := f.Session(ctx, session, "203.0.113.9")
	must(t, err)
	if actor.Name != ada || actor.Role != platform.RoleOwner || actor.Scopes != nil || actor.Source != "203.0.113.9" || person.Email != ada {
		t.Fatalf("got %+v", actor)
	}
	_, err = f.Claim(ctx, link, "eve@example.com", password, home, agent)
	wantCode(t, err, platform.NotFound, "link_invalid")
	_, err = f.IssueSetupLink(ctx)
	wantCode(t, err, platform.Conflict, "already_set_up")
}

func TestClaim_OfManyAtOnceOneWins(t *testing.T) {
	f := newFixture(t)
	link, err := f.IssueSetupLink(t.Context())
	must(t, err)
	var all sync.WaitGroup
	won := make(chan int, 6)
	for i := range 6 {
		all.Go(func() {
			if _, err := f.Claim(t.Context(), link, fmt.Sprintf("p%d@example.com", i), password, home, agent); err == nil {
				won <- i
			}
		})
	}
	all.Wait()
	n, err := f.store.AccountCount(t.Context())
	if err != nil || n != 1 || len(won) != 1 {
		t.Fatalf("%d accounts, %d winners, %v", n, len(won), err)
	}
}

func TestLinks_EndByTimeByNewerOnesAndByFiveTries(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	check := func(link string) error { _, err := f.CheckLink(ctx, link, account.PurposeSetup, home); return err }
	old, err := f.IssueSetupLink(ctx)
	must(t, err)
	link, err := f.IssueSetupLink(ctx)
	must(t, err)
	wantCode(t, check(old), platform.NotFound, "link_invalid")
	must(t, check(link))
	_, err = f.CheckLink(ctx, link, account.PurposeRecover, home)
	wantCode(t, err, platform.NotFound, "link_invalid")
	f.pass(account.LinkLife)
	wantCode(t, check(link), platform.NotFound, "link_invalid")

	link, err = f.IssueSetupLink(ctx)
	must(t, err)
	for range account.LinkTries {
		must(t, check(link))
		wantCode(t, check(link[:16]+strings.Repeat("x", len(link)-16)), platform.NotFound, "link_invalid")
	}
	wantCode(t, check(link), platform.NotFound, "link_invalid")
	for _, odd := range []string{"", "x", link[:16], link + "x", strings.Repeat("'", len(link))} {
		wantCode(t, check(odd), platform.NotFound, "link_invalid")
	}
}

func TestRecover_SetsThePasswordAndEndsAllSessions(t *testing.T) {
	f, _ := claimed(t)
	ctx := t.Context()
	before, err := f.Login(ctx, ada, password, "", home, agent)
	must(t, err)
	link, person, err := f.IssueRecoverLink(ctx, "")
	must(t, err)
	if person.Email != ada {
		t.Fatalf("got %+v", person)
	}
	email, err := f.CheckLink(ctx, link, account.PurposeRecover, home)
	if err != nil || email != ada {
		t.Fatalf("got %q, %v", email, err)
	}
	after, err := f.Recover(ctx, link, "another kettle hums", false, home, agent)
	must(t, err)
	_, _, err = f.Session(ctx, before, home)
	wantCode(t, err, platform.Unauthenticated, "not_signed_in")
	_, _, err = f.Session(ctx, after.Session, home)
	must(t, err)
	_, err = f.Login(ctx, ada, password, "", home, agent)
	wantCode(t, err, platform.Unauthenticated, "wrong_credentials")
	_, err = f.Recover(ctx, link, "yet another kettle", false, home, agent)
	wantCode(t, err, platform.NotFound, "link_invalid")
	_, _, err = f.IssueRecoverLink(ctx, "nobody@example.com")
	wantCode(t, err, platform.NotFound, "account_not_found")
}

func TestSession_EndsIdleAfterADayAndAnywayAfterThirty(t *testing.T) {
	f, _ := claimed(t)
	ctx := t.Context()
	session, err := f.Login(ctx, ada, password, "", home, agent)
	must(t, err)
	f.pass(account.SessionIdle - time.Second)
	_, _, err = f.Session(ctx, session, home)
	must(t, err)
	f.pass(account.SessionIdle)
	_, _, err = f.Session(ctx, session, home)
	wantCode(t, err, platform.Unauthenticated, "not_signed_in")

	session, err = f.Login(ctx, ada, password, "", home, agent)
	must(t, err)
	for range 59 {
		f.pass(12 * time.Hour)
		_, _, err = f.Session(ctx, session, home)
		must(t, err)
	}
	f.pass(12 * time.Hour)
	_, _, err = f.Session(ctx, session, home)
	wantCode(t, err, platform.Unauthenticated, "not_signed_in")
	for _, odd := range []string{"", "x", strings.Repeat("A", 43)} {
		_, _, err = f.Session(ctx, odd, home)
		wantCode(t, err, platform.Unauthenticated, "not_signed_in")
	}
}

// F30: a clock that was years ahead must not leave sessions behind that live for years.
func TestSession_OneOutOfTheTimeToComeEnds(t *testing.T) {
	f, _ := claimed(t)
	f.pass(10 * 365 * 24 * time.Hour)
	session, err := f.Login(t.Context(), ada, password, "", home, agent)
	must(t, err)
	f.pass(-time.Hour) // clocks are set by a little every day
	_, _, err = f.Session(t.Context(), session, home)
	must(t, err)
	f.pass(-10 * 365 * 24 * time.Hour)
	_, _, err = f.Session(t.Context(), session, home)
	wantCode(t, err, platform.Unauthenticated, "not_signed_in")
	_, err = f.Login(t.Context(), ada, password, "", home, agent)
	must(t, err)
}

func TestSession_LogoutRevokeAndPasswordChangeEndIt(t *testing.T) {
	f, _ := claimed(t)
	ctx := t.Context()
	login := func() (string, platform.Actor) {
		t.Helper()
		session, err := f.Login(ctx, ada, password, "", home, agent)
		must(t, err)
		actor, _, err := f.Session(ctx, session, home)
		must(t, err)
		return session, actor
	}
	first, _ := login()
	second, actor := login()
	third, thirdActor := login()
	must(t, f.Logout(ctx, first))
	must(t, f.Logout(ctx, first))
	_, _, err := f.Session(ctx, first, home)
	wantCode(t, err, platform.Unauthenticated, "not_signed_in")

	sessions, err := f.Sessions(ctx, actor)
	must(t, err)
	if len(sessions) != 3 { // the claim's, second and third
		t.Fatalf("got %+v", sessions)
	}
	must(t, f.RevokeSession(ctx, actor, thirdActor.SessionID))
	_, _, err = f.Session(ctx, third, home)
	wantCode(t, err, platform.Unauthenticated, "not_signed_in")
	wantCode(t, f.RevokeSession(ctx, actor, "other"), platform.NotFound, "session_not_found")

	fourth, _ := login()
	_, err = f.ChangePassword(ctx, actor, "wrong", "a new kettle sings")
	wantCode(t, err, platform.Unauthenticated, "wrong_password")
	_, err = f.ChangePassword(ctx, actor, password, "password123")
	wantCode(t, err, platform.Invalid, "password_common")
	fresh, err := f.ChangePassword(ctx, actor, password, "a new kettle sings")
	must(t, err)
	for _, old := range []string{fourth, second} { // a copy of the present browser's cookie, too
		_, _, err = f.Session(ctx, old, home)
		wantCode(t, err, platform.Unauthenticated, "not_signed_in")
	}
	now, _, err := f.Session(ctx, fresh, home)
	must(t, err)
	if now.SessionID == actor.SessionID {
		t.Error("the session kept its id")
	}
	_, err = f.Login(ctx, ada, "a new kettle sings", "", home, agent)
	must(t, err)
}

func TestLogin_A53SlowsGuessersDownButNotForGood(t *testing.T) {
	f, _ := claimed(t)
	ctx := t.Context()
	guess := func(source string) error {
		_, err := f.Login(ctx, ada, "wrong wrong wrong", "", source, agent)
		return err
	}
	const stranger, away = "203.0.113.99", "203.0.113.5"
	for range 10 {
		wantCode(t, guess(stranger), platform.Unauthenticated, "wrong_credentials")
	}
	wantCode(t, guess(stranger), platform.TooMany, "too_many_tries")
	_, err := f.Login(ctx, ada, password, "", stranger, agent)
	wantCode(t, err, platform.TooMany, "too_many_tries")
	// The owner is not shut out, also where no session is.
	for _, source := range []string{home, away} {
		_, err = f.Login(ctx, ada, password, "", source, agent)
		must(t, err)
	}
	// One a minute for the others.
	f.pass(time.Minute)
	wantCode(t, guess(stranger), platform.Unauthenticated, "wrong_credentials")
	wantCode(t, guess(stranger), platform.TooMany, "too_many_tries")
	f.pass(15 * time.Minute)
	_, err = f.Login(ctx, ada, password, "", stranger, agent)
	must(t, err)
}

func TestLogin_A53ManySourcesHaveAHundredTriesTogether(t *testing.T) {
	f, _ := claimed(t)
	f.Passwords = plain{f.Passwords}
	guess := func(i int) error {
		_, err := f.Login(t.Context(), ada, "wrong wrong wrong", "", fmt.Sprintf("203.0.113.%d", i), agent)
		return err
	}
	for i := range 100 {
		wantCode(t, guess(i), platform.Unauthenticated, "wrong_credentials")
	}
	wantCode(t, guess(100), platform.TooMany, "too_many_tries")
	_, err := f.Login(t.Context(), ada, password, "", home, agent) // where the owner's session is
	must(t, err)
	f.pass(15 * time.Minute)
	wantCode(t, guess(100), platform.Unauthenticated, "wrong_credentials")
}

// plain compares without the cost of a hash.
type plain struct{ account.Passwords }

func (plain) Verify(_ context.Context, _, given string) (ok, stale bool, err error) {
	return given == password, false, nil
}

func TestLogin_A53OneSourceHasThirtyAMinuteForAllAccountsAndDoors(t *testing.T) {
	f, _ := claimed(t)
	ctx := t.Context()
	source := func(i int) string { return fmt.Sprintf("2001:db8:1:2::%x", i) } // one /64
	for i := range 15 {
		_, err := f.Login(ctx, fmt.Sprintf("p%d@example.com", i), password, "", source(i), agent)
		wantCode(t, err, platform.Unauthenticated, "wrong_credentials")
	}
	for i := range 15 {
		_, err := f.Authenticate(ctx, "lgs_wrong", "git", source(i))
		wantCode(t, err, platform.Unauthenticated, "token_wrong")
	}
	_, err := f.Authenticate(ctx, "lgs_wrong", "git", source(77))
	wantCode(t, err, platform.TooMany, "too_many_tries")
	_, err = f.Login(ctx, ada, password, "", source(78), agent)
	wantCode(t, err, platform.TooMany, "too_many_tries")
	_, err = f.CheckLink(ctx, "x", account.PurposeSetup, source(79))
	wantCode(t, err, platform.TooMany, "too_many_tries")
	_, err = f.Login(ctx, ada, password, "", "2001:db8:1:3::1", agent)
	must(t, err)
	f.pass(2 * time.Second)
	_, err = f.Login(ctx, ada, password, "", source(80), agent)
	must(t, err)
}

func TestLogin_A53ManyAtOnceAreCountedBeforeTheyAreHashed(t *testing.T) {
	f, _ := claimed(t)
	var all sync.WaitGroup
	refused := make(chan error, 40)
	for range 40 {
		all.Go(func() {
			_, err := f.Login(t.Context(), ada, "wrong wrong wrong", "", "203.0.113.7", agent)
			if platform.IsKind(err, platform.TooMany) {
				refused <- err
			}
		})
	}
	all.Wait()
	if len(refused) != 30 {
		t.Fatalf("%d of 40 were refused unhashed, want 30", len(refused))
	}
}

// counting sees what the service asks of the hasher.
type counting struct {
	*secret.Passwords
	verified int
}

func (c *counting) Verify(ctx context.Context, hash, password string) (bool, bool, error) {
	c.verified++
	return c.Passwords.Verify(ctx, hash, password)
}

func TestLogin_A54UnknownAddressesReadAndCostTheSame(t *testing.T) {
	f, _ := claimed(t)
	hasher := &counting{Passwords: secret.NewPasswords()}
	f.Passwords = hasher
	_, wrong := f.Login(t.Context(), ada, "wrong wrong wrong", "", "203.0.113.1", agent)
	for i, email := range []string{"nobody@example.com", "no address", ""} {
		_, err := f.Login(t.Context(), email, "wrong wrong wrong", "", "203.0.113.1", agent)
		if err == nil || err.Error() != wrong.Error() || platform.AsError(err).Hint != platform.AsError(wrong).Hint {
			t.Errorf("%q: got %v, want %v", email, err, wrong)
		}
		if hasher.verified != i+2 {
			t.Errorf("%q: no hash was computed", email)
		}
	}
}

func TestTokens_A56AreShownOnceNarrowedAndEnd(t *testing.T) {
	f, actor := claimed(t)
	ctx := t.Context()
	text, token, err := f.CreateToken(ctx, actor, " ci ", []platform.Scope{platform.ScopeDeploy}, "app1", 0)
	must(t, err)
	if !strings.HasPrefix(text, "lgs_"+token.ID) || len(token.ID) != 8 || len(text) != 61 || token.Name != "ci" {
		t.Fatalf("got %s, %+v", text, token)
	}
	if want := f.Now().Add(account.TokenLife); !token.ExpiresAt.Equal(want) {
		t.Fatalf("expires %s, want %s", token.ExpiresAt, want)
	}
	got, err := f.Authenticate(ctx, text, "git", home)
	must(t, err)
	if got.Name != ada || got.AppID != "app1" || got.Via != "git" || got.SessionID != token.ID ||
		!platform.Can(got, platform.ActionDeploy, "app1") || platform.Can(got, platform.ActionDeploy, "app2") || platform.Can(got, platform.ActionManage, "app1") {
		t.Fatalf("got %+v", got)
	}
	for i := range len(text) {
		other := []byte(text)
		other[i] ^= 1
		_, err := f.Authenticate(ctx, string(other), "git", fmt.Sprintf("203.0.113.%d", i))
		wantCode(t, err, platform.Unauthenticated, "token_wrong")
	}
	_, _, err = f.CreateToken(ctx, got, "more", []platform.Scope{platform.ScopeAdmin}, "", 0)
	wantCode(t, err, platform.Forbidden, "not_allowed")

	f.pass(account.TokenLife)
	_, err = f.Authenticate(ctx, text, "git", home)
	wantCode(t, err, platform.Unauthenticated, "token_expired")
	text, token, err = f.CreateToken(ctx, actor, "for ever", []platform.Scope{platform.ScopeAdmin}, "", -1)
	must(t, err)
	f.pass(10 * 365 * 24 * time.Hour)
	_, err = f.Authenticate(ctx, text, "api", home)
	must(t, err)
	list, err := f.Tokens(ctx, actor)
	must(t, err)
	if len(list) != 2 || list[0].ID != token.ID || list[0].LastUsedAt == nil {
		t.Fatalf("got %+v", list)
	}
	must(t, f.RevokeToken(ctx, actor, token.ID))
	_, err = f.Authenticate(ctx, text, "api", home)
	wantCode(t, err, platform.Unauthenticated, "token_wrong")
	wantCode(t, f.RevokeToken(ctx, actor, token.ID), platform.NotFound, "token_not_found")
}

func TestTokens_A56AreWorthWhatTheAccountIsWorthNow(t *testing.T) {
	f, actor := claimed(t)
	ctx := t.Context()
	text, _, err := f.CreateToken(ctx, actor, "laptop", []platform.Scope{platform.ScopeAdmin}, "", 0)
	must(t, err)
	_, err = f.store.UpdateAccount(ctx, actor.AccountID, func(a *platform.Account) error { a.Role = platform.RoleViewer; return nil })
	must(t, err)
	got, err := f.Authenticate(ctx, text, "api", home)
	must(t, err)
	if platform.Can(got, platform.ActionDeploy, "") || !platform.Can(got, platform.ActionRead, "") {
		t.Fatalf("got %+v", got)
	}
}

func TestTokens_AnyMayEndItselfButNoOther(t *testing.T) {
	f, actor := claimed(t)
	ctx := t.Context()
	text, token, err := f.CreateToken(ctx, actor, "reader", []platform.Scope{platform.ScopeRead}, "app1", time.Hour)
	must(t, err)
	_, other, err := f.CreateToken(ctx, actor, "other", []platform.Scope{platform.ScopeRead}, "", time.Hour)
	must(t, err)
	reader, err := f.Authenticate(ctx, text, "api", home)
	must(t, err)
	wantCode(t, f.RevokeToken(ctx, reader, other.ID), platform.Forbidden, "not_allowed")
	_, err = f.ChangePassword(ctx, reader, password, "a new kettle sings")
	wantCode(t, err, platform.Forbidden, "not_allowed")
	_, err = f.Tokens(ctx, reader)
	wantCode(t, err, platform.Forbidden, "not_allowed")
	must(t, f.RevokeToken(ctx, reader, token.ID))
}

func TestTokens_RefuseOddNamesAndScopes(t *testing.T) {
	f, actor := claimed(t)
	for code, c := range map[string]struct {
		name   string
		scopes []platform.Scope
	}{
		"token_name_invalid":   {"a\nb", []platform.Scope{platform.ScopeRead}},
		"token_scopes_missing": {"a", nil},
		"token_scope_unknown":  {"a", []platform.Scope{"root"}},
	} {
		_, _, err := f.CreateToken(t.Context(), actor, c.name, c.scopes, "", 0)
		wantCode(t, err, platform.Invalid, code)
	}
}

func TestNormalEmail_TakesAddressesOnly(t *testing.T) {
	for _, good := range []string{"ada@example.com", "a.b+c@sub.example.co.uk", "ada@localhost", "ADA@EXAMPLE.COM"} {
		if got, err := account.NormalEmail(good); err != nil || got != strings.ToLower(good) {
			t.Errorf("%q: got %q, %v", good, got, err)
		}
	}
	for _, bad := range []string{
		"", "ada", "@", "ada@", "@example.com", "a@b@c", "Ada <ada@example.com>", "ada@example.com,eve@example.com",
		"a b@example.com", "ada@exa\nmple.com", `"a b"@example.com`, strings.Repeat("a", 250) + "@example.com",
	} {
		_, err := account.NormalEmail(bad)
		if platform.AsError(err) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestEvents_RecordEachChangeWithoutSecrets(t *testing.T) {
	f, actor := claimed(t)
	ctx := t.Context()
	text, token, err := f.CreateToken(ctx, actor, "laptop", []platform.Scope{platform.ScopeAdmin}, "", 0)
	must(t, err)
	must(t, f.RevokeToken(ctx, actor, token.ID))
	session, err := f.Login(ctx, ada, password, "", home, agent)
	must(t, err)
	_, err = f.ChangePassword(ctx, actor, password, "a new kettle sings")
	must(t, err)
	events, err := f.store.Events(ctx, "", 0, 0)
	must(t, err)
	seen := map[string]bool{}
	for _, e := range events {
		seen[e.Action] = true
		for _, hidden := range []string{text, session, password, "kettle"} {
			if strings.Contains(e.Text, hidden) {
				t.Errorf("%s holds a secret: %s", e.Action, e.Text)
			}
		}
		if e.Actor != ada || e.Source != home || e.Via != "console" {
			t.Errorf("got %+v", e)
		}
	}
	for _, want := range []string{"account.create", "token.create", "token.revoke", "session.create", "account.password"} {
		if !seen[want] {
			t.Errorf("no event %s", want)
		}
	}
}
