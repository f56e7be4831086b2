package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// sequence matches every terminal sequence (ECMA-48): CSI with its numbers, OSC and the other strings to
// their end or the text's, and what else begins with an escape.
var sequence = regexp.MustCompile("(?s)(?:\x1b\\[|\u009b)([0-9:;<=>?]*)([ -/]*)([@-~])" +
	"|(?:\x1b[\\]PX^_]|[\u009d\u0090\u0098\u009e\u009f]).*?(?:\x07|\x1b\\\\|\u009c|$)|\x1b[ -/]*[0-~]?")

// colour matches what a CSI may say to be one.
var colour = regexp.MustCompile(`^[0-9:;]*$`)

// maxLine is what a person is shown of one line.
const maxLine = 16 << 10

// clean keeps what others wrote from steering the terminal: no sequences, no controls but the tab.
func clean(s string) string { return visible(withoutSequences(s, false), false) }

// cleanText does so for text of several lines.
func cleanText(s string) string { return visible(withoutSequences(s, false), true) }

func withoutSequences(s string, colours bool) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if !strings.ContainsAny(s, "\x1b\u0090\u0098\u009b\u009d\u009e\u009f") {
		return s
	}
	return sequence.ReplaceAllStringFunc(s, func(found string) string {
		m := sequence.FindStringSubmatch(found)
		if colours && m[3] == "m" && m[2] == "" && colour.MatchString(m[1]) {
			return "\x1b[" + m[1] + "m"
		}
		return ""
	})
}

// visible shows controls, and what turns the direction of writing, as the sign for no character.
func visible(s string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || lines && r == '\n':
			return r
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return '\uFFFD'
		}
		return r
	}, s)
}

// trusted is text that was made fit for the terminal already, or is meant for no terminal.
type trusted string

// painted makes a line that an app wrote fit for where it goes: its colours stay where there are some.
func (p *program) painted(s string) trusted { return painted(s, colours(p.Stdout)) }

func painted(s string, colours bool) trusted {
	if len(s) > maxLine {
		s = s[:maxLine] + " … (cut)"
	}
	if !colours {
		return trusted(clean(s))
	}
	var out strings.Builder
	coloured := false
	for _, part := range split(withoutSequences(s, true)) {
		if strings.HasPrefix(part, "\x1b[") {
			coloured = true
			out.WriteString(part)
			continue
		}
		out.WriteString(visible(part, false))
	}
	if coloured {
		out.WriteString("\x1b[0m")
	}
	return trusted(out.String())
}

var colourSequence = regexp.MustCompile("\x1b\\[[0-9:;]*m")

// split takes colours and text apart.
func split(s string) []string {
	var parts []string
	at := 0
	for _, m := range colourSequence.FindAllStringIndex(s, -1) {
		parts = append(parts, s[at:m[0]], s[m[0]:m[1]])
		at = m[1]
	}
	return append(parts, s[at:])
}

// fit makes what is put into a format fit for the terminal. The format itself is ours.
func fit(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case trusted:
			out[i] = string(v)
		case string:
			out[i] = cleanText(v)
		case error:
			out[i] = cleanText(v.Error())
		case fmt.Stringer:
			out[i] = cleanText(v.String())
		case []string:
			words := make([]string, len(v))
			for j := range v {
				words[j] = cleanText(v[j])
			}
			out[i] = words
		default:
			out[i] = arg
		}
	}
	return out
}

// value prints what belongs to a person as it is, except to a terminal.
func (p *program) value(s string) trusted {
	if f, ok := p.Stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return trusted(cleanText(s))
	}
	return trusted(s)
}

// printJSON writes indented JSON. JSON itself lets the controls behind ASCII through, which steer some terminals.
func printJSON(w io.Writer, v any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	return writeJSON(w, text.Bytes())
}

func writeJSON(w io.Writer, text []byte) error {
	var out bytes.Buffer
	for _, r := range string(text) {
		if r >= 0x7f && r < 0xa0 {
			_, _ = fmt.Fprintf(&out, `\u%04x`, r) // a buffer never fails
			continue
		}
		_, _ = out.WriteRune(r)
	}
	_, err := w.Write(out.Bytes())
	return err
}
