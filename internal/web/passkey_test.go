package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// device is a software authenticator: it makes passkeys and signs with them, as a browser and a phone do together.
type device struct {
	t       testing.TB
	host    string // what the browser sees in its address bar
	origin  string
	key     *ecdsa.PrivateKey
	id      []byte
	handle  string // whose it is, as the server said
	counter uint32
	flags   byte
}

const (
	present  = 0x01
	verified = 0x04
	attested = 0x40
)

func newDevice(t testing.TB) *device {
	t.Helper()
	d := &device{t: t, host: testHost, origin: "https://" + testHost, id: make([]byte, 32), flags: present | verified}
	_, _ = rand.Read(d.id) // never fails (Go 1.24)
	var err error
	d.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return d
}

// offer is what the server tells the page's script.
type offer struct {
	ID      string
	Options struct {
		PublicKey struct {
			Challenge        string
			UserVerification string
			RPID             string
			RP               struct{ ID string }
			User             struct{ ID, Name string }

			AuthenticatorSelection struct{ ResidentKey, UserVerification string }
			ExcludeCredentials     []struct{ ID string }
		}
	}
}

func (d *device) client(kind, challenge string) []byte {
	d.t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": d.origin, "crossOrigin": false})
	must(d.t, err)
	return text
}

func (d *device) authData(flags byte, rest ...byte) []byte {
	d.counter++
	sum := sha256.Sum256([]byte(d.host))
	data := binary.BigEndian.AppendUint32(append(sum[:], flags), d.counter)
	return append(data, rest...)
}

// create answers as navigator.credentials.create does. The CBOR is written by hand.
func (d *device) create(o offer) string {
	d.t.Helper()
	d.handle = o.Options.PublicKey.User.ID
	public, err := d.key.PublicKey.Bytes()
	must(d.t, err)
	cose := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, public[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 0x20), public[33:]...)
	made := append(make([]byte, 16), 0, byte(len(d.id)))
	data := d.authData(d.flags|attested, append(append(made, d.id...), cose...)...)
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), byte(len(data)))
	return d.answer(map[string]any{
		"clientDataJSON": b64(d.client("webauthn.create", o.Options.PublicKey.Challenge)), "attestationObject": b64(append(object, data...)), "transports": []string{"internal"},
	})
}

// get answers as navigator.credentials.get does.
func (d *device) get(o offer) string {
	d.t.Helper()
	data, client := d.authData(d.flags), d.client("webauthn.get", o.Options.PublicKey.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	must(d.t, err)
	return d.answer(map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": d.handle})
}

func (d *device) answer(response map[string]any) string {
	d.t.Helper()
	text, err := json.Marshal(map[string]any{"id": b64(d.id), "rawId": b64(d.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response})
	must(d.t, err)
	return string(text)
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// begins asks the server for what the browser needs.
func (r *rig) begins(a ask) offer {
	r.t.Helper()
	a.method = post
	var o offer
	r.do(a).want(r.t, http.StatusOK).decode(r.t, &o)
	return o
}

func (r *rig) addPasskey(d *device, name string) {
	r.t.Helper()
	o := r.begins(ask{path: "/account/passkeys/begin", session: r.session, form: url.Values{"name": {name}, "password": {testPassword}}})
	r.do(ask{method: post, path: "/account/passkeys", session: r.session, form: url.Values{"id": {o.ID}, "answer": {d.create(o)}}}).want(r.t, http.StatusSeeOther)
}

// byPasskey signs in, and gives what the server answered.
func (r *rig) byPasskey(d *device) answer {
	r.t.Helper()
	o := r.begins(ask{path: "/login/passkey/begin", form: url.Values{}})
	return r.do(ask{method: post, path: "/login/passkey", form: url.Values{"id": {o.ID}, "answer": {d.get(o)}, "next": {"/server"}}})
}

func TestPasskeys_AreMadeSignInAndAreRemoved(t *testing.T) {
	r := newRig(t)
	phone, laptop := newDevice(t), newDevice(t)
	o := r.begins(ask{path: "/account/passkeys/begin", session: r.session, form: url.Values{"name": {"phone"}, "password": {testPassword}}})
	wants := o.Options.PublicKey
	if wants.RP.ID != testHost || wants.User.Name != testEmail || wants.AuthenticatorSelection.ResidentKey != "required" || wants.AuthenticatorSelection.UserVerification != "required" {
		t.Errorf("the browser is asked for %+v", wants)
	}
	made := phone.create(o)
	r.do(ask{method: post, path: "/account/passkeys", session: r.session, form: url.Values{"id": {o.ID}, "answer": {made}}}).want(t, http.StatusSeeOther)
	r.do(ask{method: post, path: "/account/passkeys", session: r.session, form: url.Values{"id": {o.ID}, "answer": {made}}}).want(t, http.StatusConflict) // once
	r.addPasskey(laptop, "<laptop>")
	page := r.do(ask{path: "/account/passkeys", session: r.session}).want(t, http.StatusOK).body
	if !strings.Contains(page, "phone") || !strings.Contains(page, "&lt;laptop&gt;") || !strings.Contains(page, "never used") {
		t.Error("the passkeys are not listed")
	}
	in := r.byPasskey(phone).want(t, http.StatusSeeOther)
	if got := in.Header.Get("Location"); got != "/server" {
		t.Errorf("leads to %s", got)
	}
	session := cookieOf(t, in, "__Host-lugsail")
	r.do(ask{path: "/api/v1/apps", session: session}).want(t, http.StatusOK)
	var list struct {
		Passkeys []struct {
			ID, Name   string
			LastUsedAt *string `json:"last_used_at"`
		}
	}
	r.do(ask{path: "/api/v1/passkeys", session: r.session}).want(t, http.StatusOK).decode(t, &list)
	if len(list.Passkeys) != 2 {
		t.Fatalf("got %+v", list)
	}
	for _, k := range list.Passkeys {
		if k.Name == "phone" {
			if k.LastUsedAt == nil {
				t.Error("its use is not noted")
			}
			gone := r.do(ask{method: post, path: "/account/passkeys/" + k.ID + "/remove", session: r.session, form: url.Values{}}).want(t, http.StatusSeeOther)
			r.session = cookieOf(t, gone, "__Host-lugsail")
		}
	}
	r.do(ask{path: "/api/v1/apps", session: session}).want(t, http.StatusUnauthorized) // it came in with that passkey
	r.byPasskey(phone).want(t, http.StatusUnauthorized)
	r.byPasskey(laptop).want(t, http.StatusSeeOther)
}

func TestPasskeys_CountAsBothFactorsAndNeedBothToBeMade(t *testing.T) {
	r := newRig(t)
	p, _ := r.withPhone()
	d := newDevice(t)
	begin := func(form url.Values) answer {
		form.Set("name", "phone")
		return r.do(ask{method: post, path: "/account/passkeys/begin", session: r.session, form: form})
	}
	if got := begin(url.Values{"password": {testPassword}}).want(t, http.StatusUnauthorized); got.code() != "second_factor_needed" {
		t.Errorf("got %s", got.body)
	}
	begin(url.Values{"password": {"wrong wrong wrong"}, "code": {p.code()}}).want(t, http.StatusUnauthorized)
	var o offer
	begin(url.Values{"password": {testPassword}, "code": {p.code()}}).want(t, http.StatusOK).decode(t, &o)
	r.do(ask{method: post, path: "/account/passkeys", session: r.session, form: url.Values{"id": {o.ID}, "answer": {d.create(o)}}}).want(t, http.StatusSeeOther)
	in := r.byPasskey(d).want(t, http.StatusSeeOther)
	r.do(ask{path: "/api/v1/apps", session: cookieOf(t, in, "__Host-lugsail")}).want(t, http.StatusOK)
}

func TestPasskeys_WhatIsForgedIsRefused(t *testing.T) {
	for name, change := range map[string]func(d *device){
		"another key":               func(d *device) { d.key = newDevice(d.t).key },
		"another site's page":       func(d *device) { d.origin = "https://evil.example" },
		"the same host by http":     func(d *device) { d.origin = "http://" + testHost },
		"made for another host":     func(d *device) { d.host = "evil.example" },
		"no finger, face or PIN":    func(d *device) { d.flags = present },
		"nobody was there":          func(d *device) { d.flags = verified },
		"somebody else's":           func(d *device) { d.handle = b64([]byte("somebodyelse1234")) },
		"an unknown passkey":        func(d *device) { d.id = []byte("another credential") },
		"a copy that is behind":     func(d *device) { d.counter = 0 },
		"nobody's, without a name":  func(d *device) { d.handle = "" },
		"another port of that host": func(d *device) { d.origin += ":8443" },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			d := newDevice(t)
			r.addPasskey(d, "phone")
			r.byPasskey(d).want(t, http.StatusSeeOther)
			change(d)
			refused := r.byPasskey(d).want(t, http.StatusUnauthorized)
			if strings.Contains(refused.Header.Get("Set-Cookie"), "__Host-lugsail=") || !strings.Contains(refused.body, `action="/login"`) {
				t.Error("it is let in, or the page does not lead back")
			}
		})
	}
}

func TestPasskeys_AnAnswerCountsOnceAndWhereItWasAsked(t *testing.T) {
	r := newRig(t)
	d := newDevice(t)
	r.addPasskey(d, "phone")
	o := r.begins(ask{path: "/login/passkey/begin", form: url.Values{}})
	said := d.get(o)
	send := func(id string) answer {
		return r.do(ask{method: post, path: "/login/passkey", form: url.Values{"id": {id}, "answer": {said}}})
	}
	send(o.ID).want(t, http.StatusSeeOther)
	send(o.ID).want(t, http.StatusConflict)
	other := r.begins(ask{path: "/login/passkey/begin", form: url.Values{}})
	send(other.ID).want(t, http.StatusUnauthorized) // the signature is of another challenge
	for _, odd := range []string{"", "{}", "null", "[]", `{"id":1}`, strings.Repeat("[", 5000), "\x00"} {
		o := r.begins(ask{path: "/login/passkey/begin", form: url.Values{}})
		if got := r.do(ask{method: post, path: "/login/passkey", form: url.Values{"id": {o.ID}, "answer": {odd}}}); got.StatusCode >= 500 || got.StatusCode < 400 {
			t.Errorf("%.20q: %d", odd, got.StatusCode)
		}
	}
	// What one person began, another cannot finish.
	viewer := r.viewer()
	begun := r.begins(ask{path: "/account/passkeys/begin", session: r.session, form: url.Values{"name": {"mine"}, "password": {testPassword}}})
	r.do(ask{method: post, path: "/account/passkeys", session: viewer, form: url.Values{"id": {begun.ID}, "answer": {newDevice(t).create(begun)}}}).want(t, http.StatusConflict)
}

func TestPasskeys_AnotherNameOfTheConsoleHasItsOwn(t *testing.T) {
	r := newRig(t)
	d := newDevice(t)
	r.addPasskey(d, "phone")
	o := r.begins(ask{path: "/login/passkey/begin", host: localHost, form: url.Values{}})
	if o.Options.PublicKey.RPID != localHost {
		t.Errorf("it is asked for one of %q", o.Options.PublicKey.RPID)
	}
	d.host, d.origin = localHost, "https://"+localHost // no browser would offer it there
	r.do(ask{method: post, path: "/login/passkey", host: localHost, form: url.Values{"id": {o.ID}, "answer": {d.get(o)}}}).want(t, http.StatusUnauthorized)
}

func TestPasskeys_AnAddressIsToldThatItHasNone(t *testing.T) {
	r := newRig(t)
	hosts := r.server.config.Hosts
	r.server.config.Hosts = func() []string { return append(hosts(), "203.0.113.7") }
	login := r.do(ask{path: "/login", host: "203.0.113.7:8443"}).want(t, http.StatusOK).body
	if strings.Contains(login, "passkey") {
		t.Error("the sign-in page offers what cannot work")
	}
	page := r.do(ask{path: "/account/passkeys", host: "203.0.113.7:8443", session: r.session}).want(t, http.StatusOK).body
	if !strings.Contains(page, "Passkeys do not work at an IP address.") || strings.Contains(page, "data-passkey=") {
		t.Error("the page does not say why there are none")
	}
	got := r.do(ask{method: post, path: "/account/passkeys/begin", host: "203.0.113.7:8443", session: r.session, form: url.Values{"name": {"x"}, "password": {testPassword}}})
	if got.want(t, http.StatusConflict); got.code() != "passkey_needs_name" {
		t.Errorf("got %s", got.body)
	}
}
