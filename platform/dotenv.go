package platform

import (
	"maps"
	"slices"
	"strings"
)

// ParseDotenv reads the lines of an .env file: NAME=value, "export" before it or not,
// # comments, values in single quotes as they stand, in double quotes with \n \t \r \" \\ \$,
// over several lines too. There is no expansion of $NAME. Invalid, codes dotenv_line and
// dotenv_quote; it does not check names.
func ParseDotenv(text string) (map[string]string, error) {
	vars := map[string]string{}
	rest := strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	for number := 1; rest != ""; number++ {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			return vars, Errorf(Invalid, "dotenv_line", "Line %d has no equals sign.", number).
				WithHint("Each line must read NAME=value.")
		}
		value = strings.TrimSpace(value)
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			quoted, left, lines, ok := quotedValue(value+"\n"+rest, value[0])
			if !ok {
				return vars, Errorf(Invalid, "dotenv_quote", "The quote that opens in line %d is never closed.", number)
			}
			value, rest = quoted, left
			number += lines
		} else if i := strings.Index(value, " #"); i >= 0 {
			value = strings.TrimSpace(value[:i])
		}
		vars[strings.TrimSpace(name)] = value
	}
	return vars, nil
}

// quotedValue reads from the opening quote; what follows on the last line is dropped.
func quotedValue(text string, quote byte) (value, rest string, lines int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch ch := text[i]; {
		case ch == quote:
			_, rest, _ = strings.Cut(text[i:], "\n")
			return b.String(), rest, lines, true
		case ch == '\\' && quote == '"' && i+1 < len(text):
			i++
			b.WriteString(unescape(text[i]))
		default:
			if ch == '\n' {
				lines++
			}
			b.WriteByte(ch)
		}
	}
	return "", "", 0, false
}

func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	case '"', '\\', '$':
		return string(c)
	}
	return `\` + string(c)
}

// FormatDotenv writes config vars as lines that ParseDotenv reads, by name.
// Values that are not plain words stand in double quotes.
func FormatDotenv(vars map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		b.WriteString(name + "=" + quoteDotenv(vars[name]) + "\n")
	}
	return b.String()
}

var escapes = strings.NewReplacer("\n", `\n`, "\t", `\t`, "\r", `\r`, `"`, `\"`, `\`, `\\`, "$", `\$`)

func quoteDotenv(value string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+,=", r)
	}
	if strings.IndexFunc(value, func(r rune) bool { return !plain(r) }) < 0 {
		return value
	}
	return `"` + escapes.Replace(value) + `"`
}
