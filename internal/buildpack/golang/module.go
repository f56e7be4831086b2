package golang

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// module is what go.mod says, and go.work where there is one.
type module struct {
	path      string
	version   string // of the go line, "" when it is not there
	toolchain string // of the toolchain line, "" when it is not there
	file      string // that has these lines
	vendored  bool
	work      []string // folders of the modules of go.work
	needs     string   // all of go.mod
}

var (
	moduleLine    = regexp.MustCompile(`(?m)^module[ \t]+"?([^\s"]+)`)
	goLine        = regexp.MustCompile(`(?m)^go[ \t]+([0-9][0-9.a-z]*)`)
	toolchainLine = regexp.MustCompile(`(?m)^toolchain[ \t]+go([0-9][0-9.a-z]*)`)
	useBlock      = regexp.MustCompile(`(?ms)^use[ \t]*\((.*?)^\)`)
	useLine       = regexp.MustCompile(`(?m)^use[ \t]+([^\s(]+)`)
	major         = regexp.MustCompile(`^v[0-9]+$`)
)

func readModule(tree buildpack.Tree) (module, error) {
	m := module{vendored: tree.Has("vendor/modules.txt")}
	if tree.Has("go.work") {
		return m, m.readWork(tree)
	}
	return m, m.readMod(tree)
}

func (m *module) readMod(tree buildpack.Tree) error {
	text, err := tree.Read("go.mod")
	if err != nil {
		return err
	}
	match := moduleLine.FindSubmatch(text)
	if match == nil {
		return buildpack.Failf("go_mod_invalid", "Its first line is: module example.com/app", "go.mod does not name its module.")
	}
	m.path, m.needs = string(match[1]), string(text)
	m.versions("go.mod", text)
	return nil
}

func (m *module) versions(file string, text []byte) {
	m.file = file
	if match := goLine.FindSubmatch(text); match != nil {
		m.version = string(match[1])
	}
	if match := toolchainLine.FindSubmatch(text); match != nil {
		m.toolchain = string(match[1])
	}
}

// readWork also reads the go.mod of the top folder, which need not be there.
func (m *module) readWork(tree buildpack.Tree) error {
	text, err := tree.Read("go.work")
	if err != nil {
		return err
	}
	if tree.Has("go.mod") {
		if err := m.readMod(tree); err != nil {
			return err
		}
	}
	m.versions("go.work", text)
	for _, match := range useLine.FindAllSubmatch(text, -1) {
		m.use(string(match[1]))
	}
	for _, match := range useBlock.FindAllSubmatch(text, -1) {
		for line := range strings.Lines(string(match[1])) {
			line, _, _ = strings.Cut(line, "//")
			m.use(strings.TrimSpace(line))
		}
	}
	if len(m.work) == 0 {
		return buildpack.Failf("go_work_invalid", "It has lines such as: use ./api", "go.work names no folder of a module.")
	}
	return nil
}

func (m *module) use(folder string) {
	if folder = strings.Trim(folder, "\"`"); folder != "" && filepath.IsLocal(folder) {
		m.work = append(m.work, path.Clean(folder))
	}
}

// folders are those of the modules.
func (m module) folders() []string {
	if len(m.work) > 0 {
		return m.work
	}
	return []string{"."}
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
