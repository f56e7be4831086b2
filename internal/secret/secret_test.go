package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func newTestKey(t *testing.T) *Key {
	t.Helper()
	key, err := LoadOrCreateKey(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestA78_KeyFileIsMadeOnceAndOnlyForItsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	first, err := LoadOrCreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Fatalf("got %v, %v", info, err)
	}
	second, err := LoadOrCreateKey(path)
	if err != nil || second.id != first.id {
		t.Fatalf("another key: %v", err)
	}
	if err := CreateKey(path); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("a key was replaced: %v", err)
	}
}

func TestKeyFile_OpenToOthersOrDamagedIsRefusedAndKept(t *testing.T) {
	for name, c := range map[string]struct {
		bytes int
		mode  os.FileMode
		code  string
	}{
		"group":  {32, 0o640, "key_file_open"},
		"world":  {32, 0o604, "key_file_open"},
		"empty":  {0, 0o600, "key_file_damaged"},
		"short":  {31, 0o600, "key_file_damaged"},
		"long":   {33, 0o600, "key_file_damaged"},
		"zeroed": {-32, 0o600, "key_file_damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "master.key")
			content := bytes.Repeat([]byte{7}, max(c.bytes, 0))
			if c.bytes < 0 {
				content = make([]byte, -c.bytes)
			}
			if err := os.WriteFile(path, content, c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := LoadOrCreateKey(path)
			if platform.AsError(err) == nil || platform.AsError(err).Code != c.code {
				t.Fatalf("got %v", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, content) {
				t.Fatal("the file was changed")
			}
		})
	}
}

func TestSeal_OpensOnlyInItsPlace(t *testing.T) {
	key, other := newTestKey(t), newTestKey(t)
	sealed, err := key.Seal("config", "app/1/NAME", []byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := key.Seal("config", "app/1/NAME", []byte("value"))
	if err != nil || again == sealed {
		t.Fatal("the same value looks the same when sealed twice")
	}
	plain, err := key.Open("config", "app/1/NAME", sealed)
	if err != nil || string(plain) != "value" {
		t.Fatalf("got %q, %v", plain, err)
	}
	flipped := []byte(sealed)
	flipped[len(flipped)-5] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"other place":   func() ([]byte, error) { return key.Open("config", "app/2/NAME", sealed) },
		"other purpose": func() ([]byte, error) { return key.Open("backup", "app/1/NAME", sealed) },
		"other key":     func() ([]byte, error) { return other.Open("config", "app/1/NAME", sealed) },
		"changed":       func() ([]byte, error) { return key.Open("config", "app/1/NAME", string(flipped)) },
		"cut":           func() ([]byte, error) { return key.Open("config", "app/1/NAME", sealed[:20]) },
		"plain":         func() ([]byte, error) { return key.Open("config", "app/1/NAME", "value") },
		"empty":         func() ([]byte, error) { return key.Open("config", "app/1/NAME", "") },
	} {
		if _, err := open(); err == nil {
			t.Errorf("%s: it opened", name)
		}
	}
}

func TestPasswords_VerifyOnlyTheRightOne(t *testing.T) {
	p := NewPasswords()
	hash, err := p.Hash(t.Context(), "correct horse battery")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("got %s, %v", hash, err)
	}
	check := func(hash, password string, want, wantStale bool) {
		t.Helper()
		ok, stale, err := p.Verify(t.Context(), hash, password)
		if err != nil || ok != want || stale != wantStale {
			t.Errorf("%q: got %v %v %v", password, ok, stale, err)
		}
	}
	check(hash, "correct horse battery", true, false)
	check(hash, "correct horse batterY", false, false)
	check(hash, "", false, false)
	check("", "", false, false)
	check("", "correct horse battery", false, false)
	salt := []byte("0123456789abcdef")
	weak := cost{memory: 1 << 10, time: 1, lanes: 1}
	sum, err := p.sum(t.Context(), weak, salt, "old password", 32)
	if err != nil {
		t.Fatal(err)
	}
	check(format(weak, salt, sum), "old password", true, true)
	for _, bad := range []string{"x", "$argon2i$v=19$m=1,t=1,p=1$a$b", "$argon2id$v=19$m=99999999,t=2,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYQ"} {
		if _, _, err := p.Verify(t.Context(), bad, "x"); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestPasswords_AFloodIsToldToComeBackAndNeverRunsMoreThanTwo(t *testing.T) {
	p := NewPasswords()
	for range hashersAtOnce {
		p.work <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range hashersQueued {
		p.queue <- struct{}{}
	}
	_, err := p.Hash(ctx, "x")
	if !platform.IsKind(err, platform.TooMany) {
		t.Fatalf("got %v", err)
	}
	<-p.queue
	waiting.Go(func() {
		if _, err := p.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	cancel()
	waiting.Wait()
}

func TestCommon_KnowsTheUsualOrnaments(t *testing.T) {
	p := NewPasswords()
	if n := len(commonWords()); n < 1000 {
		t.Fatalf("only %d words", n)
	}
	for _, bad := range []string{
		"password123", "Password2024!", "P@ssw0rd1234", "1234567890", "qwertyuiop", "aaaaaaaaaa", "abababababab", "letmein!!!!",
		"iloveyou123", "passwordpassword", "1q2w3e4r5t", "9876543210", "!!sunshine99", "lmnopqrstuv", "Administrator1", "monkeymonkey1",
	} {
		if !p.Common(bad) {
			t.Errorf("%s passes", bad)
		}
	}
	for _, good := range []string{
		"correct horse battery", "Zk3#pQ9!vT2m", "monkey83920174829", "blue kettle sings", "grüße aus köln 17", "1f9c-77ab-0d3e", "mein hund heißt rex",
	} {
		if p.Common(good) {
			t.Errorf("%s is refused", good)
		}
	}
}

// redact writes text in pieces of the given size and returns what comes out.
func redact(t *testing.T, values []string, text string, size int) string {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, values)
	for len(text) > 0 {
		n := min(size, len(text))
		if _, err := w.Write([]byte(text[:n])); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

const canary = "LGS-CANARY-4f7/a+b?c=d e"

func TestRedactor_HidesEveryFormAtEveryBoundary(t *testing.T) {
	texts := map[string]string{
		"plain":      canary,
		"query":      url.QueryEscape(canary),
		"path":       url.PathEscape(canary),
		"base64":     base64.StdEncoding.EncodeToString([]byte(canary)),
		"basic auth": base64.StdEncoding.EncodeToString([]byte("u:" + canary + ":more")),
		"basic 2":    base64.StdEncoding.EncodeToString([]byte("us:" + canary)),
		"base64 url": base64.RawURLEncoding.EncodeToString([]byte("x" + canary + "yy")),
		"twice":      canary + canary,
		"in a line":  "DATABASE_URL=" + canary + "\nnext line\n",
	}
	for name, text := range texts {
		for size := 1; size <= len(text)+1; size++ {
			got := redact(t, []string{canary, "other-secret"}, "before "+text+" after", size)
			if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") || !strings.Contains(got, Redacted) {
				t.Fatalf("%s in pieces of %d: %q", name, size, got)
			}
			for _, piece := range []string{"CANARY", "4f7", "Q0FOQV", "NBTkFS", "DQU5BU"} {
				if strings.Contains(got, piece) {
					t.Fatalf("%s in pieces of %d leaks %s: %q", name, size, piece, got)
				}
			}
		}
	}
}

func TestRedactor_LeavesTheRestAsItIs(t *testing.T) {
	text := "short abc, LGS-CANARY- is only a beginning, production stays\nLGS-CANARY-4f"
	for size := 1; size < 20; size++ {
		if got := redact(t, []string{canary, "abc", "production", ""}, text, size); got != text {
			t.Fatalf("pieces of %d: got %q", size, got)
		}
	}
}

func TestRedactor_PassesOnWhatCannotBeAValueAtOnce(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, []string{canary})
	if _, err := w.Write([]byte("npm install LGS-CAN")); err != nil {
		t.Fatal(err)
	}
	if out.String() != "npm install " {
		t.Fatalf("got %q", out.String())
	}
	if err := w.Flush(); err != nil || out.String() != "npm install LGS-CAN" {
		t.Fatalf("got %q, %v", out.String(), err)
	}
}

func TestRedactor_HidesOverlapsAndEachLineOfAKey(t *testing.T) {
	if got := redact(t, []string{"abcdefghij", "fghijklmnop", "abcdefghijkl"}, "<abcdefghijklmnop>", 3); got != "<"+Redacted+">" {
		t.Fatalf("got %q", got)
	}
	pem := "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"
	got := redact(t, []string{pem}, "read MIIEvQIBADANBgkq and hkiG9w0BAQEFAASC\n"+pem, 5)
	if strings.Contains(got, "MIIE") || strings.Contains(got, "hkiG") {
		t.Fatalf("got %q", got)
	}
	if got := redact(t, []string{`quo"te\d-value`}, `{"a":"quo\"te\\d-value"}`, 4); got != `{"a":"`+Redacted+`"}` {
		t.Fatalf("got %q", got)
	}
}

func TestRedactor_RandomTextsComeOutAsWithOneWrite(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := []string{"aabbaabbab", "bbaabbaa", "abababab"}
	for range 500 {
		text := make([]byte, 120)
		for i := range text {
			text[i] = "ab"[random.IntN(2)]
		}
		want := redact(t, values, string(text), len(text))
		if got := redact(t, values, string(text), 1+random.IntN(9)); got != want {
			t.Fatalf("%s: got %q, want %q", text, got, want)
		}
		for _, value := range values {
			if strings.Contains(want, value) {
				t.Fatalf("%s leaks %s", text, value)
			}
		}
	}
}

func TestLines_StandEachForItself(t *testing.T) {
	hide := Lines([]string{"correct horse"})
	for line, want := range map[string]string{
		"": "", "plain": "plain", "ends with corr": "ends with corr", "a horse begins": "a horse begins",
		"a correct horse b": "a " + Redacted + " b", "correct horse": Redacted,
	} {
		for range 2 {
			if got := hide(line); got != want {
				t.Errorf("%q became %q, want %q", line, got, want)
			}
		}
	}
	if got := Lines(nil)("as it is"); got != "as it is" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkRedactor(b *testing.B) {
	values := make([]string, 100)
	for i := range values {
		values[i] = strings.Repeat(strconv.Itoa(i), 43)[:43]
	}
	line := []byte("npm http fetch GET 200 https://example.com/some-package 312ms (cache miss)\n")
	w := NewWriter(bytes.NewBuffer(nil), values)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	p := NewPasswords()
	for b.Loop() {
		if _, err := p.Hash(b.Context(), "correct horse battery"); err != nil {
			b.Fatal(err)
		}
	}
}
