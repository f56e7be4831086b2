package dockerfile

import (
	"errors"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"github.com/lugsail/lugsail/internal/procfile"
	"github.com/lugsail/lugsail/platform"
)

// processes reads the process types that stand in the source's Procfile; none when there is no such file.
func processes(dir string) ([]platform.Process, error) {
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
		return nil, procfileInvalid("The Procfile is no file inside of the source.")
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, procfile.MaxSize+1))
	if err != nil {
		return nil, procfileInvalid("The Procfile is no file.")
	}
	lines, refused := procfile.Parse(data)
	if refused != "" {
		return nil, procfileInvalid(refused)
	}
	found := make([]platform.Process, len(lines))
	for i, l := range lines {
		found[i] = process(l)
	}
	return found, nil
}

var (
	direct     = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+( +[A-Za-z0-9_./:=@%+,-]+)*$`)
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
)

// process starts plain words as they are, so that images without a shell can have a Procfile too.
func process(l procfile.Line) platform.Process {
	p := platform.Process{Type: l.Type, Command: plain(l.Command, 500), Entrypoint: []string{"/bin/sh", "-c"}, Args: []string{l.Command}}
	if direct.MatchString(l.Command) && !assignment.MatchString(l.Command) {
		words := strings.Fields(l.Command)
		p.Entrypoint, p.Args = words[:1], words[1:]
	}
	return p
}

func procfileInvalid(why string) error {
	return platform.Errorf(platform.Invalid, "procfile_invalid", "%s", why).WithHint(procfile.Hint)
}
