package cli

import (
	"strings"
	"testing"
)

// hostile is what a server or an app may write, and how it is shown.
var hostile = []struct{ text, plain, coloured string }{
	{"plain", "plain", "plain"},
	{"\x1b[31mred\x1b[0m", "red", "\x1b[31mred\x1b[0m\x1b[0m"},
	{"\x1b[31mred to the end", "red to the end", "\x1b[31mred to the end\x1b[0m"},
	{"\x1b]0;new title\x07after", "after", "after"},
	{"\x1b]52;c;ZXZpbA==\x1b\\after", "after", "after"},
	{"\x1b]8;;https://evil.test\x1b\\click\x1b]8;;\x1b\\", "click", "click"},
	{"\x1b]0;never ended", "", ""},
	{"\x1b[2J\x1b[1;1Hover", "over", "over"},
	{"\x1b[?1049hother screen", "other screen", "other screen"},
	{"\x1b[>4;2mkeys", "keys", "keys"},
	{"\x1bPq#0\x1b\\after", "after", "after"},
	{"\x1bcreset", "reset", "reset"},
	{"\x1b(0line", "line", "line"},
	{"\u009b31mred\u009b2J", "red", "\x1b[31mred\x1b[0m"},
	{"\u009d0;title\u009cafter", "after", "after"},
	{"one\rtwo", "one\uFFFDtwo", "one\uFFFDtwo"},
	{"a\x00b\x08c\x7f", "a\uFFFDb\uFFFDc\uFFFD", "a\uFFFDb\uFFFDc\uFFFD"},
	{"fake\n2026-01-01 web.1: line", "fake\uFFFD2026-01-01 web.1: line", "fake\uFFFD2026-01-01 web.1: line"},
	{"user\u202etxt.exe", "user\uFFFDtxt.exe", "user\uFFFDtxt.exe"},
	{"\xff\xfe", "\uFFFD", "\uFFFD"},
	{"\x1b", "", ""},
	{"tab\tstays ü 日本", "tab\tstays ü 日本", "tab\tstays ü 日本"},
}

func TestA72_TheTerminalIsSteeredByNobodyElse(t *testing.T) {
	for _, c := range hostile {
		if got := string(painted(c.text, false)); got != c.plain {
			t.Errorf("%q without colours: %q, want %q", c.text, got, c.plain)
		}
		if got := string(painted(c.text, true)); got != c.coloured {
			t.Errorf("%q with colours: %q, want %q", c.text, got, c.coloured)
		}
	}
	if got := string(painted(strings.Repeat("x", 1<<20), true)); len(got) > maxLine+20 {
		t.Errorf("a line of 1 MiB shows %d bytes", len(got))
	}
}

func TestA72_NoAnswerOfAServerReachesTheTerminalRaw(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	evil := `\u001b]0;evil\u0007\u001b[2J\u009b2Jx\r`
	app := `{"name":"shop` + evil + `","url":"https://` + evil + `","git_url":"https://x/git/shop.git","plan":"` + evil + `","hosts":["` + evil + `"],"status":{"word":"` + evil + `","sentence":"` + evil + `"},"scale":{"` + evil + `":1},"created_by":"` + evil + `"}`
	w.says("GET /api/v1/apps/shop", 200, `{"app":`+app+`}`)
	w.says("GET /api/v1/apps", 200, `{"apps":[`+app+`],"next":null}`)
	w.says("POST /api/v1/apps", 201, `{"app":`+app+`}`)
	w.says("GET /api/v1/apps/shop/config", 200, `{"names":["`+evil+`"]}`)
	w.says("GET /api/v1/apps/shop/logs", 200, `{"lines":[{"at":"2026-01-01T00:00:00Z","replica":"`+evil+`","text":"`+evil+`"}]}`)
	w.says("GET /api/v1/apps/shop/domains", 422, `{"code":"evil","message":"`+evil+`","hint":"`+evil+`"}`)
	w.says("GET /api/v1/plans", 500, evil)
	for _, args := range [][]string{
		{"info", "shop"},
		{"apps"},
		{"create", "shop"},
		{"config", "-a", "shop"},
		{"logs", "shop"},
		{"domains", "-a", "shop"},
		{"plans"},
		{"open", "shop"},
		{"apps", "--json"},
		{"logs", "shop", "--json"},
		{"domains", "-a", "shop", "--json"},
	} {
		_, out, errs := w.run(args...)
		if strings.ContainsAny(out+errs, "\x1b\x07\r\u009b") || out+errs == "" {
			t.Errorf("%v: %q %q", args, out, errs)
		}
	}
}

func FuzzTerminal(f *testing.F) {
	for _, c := range hostile {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, colours := range []bool{false, true} {
			got := string(painted(text, colours))
			if colours {
				got = colourSequence.ReplaceAllString(got, "")
			}
			if strings.ContainsAny(got, "\x1b\x07\r\n\x00\u009b\u009d\u0090") {
				t.Errorf("%q shows as %q", text, got)
			}
			if again := string(painted(string(painted(text, colours)), colours)); !colours && again != got && len(text) < maxLine {
				t.Errorf("%q changes when shown twice: %q, %q", text, got, again)
			}
		}
	})
}
