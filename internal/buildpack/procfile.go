package buildpack

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"
)

// What a Procfile may have at most.
const (
	maxProcfile  = 64 << 10
	maxProcesses = 20
)

var (
	procfileLine = regexp.MustCompile(`^([A-Za-z0-9_-]+)\s*:\s*(.+)$`)
	processType  = regexp.MustCompile(`^[a-z][a-z0-9-]{0,29}$`)
)

// Procfile gives the tree's process types in order, none when there is no Procfile.
func (t Tree) Procfile() ([]Line, error) {
	data, err := t.Read("Procfile")
	if err != nil || data == nil {
		return nil, err
	}
	if len(data) > maxProcfile || bytes.IndexByte(data, 0) >= 0 {
		return nil, Failf("procfile_invalid", "It has lines such as: web: node server.js", "The Procfile is too large or no text file.")
	}
	var lines []Line
	seen := map[string]bool{}
	scanner := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	scanner.Buffer(nil, maxProcfile+1) // one line may be all of it
	for number := 1; scanner.Scan(); number++ {
		text := strings.TrimSpace(scanner.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		line, err := parseLine(text, number)
		if err != nil {
			return nil, err
		}
		if seen[line.Type] {
			return nil, Failf("procfile_invalid", "Give each process type one line.", "Line %d of the Procfile: %s is there twice.", number, line.Type)
		}
		seen[line.Type] = true
		lines = append(lines, line)
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if len(lines) == 0 || len(lines) > maxProcesses {
		return nil, Failf("procfile_invalid", "Write one line for each process type, for example: web: node server.js", "The Procfile has %d process types; 1 to %d are possible.", len(lines), maxProcesses)
	}
	return lines, nil
}

func parseLine(text string, number int) (Line, error) {
	match := procfileLine.FindStringSubmatch(text)
	if match == nil {
		return Line{}, Failf("procfile_invalid", "Write a process type, a colon and a command, for example: web: node server.js", "Line %d of the Procfile cannot be read: %s", number, short(text))
	}
	name := strings.ReplaceAll(strings.ToLower(match[1]), "_", "-")
	if !processType.MatchString(name) {
		return Line{}, Failf("procfile_invalid", "Process types are words such as web or worker.", "Line %d of the Procfile: %s is not a process type.", number, short(match[1]))
	}
	return Line{Type: name, Command: match[2]}, nil
}

func short(text string) string {
	if len(text) > 80 {
		return text[:80] + "…"
	}
	return text
}

// Complete reports whether the lines say all that runs. A Procfile with nothing but a release command
// leaves the web process to the language; one with a worker alone means an app without web.
func Complete(lines []Line) bool {
	for _, l := range lines {
		if l.Type != "release" {
			return true
		}
	}
	return false
}
