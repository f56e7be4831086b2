package golang

import (
	"path"
	"regexp"
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// module is what go.mod says.
type module struct {
	path      string
	version   string // of the go line, "" when it is not there
	toolchain string // of the toolchain line, "" when it is not there
	vendored  bool
}

var (
	moduleLine    = regexp.MustCompile(`(?m)^module[ \t]+"?([^\s"]+)`)
	goLine        = regexp.MustCompile(`(?m)^go[ \t]+([0-9][0-9.a-z]*)`)
	toolchainLine = regexp.MustCompile(`(?m)^toolchain[ \t]+go([0-9][0-9.a-z]*)`)
	major         = regexp.MustCompile(`^v[0-9]+$`)
)

func readModule(tree buildpack.Tree) (module, error) {
	text, err := tree.Read("go.mod")
	if err != nil {
		return module{}, err
	}
	m := module{vendored: tree.Has("vendor/modules.txt")}
	match := moduleLine.FindSubmatch(text)
	if match == nil {
		return m, buildpack.Failf("go_mod_invalid", "Its first line is: module example.com/app", "go.mod does not name its module.")
	}
	m.path = string(match[1])
	if match := goLine.FindSubmatch(text); match != nil {
		m.version = string(match[1])
	}
	if match := toolchainLine.FindSubmatch(text); match != nil {
		m.toolchain = string(match[1])
	}
	return m, nil
}

// name is what the program is called when it lies in the top folder.
func (m module) name() string {
	name := path.Base(m.path)
	if major.MatchString(name) {
		name = path.Base(path.Dir(m.path))
	}
	if name = strings.Trim(name, "./"); name == "" {
		return "app"
	}
	return name
}
