package hook

import (
	"errors"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A signed body of the largest size takes little more memory than itself, whatever it is made of.
func TestA60_ABodyOfMillionsOfPartsTakesLittleMoreThanItself(t *testing.T) {
	fill := func(before, part, after string) string {
		return before + strings.Repeat(part, (MaxBody-len(before)-len(after))/len(part)) + after
	}
	const json, form = "application/json", "application/x-www-form-urlencoded"
	for name, sent := range map[string]struct{ header, event, kind, body string }{
		"commits":        {"X-Github-Event", "push", json, fill(`{"commits":[{}`, `,{}`, `]}`)},
		"changes":        {"X-Event-Key", "repo:push", json, fill(`{"push":{"changes":[{}`, `,{"new":{}}`, `]}}`)},
		"changes again":  {"X-Event-Key", "repo:push", json, fill(`{"changes":[{}`, `,{}`, `]}`)},
		"clone":          {"X-Event-Key", "repo:push", json, fill(`{"repository":{"links":{"clone":[{}`, `,{}`, `]}}}`)},
		"a long title":   {"X-Github-Event", "push", json, fill(`{"head_commit":{"message":"`, `\u00e4`, `"}}`)},
		"unknown":        {"X-Github-Event", "push", json, fill(`{"x":[0`, `,[]`, `]}`)},
		"fields":         {"X-Github-Event", "push", form, fill(`payload={}`, `&a=b`, ``)},
		"payloads":       {"X-Github-Event", "push", form, fill(`payload={}`, `&payload=`, ``)},
		"escaped":        {"X-Github-Event", "push", form, fill(`payload=`+url.QueryEscape(`{"commits":[`), `%7B%7D%2C`, `%7B%7D%5D%7D`)},
		"GitLab commits": {"X-Gitlab-Event", "Push Hook", json, fill(`{"object_kind":"push","commits":[{}`, `,{}`, `]}`)},
	} {
		body := []byte(sent.body)
		signature := hexOf(sign([]byte(testSecret), body))
		values := map[string]string{
			sent.header: sent.event, "Content-Type": sent.kind, "X-Hub-Signature-256": signature, "X-Hub-Signature": signature, "X-Gitlab-Token": testSecret,
		}
		get := func(name string) string { return values[name] }
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := Read(Request{Header: get, Body: body, Now: time.Now()}, testSecret)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 48<<20 {
			t.Errorf("%s: %d MB", name, used>>20)
		}
		if len(m.Pushes) > most || errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: %d pushes, %v", name, len(m.Pushes), err)
		}
	}
}

func TestText_IsCutWhereverTheCutFalls(t *testing.T) {
	for _, letter := range []string{"a", `\n`, "ä", `\u00e4`, `\ud83d\ude00`, `\\`, "\xff"} {
		for shift := range 13 {
			var got text
			raw := `"` + strings.Repeat("b", shift) + strings.Repeat(letter, 2*longest/len(letter)) + `"`
			if err := got.UnmarshalJSON([]byte(raw)); err != nil || len(got) < longest/8 || len(got) > 3*longest {
				t.Errorf("%s after %d letters: %d bytes, %v", letter, shift, len(got), err)
			}
		}
	}
	for _, raw := range []string{"{}", "[]", "1", "{" + strings.Repeat(" ", longest) + "}"} {
		var got text
		if err := got.UnmarshalJSON([]byte(raw)); err == nil {
			t.Errorf("%.20q is a text: %q", raw, got)
		}
	}
}
