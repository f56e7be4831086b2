package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const sickServer = `{"level":"bad","findings":[
	{"check":"engine","level":"ok","text":"Docker 29 answers.","hint":""},
	{"check":"disk","level":"warn","text":"/ has 2 GB of 40 GB free.","hint":"Make room."},
	{"check":"port.80","level":"bad","text":"Port 80 is held by \u001b[2Japache2.","hint":"Stop that program."}]}`

func TestDoctor_SaysWhatToDoAndFailsWhenSomethingIsBad(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/doctor", http.StatusOK, sickServer)
	w.says("GET /api/v1/apps/shop/doctor", http.StatusOK, `{"level":"warn","findings":[{"check":"config","level":"warn","text":"KEY is empty.","hint":"Set it."}]}`)
	code, out, errs := w.run("doctor")
	for _, want := range []string{"ok   Docker 29 answers.", "warn / has 2 GB", "→ Make room.", "bad  Port 80", "→ Stop that program."} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != ExitFailed || !strings.Contains(errs, "1 finding is bad") || strings.Contains(out, "\x1b") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	code, out, _ = w.run("doctor", "shop")
	if code != ExitOK || !strings.Contains(out, "warn KEY is empty.") {
		t.Errorf("%d %s", code, out)
	}
	code, out, _ = w.run("doctor", "--json")
	var answer struct {
		Level    string
		Findings []finding
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Level != "bad" || len(answer.Findings) != 3 || code != ExitFailed {
		t.Errorf("%d %v %s", code, err, out)
	}
	if code, _, _ := w.run("doctor", "Not-A-Name"); code == ExitOK {
		t.Error("a wrong name is taken")
	}
}

func TestDoctor_RootOnTheServerNeedsNoSignIn(t *testing.T) {
	p := &program{Deps: Deps{Doctor: func(context.Context) (json.RawMessage, bool, error) {
		return json.RawMessage(sickServer), true, nil
	}}}
	raw, err := p.examine(t.Context(), nil)
	if err != nil || string(raw) != sickServer {
		t.Errorf("%s, %v", raw, err)
	}
}
