package console

import (
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestA72_OnlyColoursOfTerminalSequencesAreKept(t *testing.T) {
	for line, want := range map[string]string{
		"plain":                                         "plain",
		"a\x1b[31mred\x1b[0mb":                          "a|c1:red|b",
		"\x1b[1;32mbold\x1b[22mgreen\x1b[m":             "c2 t1:bold|c2:green",
		"\x1b[38;5;196mx\x1b[0my":                       "x|y",
		"\x1b[38;2;1;31;3mx\x1b[97my":                   "x|c7:y",
		"\x1b]0;title\x07\x1b]8;;http://evil\x1b\\link": "link",
		"\x1b[2J\x1b[10;10Hgone":                        "gone",
		"one\rtwo\x00\x08three\x7f":                     "one|two|three",
		"\x1bP1;2qpayload\x1b\\after":                   "after",
		"tab\tstays":                                    "tab\tstays",
		"\x1b[31":                                       "31",
		"\x9b31mx":                                      "\uFFFD31mx",
		"\u009b31mx":                                    "31mx",
	} {
		var parts []string
		for _, r := range paint(line) {
			text := r.Text
			if r.Class != "" {
				text = r.Class + ":" + text
			}
			parts = append(parts, text)
		}
		if got := strings.Join(parts, "|"); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	if runs := paint(strings.Repeat("x", 1<<20)); len(runs) != 1 || len(runs[0].Text) > maxLine+20 {
		t.Errorf("a line of 1 MiB is not cut")
	}
}

func FuzzPaint(f *testing.F) {
	f.Add("\x1b[31mred\x1b]0;t\x07\x1b[38;5;1m")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range paint(text) {
			if strings.ContainsAny(r.Text, "\x1b\x07\x08\r\n\x00") {
				t.Fatalf("%q came through in %q", text, r.Text)
			}
		}
	})
}

func TestView_TimesAndSizesReadAsPeopleSay(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "just now", 40 * time.Second: "40 s ago", 12 * time.Minute: "12 min ago", 5 * time.Hour: "5 h ago",
		30 * time.Hour: "yesterday", 72 * time.Hour: "3 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%s) = %q", d, got)
		}
	}
	now := time.Now()
	later := now.Add(65 * time.Second)
	if got := took(&now, &later); got != "1\u00a0min\u00a05\u00a0s" {
		t.Errorf("took: %q", got)
	}
	if got := browser("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"); got != "Chrome on Linux" {
		t.Errorf("browser: %q", got)
	}
}

func TestProgram_IsOnTheServerThatWasAsked(t *testing.T) {
	for console, want := range map[string]string{
		"https://console.192-0-2-1.sslip.io:8443": "root@console.192-0-2-1.sslip.io:/",
		"https://console.localhost":               "root@SERVER:/",
	} {
		if got := program(console); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", console, got)
		}
	}
}

func TestReplicas_WhatWasRetiredIsNotShown(t *testing.T) {
	a := platform.App{CurrentRelease: 2, Scale: platform.Scale{"web": 1}}
	rows := replicaRows(a, []platform.Replica{
		{Release: 1, Process: "web", Index: 1, State: platform.ReplicaExited, ExitCode: 143},
		{Release: 2, Process: "web", Index: 2, State: platform.ReplicaExited, ExitCode: 143},
		{Release: 2, Process: "web", Index: 1, State: platform.ReplicaExited, ExitCode: 1},
		{Release: 3, Process: "web", Index: 1, State: platform.ReplicaCreated},
	})
	var said []string
	for _, r := range rows {
		said = append(said, r.Said)
	}
	if got := strings.Join(said, ", "); got != "ended with code 1, starting" {
		t.Errorf("shown: %s", got)
	}
}
