package dockerfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// What a Procfile may have at most.
const (
	maxProcfile  = 64 << 10
	maxProcesses = 20
)

// procfile reads the process types that stand in the source's Procfile; none when there is no such file.
func procfile(dir string) ([]platform.Process, error) {
	root, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // read only
	f, err := root.Open("Procfile")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, procfileInvalid(0, "it is no file inside of the source")
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, maxProcfile+1))
	if err != nil {
		return nil, procfileInvalid(0, "it is no file")
	}
	return parseProcfile(data)
}

var (
	procfileLine = regexp.MustCompile(`^([A-Za-z0-9_-]+)\s*:\s*(.+)$`)
	direct       = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+( +[A-Za-z0-9_./:=@%+,-]+)*$`)
	assignment   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
)

func parseProcfile(data []byte) ([]platform.Process, error) {
	if len(data) > maxProcfile || bytes.IndexByte(data, 0) >= 0 {
		return nil, procfileInvalid(0, "it is too large or no text file")
	}
	var found []platform.Process
	seen := map[string]bool{}
	scanner := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	scanner.Buffer(nil, maxProcfile+1)
	for number := 1; scanner.Scan(); number++ {
		text := strings.TrimSpace(scanner.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		match := procfileLine.FindStringSubmatch(text)
		if match == nil {
			return nil, procfileInvalid(number, "it has no process type and colon")
		}
		kind := strings.ReplaceAll(strings.ToLower(match[1]), "_", "-")
		if platform.ValidateProcessType(kind) != nil {
			return nil, procfileInvalid(number, plain(match[1], 40)+" is not a process type")
		}
		if seen[kind] || len(found) == maxProcesses {
			return nil, procfileInvalid(number, fmt.Sprintf("%s is there twice, or there are more than %d", kind, maxProcesses))
		}
		seen[kind] = true
		found = append(found, process(kind, match[2]))
	}
	return found, scanner.Err()
}

// process starts plain words as they are, so that images without a shell can have a Procfile too.
func process(kind, command string) platform.Process {
	p := platform.Process{Type: kind, Command: plain(command, 500), Entrypoint: []string{"/bin/sh", "-c"}, Args: []string{command}}
	if direct.MatchString(command) && !assignment.MatchString(command) {
		words := strings.Fields(command)
		p.Entrypoint, p.Args = words[:1], words[1:]
	}
	return p
}

func procfileInvalid(line int, why string) error {
	where := "The Procfile cannot be read"
	if line > 0 {
		where = fmt.Sprintf("Line %d of the Procfile cannot be read", line)
	}
	return platform.Errorf(platform.Invalid, "procfile_invalid", "%s: %s.", where, why).
		WithHint("Write a process type, a colon and a command, for example: web: ./server")
}
