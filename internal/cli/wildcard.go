package cli

import (
	"fmt"
	"regexp"
	"strings"
)

// rule is a line of a .gitignore. It is read here and not by a library: the one that is well
// kept (go-git's) takes a rule for a folder as one for everything in it, so that with "*" and
// "!*/" it would send what git leaves out. A test holds this against git itself.
type rule struct {
	below   string // the folder that it is for, from the top, with a slash at its end; "" is the top
	match   *regexp.Regexp
	whole   bool // it is about the path below the folder, not the last name alone
	dirOnly bool
	include bool
}

// parseRule reads a line; false when it says nothing.
func parseRule(line, below string) (rule, bool) {
	if strings.HasPrefix(line, "#") {
		return rule{}, false
	}
	line = trimSpaces(line)
	r := rule{below: below}
	line, r.include = strings.CutPrefix(line, "!")
	line, r.dirOnly = strings.CutSuffix(line, "/")
	if line == "" {
		return rule{}, false
	}
	r.whole = strings.Contains(line, "/")
	expression, ok := wildcards(strings.TrimPrefix(line, "/"))
	if !ok {
		return rule{}, false
	}
	var err error
	r.match, err = regexp.Compile("(?s)^" + expression + "$")
	return r, err == nil // one that cannot be a rule matches nothing
}

// trimSpaces takes the spaces at the end away, but not one behind a backslash.
func trimSpaces(line string) string {
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	return line
}

// says reports whether the rule is about the path, which leads from the top.
func (r rule) says(path string, dir bool) bool {
	rest, ok := strings.CutPrefix(path, r.below)
	if !ok || r.dirOnly && !dir {
		return false
	}
	if !r.whole {
		rest = rest[strings.LastIndexByte(rest, '/')+1:]
	}
	return r.match.MatchString(rest)
}

// wildcards turns git's wildcards into a regular expression; false when nothing can match.
func wildcards(p string) (string, bool) {
	var out strings.Builder
	for at := 0; at < len(p); {
		switch rest := p[at:]; {
		case strings.HasPrefix(rest, "**/") && (at == 0 || p[at-1] == '/'):
			out.WriteString("(?:.*/)?")
			at += 3
		case rest == "**" && at > 0 && p[at-1] == '/':
			out.WriteString(".*")
			at += 2
		case rest[0] == '*':
			out.WriteString("[^/]*")
			at += len(rest) - len(strings.TrimLeft(rest, "*"))
		case rest[0] == '?':
			out.WriteString("[^/]")
			at++
		case rest[0] == '[':
			set, n := class(rest)
			if n == 0 {
				return "", false
			}
			out.WriteString(set)
			at += n
		case rest[0] == '\\':
			if len(rest) == 1 {
				return "", false
			}
			letter := firstLetter(rest[1:])
			out.WriteString(regexp.QuoteMeta(letter))
			at += 1 + len(letter)
		default:
			letter := firstLetter(rest)
			out.WriteString(regexp.QuoteMeta(letter))
			at += len(letter)
		}
	}
	return out.String(), true
}

func firstLetter(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}

// class reads a set such as [a-z] or [!0-9] and tells how long it is; 0 when it has no end. A
// set never holds the slash.
func class(p string) (set string, length int) {
	at := 1
	negated := at < len(p) && (p[at] == '!' || p[at] == '^')
	if negated {
		at++
	}
	var in strings.Builder
	for first := true; ; first = false {
		switch {
		case at >= len(p):
			return "", 0
		case p[at] == ']' && !first:
			return closed(in.String(), negated), at + 1
		case strings.HasPrefix(p[at:], "[:"):
			end := strings.Index(p[at:], ":]")
			if end < 0 {
				return "", 0
			}
			in.WriteString(p[at : at+end+2])
			at += end + 2
			continue
		}
		low, n := setLetter(p[at:])
		at += n
		high := low
		if at+1 < len(p) && p[at] == '-' && p[at+1] != ']' {
			high, n = setLetter(p[at+1:])
			at += 1 + n
		}
		if n == 0 {
			return "", 0
		}
		in.WriteString(span(low, high))
	}
}

func setLetter(p string) (letter rune, length int) {
	skip := 0
	if strings.HasPrefix(p, `\`) {
		skip = 1
	}
	text := firstLetter(p[skip:])
	if text == "" {
		return 0, 0
	}
	return []rune(text)[0], skip + len(text)
}

// span is a range of a set, without the slash.
func span(low, high rune) string {
	if low > high || low == '/' && high == '/' {
		return ""
	}
	if low <= '/' && '/' <= high {
		return span(low, '/'-1) + span('/'+1, high)
	}
	return fmt.Sprintf(`\x{%x}-\x{%x}`, low, high)
}

func closed(in string, negated bool) string {
	switch {
	case negated:
		return "[^/" + in + "]"
	case in == "":
		return `[^\x00-\x{10FFFF}]`
	}
	return "[" + in + "]"
}
