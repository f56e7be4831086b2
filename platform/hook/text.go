package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"unicode"
)

// text is a stranger's string, of which only the beginning counts.
type text string

// longest is how many bytes of a text are decoded.
const longest = 8 << 10

// UnmarshalJSON cuts before it decodes. A cut may go through a character or an escape, of which
// two together have twelve bytes.
func (t *text) UnmarshalJSON(raw []byte) error {
	if len(raw) <= longest {
		return json.Unmarshal(raw, (*string)(t))
	}
	if raw[0] != '"' {
		return errors.New("a text was expected")
	}
	for end := longest; end > longest-12; end-- {
		if json.Unmarshal(append(bytes.Clone(raw[:end]), '"'), (*string)(t)) == nil {
			return nil
		}
	}
	return errors.New("a text is damaged")
}

// line makes it fit for a line: no control characters, no turned letters, not long.
func (t text) line(most int) string {
	s, _, _ := strings.Cut(strings.TrimSpace(string(t)), "\n")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if letters := []rune(s); len(letters) > most {
		s = string(letters[:most-1]) + "…"
	}
	return s
}

func decode(payload []byte, v any) error { return json.Unmarshal(payload, v) }

// payloadOf is the JSON that a form carries; nil when it carries none, or two. A form of 25 MB may
// have millions of fields, so none but that one is kept.
func payloadOf(form []byte) []byte {
	var values [][]byte
	for field := range bytes.SplitSeq(form, []byte{'&'}) {
		name, value, _ := bytes.Cut(field, []byte{'='})
		if len(name) > 3*len("payload") {
			continue // no way to write it is as long
		}
		if plain, err := url.QueryUnescape(string(name)); err == nil && plain == "payload" {
			values = append(values, value)
		}
		if len(values) > 1 {
			return nil
		}
	}
	if len(values) == 0 {
		return nil
	}
	return unescape(values[0])
}

// unescape makes one copy, where a string would take three. What is not escaped rightly is nothing.
func unescape(value []byte) []byte {
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		switch c := value[i]; c {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(value) || !isHex(value[i+1]) || !isHex(value[i+2]) {
				return nil
			}
			out = append(out, unhex(value[i+1])<<4|unhex(value[i+2]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
