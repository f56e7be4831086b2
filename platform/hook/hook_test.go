package hook

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lugsail/lugsail/platform"
)

const testSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

func FuzzRead(f *testing.F) {
	const json, form = "application/json", "application/x-www-form-urlencoded"
	for _, seed := range []struct{ header, event, kind, body string }{
		{"X-Github-Event", "push", json, `{"ref":"refs/heads/main","after":"6113728f","repository":{"clone_url":"https://x/y"},"head_commit":{"message":"a\nb"}}`},
		{"X-Github-Event", "push", form, `payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D`},
		{"X-Gitea-Event", "push", json, `{"ref":"refs/tags/v1","commits":[{"id":"x","message":"y"}]}`},
		{"X-Gitea-Event", "push", form, `payload={}&payload={}`},
		{"X-Gitlab-Event", "Push Hook", json, `{"object_kind":"push","ref":"refs/heads/a","project":{"git_http_url":"u"}}`},
		{"X-Event-Key", "repo:push", json, `{"push":{"changes":[{"new":null,"old":{"type":"branch","name":"a"}},{"new":{"type":"tag","name":"b","target":{}}}]}}`},
		{"X-Event-Key", "repo:refs_changed", json, `{"changes":[{"ref":{"id":"refs/heads/a"},"type":"DELETE"}]}`},
		{"X-Event-Key", "diagnostics:ping", json, `x`},
	} {
		f.Add(seed.header, seed.event, seed.kind, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, header, event, kind string, body []byte) {
		values := map[string]string{header: event, "Content-Type": kind}
		get := func(name string) string { return values[name] }
		m, err := Read(Request{Header: get, Body: body, Now: time.Now()}, testSecret)
		if err == nil {
			t.Fatalf("%+v was taken without a signature", m)
		}
		signature := sign([]byte(testSecret), body)
		values["X-Hub-Signature-256"], values["X-Hub-Signature"] = "sha256="+hexOf(signature), "sha256="+hexOf(signature)
		values["X-Gitea-Signature"], values["X-Gitlab-Token"] = hexOf(signature), testSecret
		m, err = Read(Request{Header: get, Body: body, Now: time.Now()}, testSecret)
		e := new(platform.Error)
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%v is for nobody to read", err)
		}
		for _, p := range m.Pushes {
			for _, s := range []string{p.Branch, p.Commit, p.Title, m.Default, m.Event, m.Key} {
				if !utf8.ValidString(s) || strings.ContainsAny(s, "\n\r\x00\x1b") || utf8.RuneCountInString(s) > 200 {
					t.Fatalf("%q is no text for a line", s)
				}
			}
		}
		if len(m.Pushes) > 100 || len(m.Repositories) > 10 {
			t.Fatalf("%d pushes, %d addresses", len(m.Pushes), len(m.Repositories))
		}
	})
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

func TestThrottle_GivesBackWithTimeAndForgets(t *testing.T) {
	var tr Throttle
	now, r := time.Now(), Rate{Burst: 3, Period: time.Second}
	for range 3 {
		if _, ok := tr.Take(now, "a", r); !ok {
			t.Fatal("too early")
		}
	}
	if wait, ok := tr.Take(now, "a", r); ok || wait <= 0 || !tr.Full(now, "a", r) || tr.Full(now, "b", r) {
		t.Error("it does not hold")
	}
	if _, ok := tr.Take(now.Add(time.Second), "a", r); !ok {
		t.Error("it gives nothing back")
	}
	for i := range 3 * maxKeys {
		tr.Take(now, strings.Repeat("x", i%100)+string(rune(i)), r)
	}
	if len(tr.debt) > maxKeys {
		t.Errorf("%d keys", len(tr.debt))
	}
}
