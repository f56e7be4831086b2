package console

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// run is a piece of a log line in one colour. Its class is one of ours, never the app's.
type run struct {
	Class string
	Text  string
}

// logLine is a line as the pages show it.
type logLine struct {
	Time   string // hours, minutes, seconds, UTC
	Who    string // "web.1"
	Stream string
	Runs   []run
}

// control matches every terminal sequence and control character but the tab. Colours are
// kept; what could move the cursor, set titles or make links is dropped.
var control = regexp.MustCompile("\x1b\\[([0-9;:]*)([@-~])|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[PX^_][^\x1b]*\x1b\\\\|\x1b.?|[\x00-\x08\x0a-\x1f\x7f-\u009f]")

// turning matches what changes the direction of text, with which a line could show what it is not.
var turning = regexp.MustCompile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

// told makes what changes the direction visible: <U+202E>.
func told(text string) string {
	return turning.ReplaceAllStringFunc(text, func(c string) string { return fmt.Sprintf("<U+%04X>", []rune(c)[0]) })
}

// plain is a line without its sequences.
func plain(text string) string {
	return told(control.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), ""))
}

const maxLine = 16 << 10

// paint splits a line into its colours.
func paint(text string) []run {
	if len(text) > maxLine {
		text = text[:maxLine] + " … (cut)"
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	var runs []run
	var s style
	at := 0
	for _, m := range control.FindAllStringSubmatchIndex(text, -1) {
		runs = s.add(runs, text[at:m[0]])
		at = m[1]
		if m[4] >= 0 && text[m[4]:m[5]] == "m" {
			s = s.change(text[m[2]:m[3]])
		}
	}
	return s.add(runs, text[at:])
}

type style struct{ colour, weight string }

func (s style) add(runs []run, text string) []run {
	if text == "" {
		return runs
	}
	return append(runs, run{Class: strings.TrimSpace(s.colour + " " + s.weight), Text: told(text)})
}

// change follows one SGR sequence (ECMA-48); colours out of the 16 are left plain.
func (s style) change(codes string) style {
	list := strings.FieldsFunc(codes, func(r rune) bool { return r == ';' || r == ':' })
	if len(list) == 0 {
		return style{}
	}
	for i := 0; i < len(list); i++ {
		n, _ := strconv.Atoi(list[i]) // the pattern lets only digits through; too many are 0
		switch {
		case n == 0:
			s = style{}
		case n == 1 || n == 2:
			s.weight = "t" + strconv.Itoa(n)
		case n == 22:
			s.weight = ""
		case n >= 30 && n <= 37:
			s.colour = "c" + strconv.Itoa(n-30)
		case n >= 90 && n <= 97:
			s.colour = "c" + strconv.Itoa(n-90)
		case n == 39:
			s.colour = ""
		case n == 38 || n == 48:
			i += extended(list[i+1:])
		}
	}
	return s
}

// extended is how many numbers follow 38 and 48: 5;n or 2;r;g;b.
func extended(rest []string) int {
	if len(rest) > 0 && rest[0] == "5" {
		return 2
	}
	return 4
}

// buildLine takes apart a line of a deployment's log: its time stands in front.
func buildLine(line string) logLine {
	stamp, text, _ := strings.Cut(line, " ")
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return logLine{Runs: paint(line)}
	}
	return logLine{Time: t.UTC().Format(time.TimeOnly), Runs: paint(text)}
}
