package platform_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// Keys as ssh-keygen wrote them, with the fingerprints that ssh-keygen -l shows.
const (
	ed25519Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIATYpVTpcdSZLWba+6/sUqaYYdc+Qkxm72J90Zs0Sbbo"
	ecdsaKey   = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMPgCiD9RpG+4HI6bIZ2h+2fLbBdy6h5f1RjZSKK6Y+CJYORR/DQlxhedyHglYDJo1ESwEvHH09PhRj5RqHp0yc="
	rsaKey     = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCr7lwSaTUGTZNmnLWcuBV2itwXt2UmRFUWCXRdZ8Pk+9tcewBgW5YuHLCvSSEJFZYtWaRW6302sdJ81NfxYGZ+LRW26hcv1R5F1PGoA/SnQho/g81DNymB4VXZgQKf3tZovbwD2mswy/u6pQr3Gy/+Y9l2o45EmZTnJqWKep71MsJmjTCBUj5EuQslIekZSAVKN52Bbbd8OBipIipwo/zETsmZd+BeVzPzuz5UyKCdxUYP0eV9qPQRFPyxM2i4oF6bkhG8Qy6hgwm9qD8JI4lu157AEk2ZqeZ5Y8aePPVBZkHmZwobQVpdOQudLy84GxtawhsR91/n+limBgGx8HQ1"
	weakKey    = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDpvXj0hIpt3ZKR7SeiH7p+Akqzcf9KpAuEsUPKx0lCXADKrlFYfoPswweD04GcyTPdRh9RJJpzUr1qHTHrMOOzMpymUayQrF8I3O/UOFSM/N9zZ5/PV8lVlL9aFQ1S4G2IkIs7jz1tXkQpLQ93Tyjhkux8fXV+TKeQiZn7a4cxrw=="
)

func TestParseSSHKey_TakesWhatPeopleHave(t *testing.T) {
	for text, want := range map[string]platform.SSHKey{
		ed25519Key + " ada@laptop\n":                     {Name: "ada@laptop", Public: ed25519Key, Fingerprint: "SHA256:KDTvBhuXOhLlUQ6ih1m/+JIjkabRu1le9RHckEv7oB4"},
		"\ufeff# mine\r\n\r\n  " + ecdsaKey + "\r\n":     {Public: ecdsaKey, Fingerprint: "SHA256:3IRsGpRvYEmZgCGJspcCXdb3C0++DnNxR0TzYei5w34"},
		strings.Replace(rsaKey, " ", "\t", 1) + " \x1bx": {Name: "x", Public: rsaKey, Fingerprint: "SHA256:6KPkUqhQtz6FvzB/oxv+CCGzi+JzhXkXZ6nvkj1j7mc"},
	} {
		got, err := platform.ParseSSHKey(text)
		if err != nil || got != want {
			t.Errorf("%.40q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, kind := range map[string]string{ed25519Key: "ED25519", ecdsaKey: "ECDSA", rsaKey: "RSA"} {
		if key, err := platform.ParseSSHKey(text); err != nil || key.Kind() != kind {
			t.Errorf("%s, %v, want %s", key.Kind(), err, kind)
		}
	}
}

// changed is the key with its inside changed.
func changed(key string, change func([]byte) []byte) string {
	kind, body, _ := strings.Cut(key, " ")
	blob, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		panic(err)
	}
	return kind + " " + base64.StdEncoding.EncodeToString(change(blob))
}

func TestParseSSHKey_RefusesTheRestAndSaysWhy(t *testing.T) {
	more := func(b []byte) []byte { return append(b, 0, 0, 0, 1, 7) }
	cases := map[string]struct{ text, code string }{
		"private":          {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz", "key_private"},
		"old private":      {"-----BEGIN RSA PRIVATE KEY-----", "key_private"},
		"PuTTY's private":  {"PuTTY-User-Key-File-3: ssh-ed25519", "key_private"},
		"both":             {ed25519Key + "\n-----BEGIN PRIVATE KEY-----", "key_private"},
		"command":          {`command="id" ` + ed25519Key, "key_options"},
		"environment":      {`environment="LD_PRELOAD=/x",no-pty ` + rsaKey, "key_options"},
		"two":              {ed25519Key + "\n" + ecdsaKey, "key_many"},
		"RFC 4716":         {"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "key_invalid"},
		"1024 bits":        {weakKey, "key_weak"},
		"DSA":              {"ssh-dss AAAAB3NzaC1kc3M", "key_weak"},
		"security token":   {"sk-ssh-ed25519@openssh.com AAAA", "key_kind"},
		"certificate":      {"ssh-ed25519-cert-v01@openssh.com AAAA", "key_kind"},
		"nothing":          {" \n# only a comment", "key_invalid"},
		"words":            {"my key", "key_invalid"},
		"a file's name":    {"~/.ssh/id_ed25519.pub", "key_invalid"},
		"cut":              {ed25519Key[:len(ed25519Key)-9], "key_invalid"},
		"other inside":     {strings.Replace(ed25519Key, "ssh-ed25519", "ssh-rsa", 1), "key_invalid"},
		"more inside":      {changed(ed25519Key, more), "key_invalid"},
		"more in RSA":      {changed(rsaKey, more), "key_invalid"},
		"not on its curve": {changed(ecdsaKey, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), "key_invalid"},
		"even modulus":     {changed(rsaKey, func(b []byte) []byte { b[len(b)-1] &^= 1; return b }), "key_invalid"},
		"lengths that lie": {changed(ed25519Key, func(b []byte) []byte { b[0] = 0xff; return b }), "key_invalid"},
		"long":             {ed25519Key + strings.Repeat(" x", 1<<20), "key_invalid"},
	}
	for name, c := range cases {
		_, err := platform.ParseSSHKey(c.text)
		e := platform.AsError(err)
		if err == nil || e.Kind != platform.Invalid || e.Code != c.code || e.Hint == "" || len(err.Error()) > 300 {
			t.Errorf("%s: %v, want %s with a hint", name, err, c.code)
		}
	}
}

// An RSA key whose number has a spare zero in front would be a second fingerprint of the same key.
func TestParseSSHKey_OneKeyHasOneForm(t *testing.T) {
	padded := changed(rsaKey, func(b []byte) []byte {
		at := 4 + len("ssh-rsa") + 4 + 3 // behind the exponent
		out := append([]byte{}, b[:at]...)
		out = append(out, 0, 0, 1, 2) // 0x101 is the length; one more
		return append(append(out, 0), b[at+4:]...)
	})
	if _, err := platform.ParseSSHKey(padded); platform.AsError(err) == nil || platform.AsError(err).Code != "key_invalid" {
		t.Errorf("taken: %v", err)
	}
}

func FuzzParseSSHKey(f *testing.F) {
	for _, seed := range []string{ed25519Key + " a b", ecdsaKey, rsaKey, weakKey, "ssh-rsa AAAA", "\ufeff#\n", `from="*" ` + ed25519Key} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := platform.ParseSSHKey(text)
		if err != nil {
			if e := platform.AsError(err); e.Kind != platform.Invalid || e.Message == "" {
				t.Fatalf("%v is no answer for people", err)
			}
			return
		}
		again, err := platform.ParseSSHKey(key.Public + " " + key.Name)
		if err != nil || again.Fingerprint != key.Fingerprint || again.Public != key.Public {
			t.Fatalf("%+v became %+v, %v", key, again, err)
		}
		if key.Name != "" && platform.ValidateKeyName(key.Name) != nil {
			t.Fatalf("%q is no name", key.Name)
		}
	})
}
