// Package procfile reads a Procfile: one process type, a colon and its command on each line.
//
// What surprises: it is read in two places, inside of builds with buildpacks and on the server for builds
// with a Dockerfile, and both take and refuse the same.
package procfile

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// What a Procfile may have at most.
const (
	MaxSize  = 64 << 10 // bytes
	maxLines = 20       // process types
)

// Hint is what to do about whatever Parse refuses.
const Hint = "Write one line for each process type: its name, a colon and a command, for example: web: node server.js"

// Line is a process type, in lower case with hyphens, and its command.
type Line struct{ Type, Command string }

var (
	pattern     = regexp.MustCompile(`^([A-Za-z0-9_-]+)\s*:\s*(.+)$`)
	processType = regexp.MustCompile(`^[a-z][a-z0-9-]{0,29}$`)
)

// Parse gives the process types in order, none of an empty file, or a sentence for people on why not.
func Parse(data []byte) (lines []Line, refused string) {
	if len(data) > MaxSize || bytes.IndexByte(data, 0) >= 0 {
		return nil, "The Procfile is too large or no text file."
	}
	seen := map[string]bool{}
	number := 0
	for text := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		number++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		match := pattern.FindStringSubmatch(text)
		if match == nil {
			return nil, fmt.Sprintf("Line %d of the Procfile cannot be read: %s", number, short(text))
		}
		name := strings.ReplaceAll(strings.ToLower(match[1]), "_", "-")
		if !processType.MatchString(name) {
			return nil, fmt.Sprintf("Line %d of the Procfile: %s is not a process type.", number, short(match[1]))
		}
		if seen[name] {
			return nil, fmt.Sprintf("Line %d of the Procfile: %s is there twice.", number, name)
		}
		seen[name] = true
		lines = append(lines, Line{Type: name, Command: match[2]})
	}
	if len(lines) > maxLines {
		return nil, fmt.Sprintf("The Procfile has %d process types; %d are possible.", len(lines), maxLines)
	}
	return lines, ""
}

// short is what can be shown of a line that nobody can read.
func short(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > 80 {
		return string(runes[:80]) + "…"
	}
	return text
}
