package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// SecondFactors keeps the secrets of people's phones. Confirm and Remove end all sessions of the account.
type SecondFactors interface {
	DraftSecondFactor(ctx context.Context, factor *platform.SecondFactor) error
	SecondFactorOf(ctx context.Context, accountID string) (platform.SecondFactor, error)
	ConfirmSecondFactor(ctx context.Context, accountID string, step int64, codes []string) error
	UseStep(ctx context.Context, accountID string, step int64) error
	RemoveSecondFactor(ctx context.Context, accountID string) error
}

// RecoveryCodes keeps hashes of recovery codes. Of many uses at once, one succeeds.
type RecoveryCodes interface {
	SetRecoveryCodes(ctx context.Context, accountID string, hashes []string) error
	UseRecoveryCode(ctx context.Context, accountID, hash string) error
	RecoveryCodesLeft(ctx context.Context, accountID string) (int, error)
}

// Codes knows the six digits that a phone shows (RFC 6238: SHA-1, every 30 seconds).
type Codes interface {
	// Invite makes a secret for the phone, and the otpauth address that carries it.
	Invite(issuer, account string) (secret, url string, err error)
	// Step tells to which half minute a code belongs, of those around now; false when to none.
	Step(secret, code string, now time.Time) (step int64, ok bool)
	// Draw gives a text as a QR code, row by row: '1' is a dark square. The quiet edge is not in it.
	Draw(text string) (rows []string, err error)
}

// draftLife is how long a second factor that was begun waits for its first code.
const draftLife = 15 * time.Minute

// codeRate is five wrong codes in five minutes.
var codeRate = rate{burst: 5, period: time.Minute}

var (
	errCodeNeeded = platform.Errorf(platform.Unauthenticated, "second_factor_needed", "This account has a second factor, so the password is not enough.").
			WithHint("Give the code that the app on your phone shows, or a recovery code, as code.")
	errCodeWrong = platform.Errorf(platform.Unauthenticated, "second_factor_wrong", "The code is wrong, or was used already.").
			WithHint("Wait for the next code: it changes every 30 seconds. If none is right, check that the phone's clock is. A recovery code does, too, once.")
	errNoDraft = platform.Errorf(platform.Conflict, "second_factor_not_begun", "There is no second factor to confirm.").
			WithHint("Begin again: a new QR code waits 15 minutes for its first code.")
	errFactorOff = platform.Errorf(platform.Conflict, "second_factor_off", "The second factor is not switched on.")
)

// Security is how an account is guarded beside its password.
type Security struct {
	On          bool // a code is asked for
	Since       time.Time
	CodesLeft   int // recovery codes that are unused
	PasskeysAll int
}

// Security tells how the actor's own account is guarded.
func (s *Service) Security(ctx context.Context, actor platform.Actor) (Security, error) {
	if err := mayManage(actor); err != nil {
		return Security{}, err
	}
	return s.securityOf(ctx, actor.AccountID)
}

func (s *Service) securityOf(ctx context.Context, accountID string) (Security, error) {
	factor, err := s.factor(ctx, accountID)
	if err != nil {
		return Security{}, err
	}
	var state Security
	if factor.On() {
		state.On, state.Since = true, *factor.ConfirmedAt
		if state.CodesLeft, err = s.Store.RecoveryCodesLeft(ctx, accountID); err != nil {
			return state, fmt.Errorf("counting the recovery codes: %w", err)
		}
	}
	keys, err := s.Store.PasskeysOf(ctx, accountID)
	if err != nil {
		return state, fmt.Errorf("counting the passkeys: %w", err)
	}
	state.PasskeysAll = len(keys)
	return state, nil
}

// factor is the account's second factor; the zero value when it has none.
func (s *Service) factor(ctx context.Context, accountID string) (platform.SecondFactor, error) {
	factor, err := s.Store.SecondFactorOf(ctx, accountID)
	if platform.IsKind(err, platform.NotFound) {
		return platform.SecondFactor{}, nil
	}
	if err != nil {
		return factor, fmt.Errorf("finding the second factor: %w", err)
	}
	return factor, nil
}

// Invitation is what a phone needs to know to give codes. It is shown once.
type Invitation struct {
	Secret string   // to be typed where no camera is
	URL    string   // otpauth://…
	QR     []string // the URL as a QR code, row by row: '1' is a dark square
}

// BeginSecondFactor makes a secret for the actor's phone, given the password. Nothing is asked for until a
// first code was right: see ConfirmSecondFactor. Conflict, code second_factor_on.
func (s *Service) BeginSecondFactor(ctx context.Context, actor platform.Actor, password string) (Invitation, error) {
	account, err := s.provePassword(ctx, actor, password)
	if err != nil {
		return Invitation{}, err
	}
	issuer := "Lugsail"
	if actor.Console != "" {
		issuer += " " + actor.Console
	}
	var invitation Invitation
	if invitation.Secret, invitation.URL, err = s.Codes.Invite(issuer, account.Email); err != nil {
		return Invitation{}, fmt.Errorf("making a second factor: %w", err)
	}
	if invitation.QR, err = s.Codes.Draw(invitation.URL); err != nil {
		return Invitation{}, fmt.Errorf("drawing the QR code: %w", err)
	}
	draft := platform.SecondFactor{AccountID: account.ID, Secret: invitation.Secret, CreatedAt: s.now()}
	if err := s.Store.DraftSecondFactor(ctx, &draft); err != nil {
		return Invitation{}, fmt.Errorf("recording the second factor: %w", err)
	}
	return invitation, nil
}

// ConfirmSecondFactor switches on what was begun, when the phone's code is right, and gives ten recovery
// codes, once. All browsers are signed out; session is a new one for the browser that asks, "" for a token.
// Conflict, code second_factor_not_begun; Unauthenticated, code second_factor_wrong.
func (s *Service) ConfirmSecondFactor(ctx context.Context, actor platform.Actor, code string) (codes []string, session string, err error) {
	if err := mayManage(actor); err != nil {
		return nil, "", err
	}
	draft, err := s.factor(ctx, actor.AccountID)
	if err != nil {
		return nil, "", err
	}
	if draft.Secret == "" || draft.On() || s.now().Sub(draft.CreatedAt) >= draftLife {
		return nil, "", errNoDraft
	}
	try, err := s.limits.reserve(s.now(), map[string]rate{"second factor:" + actor.AccountID: codeRate})
	if err != nil {
		return nil, "", err
	}
	step, ok := s.Codes.Step(draft.Secret, plainCode(code), s.now())
	if !ok {
		return nil, "", errCodeWrong
	}
	try.giveBack()
	codes, hashes := newRecoveryCodes(actor.AccountID)
	session, err = s.anew(ctx, actor, func() error {
		return s.Store.ConfirmSecondFactor(ctx, actor.AccountID, step, hashes)
	})
	if err != nil {
		return nil, "", fmt.Errorf("switching the second factor on: %w", err)
	}
	s.event(ctx, actor, "account.second_factor_on", actor.Name+" switched the second factor on")
	return codes, session, nil
}

// EndSecondFactor switches it off, given the password and a code. All browsers are signed out; session is a
// new one for the browser that asks. Conflict, code second_factor_off.
func (s *Service) EndSecondFactor(ctx context.Context, actor platform.Actor, password, code string) (session string, err error) {
	if err := s.proveBoth(ctx, actor, password, code); err != nil {
		return "", err
	}
	session, err = s.anew(ctx, actor, func() error { return s.Store.RemoveSecondFactor(ctx, actor.AccountID) })
	if err != nil {
		return "", fmt.Errorf("switching the second factor off: %w", err)
	}
	s.event(ctx, actor, "account.second_factor_off", actor.Name+" switched the second factor off")
	return session, nil
}

// NewRecoveryCodes makes ten new recovery codes, given the password and a code; the older ones work no more.
// Conflict, code second_factor_off.
func (s *Service) NewRecoveryCodes(ctx context.Context, actor platform.Actor, password, code string) ([]string, error) {
	if err := s.proveBoth(ctx, actor, password, code); err != nil {
		return nil, err
	}
	codes, hashes := newRecoveryCodes(actor.AccountID)
	if err := s.Store.SetRecoveryCodes(ctx, actor.AccountID, hashes); err != nil {
		return nil, fmt.Errorf("recording the recovery codes: %w", err)
	}
	s.event(ctx, actor, "account.recovery_codes", actor.Name+" made new recovery codes")
	return codes, nil
}

// provePassword asks the actor for the password once more, before something that a stolen session must not do.
func (s *Service) provePassword(ctx context.Context, actor platform.Actor, password string) (platform.Account, error) {
	if err := mayManage(actor); err != nil {
		return platform.Account{}, err
	}
	account, err := s.authenticate(ctx, actor.Name, password, actor.Source)
	if errors.Is(err, errWrong) || err == nil && account.ID != actor.AccountID {
		return platform.Account{}, errNotThatPassword
	}
	if err != nil {
		return platform.Account{}, err
	}
	return account, nil
}

// proveBoth asks for the password and for a code of the second factor, which must be on.
func (s *Service) proveBoth(ctx context.Context, actor platform.Actor, password, code string) error {
	account, err := s.provePassword(ctx, actor, password)
	if err != nil {
		return err
	}
	factor, err := s.factor(ctx, account.ID)
	if err != nil {
		return err
	}
	if !factor.On() {
		return errFactorOff
	}
	_, err = s.checkCode(ctx, account, factor, code, actor.Source)
	return err
}

// checkCode takes a code of the phone or a recovery code, each once, and tells which it was. Five wrong
// ones in five minutes are the most, from everywhere together; where a session of the account is, strangers'
// tries do not count.
func (s *Service) checkCode(ctx context.Context, account platform.Account, factor platform.SecondFactor, code, source string) (recovery bool, err error) {
	if code = plainCode(code); code == "" {
		return false, errCodeNeeded
	}
	key := "second factor:" + account.ID
	known, err := s.knownSource(ctx, account.ID, source)
	if err != nil {
		return false, err
	}
	if known {
		key += " from " + network(source)
	}
	try, err := s.limits.reserve(s.now(), map[string]rate{key: codeRate, sourceKey(source): sourceRate})
	if err != nil {
		return false, err
	}
	recovery, err = s.useCode(ctx, factor, code)
	switch {
	case err == nil:
		try.giveBack()
	case platform.IsKind(err, platform.NotFound), platform.IsKind(err, platform.Conflict):
		s.event(ctx, inBrowser(account, source), "session.refused", "somebody gave the right password of "+account.Email+" and a wrong code")
		return false, errCodeWrong
	default:
		try.giveBack()
		return false, fmt.Errorf("checking the code: %w", err)
	}
	return recovery, nil
}

func (s *Service) useCode(ctx context.Context, factor platform.SecondFactor, code string) (recovery bool, err error) {
	if step, ok := s.Codes.Step(factor.Secret, code, s.now()); ok {
		return false, s.Store.UseStep(ctx, factor.AccountID, step)
	}
	return true, s.Store.UseRecoveryCode(ctx, factor.AccountID, recoveryHash(factor.AccountID, code))
}

// plainCode is a code without what people type between its characters.
func plainCode(code string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\t' || r == '\u00a0' {
			return -1
		}
		return r
	}, cut(strings.TrimSpace(code), 100)))
}

// anew runs a change that ends all sessions of the actor's account, and opens a new one for the browser
// that asks, so that a copy of its cookie is worth nothing either.
func (s *Service) anew(ctx context.Context, actor platform.Actor, change func() error) (session string, err error) {
	sessions, err := s.Store.SessionsOf(ctx, actor.AccountID)
	if err != nil {
		return "", fmt.Errorf("reading the sessions: %w", err)
	}
	if err := change(); err != nil || actor.Scopes != nil {
		return "", err
	}
	account, err := s.Store.AccountByID(ctx, actor.AccountID)
	if err != nil {
		return "", fmt.Errorf("finding the account: %w", err)
	}
	agent := ""
	for _, old := range sessions {
		if old.ID == actor.SessionID {
			agent = old.UserAgent
		}
	}
	session, _, err = s.openSession(ctx, account, actor.Source, agent)
	return session, err
}
