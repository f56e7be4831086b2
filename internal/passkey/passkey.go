// Package passkey speaks WebAuthn with browsers: it makes the options of a ceremony and checks what comes back.
//
// What surprises: a passkey here always asks its person for a finger, a face or a PIN (user verification), and
// knows by itself whose it is (a discoverable credential): so it stands for the password and the second factor.
// Who made the device is not asked (no attestation). A counter that goes back means a copy, which is refused.
package passkey

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/lugsail/lugsail/platform"
)

// Passkeys knows the protocol. The zero value works.
type Passkeys struct{}

func at(site platform.Site) (*webauthn.WebAuthn, error) {
	w, err := webauthn.New(&webauthn.Config{
		RPID: site.Host, RPDisplayName: "Lugsail " + site.Host, RPOrigins: []string{site.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("preparing passkeys for %s: %w", site.Host, err)
	}
	return w, nil
}

// person is an account with its passkeys, as the library wants to see one.
type person struct {
	account platform.Account
	keys    []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return []byte(p.account.ID) }
func (p person) WebAuthnName() string                       { return p.account.Email }
func (p person) WebAuthnDisplayName() string                { return p.account.Email }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.keys }

func (p *person) add(key platform.Passkey) error {
	var credential webauthn.Credential
	if err := json.Unmarshal([]byte(key.Data), &credential); err != nil {
		return fmt.Errorf("reading the passkey %s: %w", key.ID, err)
	}
	p.keys = append(p.keys, credential)
	return nil
}

// Invite begins to make a passkey; a device that has one of the known ones refuses to make a second.
func (Passkeys) Invite(site platform.Site, of platform.Account, known []platform.Passkey) (options, state []byte, err error) {
	w, err := at(site)
	if err != nil {
		return nil, nil, err
	}
	p := person{account: of}
	for _, key := range known {
		if key.Host != site.Host {
			continue
		}
		if err := p.add(key); err != nil {
			return nil, nil, err
		}
	}
	creation, session, err := w.BeginRegistration(p, webauthn.WithExclusions(webauthn.Credentials(p.keys).CredentialDescriptors()))
	if err != nil {
		return nil, nil, fmt.Errorf("beginning a passkey: %w", err)
	}
	return pack(creation, session)
}

// Made checks what the browser answered, and gives the new passkey.
func (Passkeys) Made(site platform.Site, of platform.Account, state, answer []byte) (platform.Passkey, error) {
	w, session, err := unpack(site, state)
	if err != nil {
		return platform.Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return platform.Passkey{}, refused(err)
	}
	credential, err := w.CreateCredential(person{account: of}, session, parsed)
	if err != nil {
		return platform.Passkey{}, refused(err)
	}
	credential.Attestation = webauthn.CredentialAttestation{} // nobody asks who made the device
	data, err := json.Marshal(credential)
	if err != nil {
		return platform.Passkey{}, fmt.Errorf("encoding a passkey: %w", err)
	}
	return platform.Passkey{Credential: base64.RawURLEncoding.EncodeToString(credential.ID), AccountID: of.ID, Host: site.Host, Data: string(data)}, nil
}

// Ask begins to sign somebody in who has not said who they are.
func (Passkeys) Ask(site platform.Site) (options, state []byte, err error) {
	w, err := at(site)
	if err != nil {
		return nil, nil, err
	}
	assertion, session, err := w.BeginDiscoverableLogin()
	if err != nil {
		return nil, nil, fmt.Errorf("asking for a passkey: %w", err)
	}
	return pack(assertion, session)
}

// Proved checks what the browser answered, and gives the passkey with its new counter. find looks it up by its
// id; its error comes back as it is.
func (Passkeys) Proved(site platform.Site, state, answer []byte, find func(credential string) (platform.Passkey, error)) (platform.Passkey, error) {
	w, session, err := unpack(site, state)
	if err != nil {
		return platform.Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return platform.Passkey{}, refused(err)
	}
	var key platform.Passkey
	var missing error
	_, credential, err := w.ValidatePasskeyLogin(func(id, handle []byte) (webauthn.User, error) {
		if key, missing = find(base64.RawURLEncoding.EncodeToString(id)); missing != nil {
			return nil, missing
		}
		if key.AccountID != string(handle) || key.Host != site.Host {
			return nil, errors.New("the passkey belongs to somebody else or elsewhere")
		}
		p := &person{account: platform.Account{ID: key.AccountID}}
		return p, p.add(key)
	}, session, parsed)
	switch {
	case missing != nil:
		return platform.Passkey{}, missing
	case err != nil:
		return platform.Passkey{}, refused(err)
	case credential.Authenticator.CloneWarning:
		return platform.Passkey{}, refused(errors.New("the counter went back: there is a copy of this passkey"))
	}
	data, err := json.Marshal(credential)
	if err != nil {
		return platform.Passkey{}, fmt.Errorf("encoding a passkey: %w", err)
	}
	key.Data = string(data)
	return key, nil
}

func refused(cause error) error {
	return platform.Errorf(platform.Unauthenticated, "passkey_refused", "That passkey was not accepted.").
		WithHint("Try again, or sign in with your password.").Because(cause)
}

func pack(options any, session *webauthn.SessionData) (text, state []byte, err error) {
	text, err = json.Marshal(options)
	if err == nil {
		state, err = json.Marshal(session)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a ceremony: %w", err)
	}
	return text, state, nil
}

func unpack(site platform.Site, state []byte) (*webauthn.WebAuthn, webauthn.SessionData, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return nil, session, fmt.Errorf("reading a ceremony: %w", err)
	}
	w, err := at(site)
	return w, session, err
}
