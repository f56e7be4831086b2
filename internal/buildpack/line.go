package buildpack

import (
	"regexp"
	"strings"
)

// Line is a process type and the command line that a person wrote for it.
type Line struct{ Type, Command string }

// Script is a program that runs the line in the shell, as people expect of such lines. Where it can,
// the shell gives way to the last program, so that this one gets the signal to stop.
func (l Line) Script() string { return "#!/bin/sh\n" + execLast(l.Command) + "\n" }

var (
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
	keyword    = regexp.MustCompile(`^(if|then|else|elif|fi|for|do|done|while|until|case|esac|cd|export|set|exec|eval|trap|wait|ulimit|umask|test|\[|\{|!|\.|:)(\s|$)`)
)

// execLast puts exec before the last command of a list joined by && and ;, unless the line is
// more than that.
func execLast(line string) string {
	line = strings.TrimSpace(line)
	at, simple := lastCommand(line)
	last := strings.TrimLeft(line[at:], " \t")
	if !simple || last == "" || keyword.MatchString(last) {
		return line
	}
	head := line[:len(line)-len(last)]
	if assignment.MatchString(last) {
		return head + "exec env " + last
	}
	return head + "exec " + last
}

// lastCommand finds where the last command of the line starts. It is not simple when there are pipes,
// background commands, groups or alternatives outside of quotes.
func lastCommand(line string) (at int, simple bool) {
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ';':
			at = i + 1
		case c == '&' && i+1 < len(line) && line[i+1] == '&':
			i++
			at = i + 1
		case c == '&' && i > 0 && (line[i-1] == '>' || line[i-1] == '<'): // 2>&1
		case strings.IndexByte("|&(){}`\n#", c) >= 0 && !variable(line, i):
			return 0, false
		}
	}
	return at, quote == 0
}

// variable reports whether the brace at i belongs to a ${NAME}, or the hash is inside a word.
func variable(line string, i int) bool {
	switch line[i] {
	case '{':
		return i > 0 && line[i-1] == '$'
	case '}':
		open := strings.LastIndexByte(line[:i], '{')
		return open > 0 && line[open-1] == '$'
	case '#':
		return i > 0 && line[i-1] != ' ' && line[i-1] != '\t'
	}
	return false
}
