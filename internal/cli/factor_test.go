package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const codesAnswer = `{"recovery_codes":["abcd-efgh-jkmn-pqrs","2345-6789-abcd-efgh"]}`

// wants answers like a server whose account has a second factor.
func (w *world) wants(pattern, code string, status int, body string) {
	w.mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
		var sent struct{ Code string }
		_ = json.NewDecoder(r.Body).Decode(&sent) // no body has no code
		rw.Header().Set("Content-Type", "application/problem+json")
		switch sent.Code {
		case code:
			rw.Header().Set("Content-Type", "application/json")
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, body)
		case "":
			rw.WriteHeader(401)
			_, _ = io.WriteString(rw, `{"code":"second_factor_needed","message":"This account has a second factor, so the password is not enough.","hint":"Give the code."}`)
		default:
			rw.WriteHeader(401)
			_, _ = io.WriteString(rw, `{"code":"second_factor_wrong","message":"The code is wrong, or was used already.","hint":"Wait for the next code."}`)
		}
	})
}

func TestLogin_AsksForTheCodeOnlyWhereItIsNeeded(t *testing.T) {
	w := newWorld(t)
	w.wants("POST /api/v1/login", "123456", 201, loginAnswer)
	words := []string{"login", w.server.URL, "--email", "ada@example.com", "--password-stdin", "--ca-file", w.caFile}
	w.stdin = "blue kettle sings\n"
	code, _, errs := w.run(words...)
	if code != ExitUsage || !strings.Contains(errs, "--code") {
		t.Errorf("without a terminal: %d %q", code, errs)
	}
	w.stdin = "blue kettle sings\n"
	if code, _, errs := w.run(append(words, "--code", "654321")...); code != ExitUnauthenticated || !strings.Contains(errs, "→ Wait for the next code.") {
		t.Errorf("a wrong code: %d %q", code, errs)
	}
	w.stdin = "blue kettle sings\n"
	if code, out, errs := w.run(append(words, "--code", "123456")...); code != ExitOK || !strings.Contains(out, "Signed in") {
		t.Errorf("the right code: %d %q", code, errs)
	}
}

// typist answers the questions that a program asks at a terminal, in their order.
func typist(t *testing.T, person *os.File, errs io.Reader, answers ...[2]string) (seen chan string) {
	t.Helper()
	seen = make(chan string, 1)
	go func() {
		var all strings.Builder
		r := bufio.NewReader(errs)
		for {
			c, err := r.ReadByte()
			if err != nil {
				seen <- all.String()
				return
			}
			_ = all.WriteByte(c)
			if len(answers) > 0 && strings.HasSuffix(all.String(), answers[0][0]) {
				time.Sleep(20 * time.Millisecond) // the terminal is being told to hide what is typed
				if _, err := person.WriteString(answers[0][1] + "\n"); err != nil {
					t.Error(err)
				}
				answers = answers[1:]
			}
		}
	}()
	return seen
}

// atTerminal runs a command with a person at the terminal.
func (w *world) atTerminal(words []string, answers ...[2]string) (code int, out, errs string) {
	w.t.Helper()
	person, tty := terminal(w.t)
	read, write := io.Pipe()
	seen := typist(w.t, person, read, answers...)
	var printed strings.Builder
	code = Execute(w.t.Context(), New(w.deps(tty, &printed, write)), words)
	_ = write.Close()
	return code, printed.String(), <-seen
}

func TestSecondFactor_IsSwitchedOnAtATerminal(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("POST /api/v1/second-factor", 201, `{"secret":"JBSWY3DPEHPK3PXP","url":"otpauth://totp/x","qr":["101","010","101"]}`)
	w.wants("POST /api/v1/second-factor/confirm", "123456", 201, codesAnswer)
	code, out, errs := w.atTerminal([]string{"second-factor", "on"},
		[2]string{"Your password: ", "blue kettle sings"}, [2]string{"The code that it shows: ", "111111"}, [2]string{"The code that it shows: ", "123456"})
	if code != ExitOK || out != "abcd-efgh-jkmn-pqrs\n2345-6789-abcd-efgh\n" || !strings.Contains(errs, "JBSWY3DPEHPK3PXP") || !strings.Contains(errs, "The code is wrong") || !strings.Contains(errs, "▀") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if strings.Contains(errs, "kettle") {
		t.Error("the password is shown")
	}
	if code, _, errs := w.run("second-factor", "on"); code != ExitUsage || !strings.Contains(errs, "terminal") {
		t.Errorf("without a terminal: %d %q", code, errs)
	}
}

func TestSecondFactor_IsShownSwitchedOffAndItsCodesMadeAnew(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/second-factor", 200, `{"second_factor":{"on":true,"since":"2030-01-02T03:04:05Z","recovery_codes_left":7,"passkeys":1}}`)
	w.wants("POST /api/v1/second-factor/off", "123456", 204, "")
	w.wants("POST /api/v1/recovery-codes", "123456", 201, codesAnswer)
	if code, out, errs := w.run("second-factor"); code != ExitOK || !strings.Contains(out, "Recovery codes left: 7") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	w.stdin = "blue kettle sings"
	if code, out, errs := w.run("2fa", "codes", "--password-stdin", "--code", "123456"); code != ExitOK || !strings.HasPrefix(out, "abcd-") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	w.stdin = "blue kettle sings"
	if code, out, errs := w.run("second-factor", "off", "--password-stdin", "--code", "123456"); code != ExitOK || !strings.Contains(out, "is off") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if last := w.asked[len(w.asked)-1]; !strings.Contains(last, `"password":"blue kettle sings"`) {
		t.Errorf("asked %s", last)
	}
}

func TestSessionsAndPasskeys_AreListedAndEnded(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/sessions", 200, `{"sessions":[{"id":"s1","current":false,"source":"203.0.113.7","user_agent":"Firefox","created_at":"2030-01-02T03:04:05Z","last_seen_at":"2030-01-02T03:04:05Z"}]}`)
	w.says("DELETE /api/v1/sessions/s1", 204, "")
	w.says("DELETE /api/v1/sessions", 200, `{"ended":3}`)
	w.says("GET /api/v1/passkeys", 200, `{"passkeys":[{"id":"p1","name":"phone","host":"console.example.com","created_at":"2030-01-02T03:04:05Z","last_used_at":null}]}`)
	w.says("DELETE /api/v1/passkeys/p1", 204, "")
	for words, want := range map[string]string{
		"sessions": "203.0.113.7", "sessions end s1": "Signed out s1", "sessions end --all": "Signed out 3 browsers", "passkeys": "phone", "passkeys remove p1": "Removed p1",
	} {
		if code, out, errs := w.run(strings.Fields(words)...); code != ExitOK || !strings.Contains(out, want) {
			t.Errorf("%s: %d %q %q", words, code, out, errs)
		}
	}
	for _, words := range []string{"sessions end", "sessions end s1 --all"} {
		if code, _, errs := w.run(strings.Fields(words)...); code != ExitUsage || !strings.Contains(errs, "Which one?") {
			t.Errorf("%s: %d %q", words, code, errs)
		}
	}
}
