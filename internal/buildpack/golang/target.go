package golang

import (
	"go/build/constraint"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// target is a main package.
type target struct {
	dir  string // "." or "cmd/web"
	name string // of the program
}

// choose finds the main packages: the top folder, else the ones in cmd. Several in cmd need a Procfile
// that says which one is what, unless one has an obvious name. One in the top folder is alone, but for
// those that the Procfile names.
func choose(tree buildpack.Tree, m module, lines []buildpack.Line) ([]target, error) {
	var found []target
	for _, folder := range m.folders() {
		found = append(found, mainsIn(tree, m, folder)...)
	}
	top := slices.IndexFunc(found, func(t target) bool { return t.dir == "." })
	if top >= 0 {
		others := slices.DeleteFunc(slices.Clone(found), func(t target) bool { return t.dir == "." || !named(t, lines) })
		return append([]target{found[top]}, others...), nil
	}
	if len(found) == 0 {
		return nil, buildpack.Failf("go_no_main", "Put package main into the top folder or into cmd/NAME.",
			"There is no main package in the top folder nor in cmd.")
	}
	if len(found) == 1 || buildpack.Complete(lines) {
		return found, nil
	}
	for _, name := range []string{"web", "server", m.name(), "api", "app"} {
		if i := slices.IndexFunc(found, func(t target) bool { return t.name == name }); i >= 0 {
			return append([]target{found[i]}, slices.Delete(slices.Clone(found), i, i+1)...), nil
		}
	}
	return nil, buildpack.Failf("go_many_mains", "Say which one serves in a Procfile: web: "+found[0].name,
		"There are several programs: %s.", names(found))
}

// mainsIn are the programs of the module in a folder.
func mainsIn(tree buildpack.Tree, m module, folder string) []target {
	var found []target
	if isMain(tree, folder) {
		name := m.name()
		if folder != "." {
			name = path.Base(folder)
		}
		found = append(found, target{folder, name})
	}
	below := path.Join(folder, "cmd")
	for _, entry := range tree.Names(below) {
		dir := path.Join(below, entry.Name())
		if entry.IsDir() && isMain(tree, dir) {
			found = append(found, target{dir, entry.Name()})
		}
	}
	if len(found) == 0 && isMain(tree, below) {
		found = append(found, target{below, m.name()})
	}
	return found
}

// named reports whether one of the lines runs the program.
func named(t target, lines []buildpack.Line) bool {
	return slices.ContainsFunc(lines, func(l buildpack.Line) bool {
		return slices.ContainsFunc(strings.Fields(l.Command), func(word string) bool { return path.Base(word) == t.name })
	})
}

var packageClause = regexp.MustCompile(`(?m)^package[ \t]+([A-Za-z_][A-Za-z0-9_]*)`)

func goFiles(tree buildpack.Tree, dir string) []string {
	var files []string
	for _, entry := range tree.Names(dir) {
		name := entry.Name()
		if entry.Type().IsRegular() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && name[0] != '_' && name[0] != '.' {
			files = append(files, path.Join(dir, name))
		}
	}
	return files
}

// isMain reports whether the folder has a main package that is built here.
func isMain(tree buildpack.Tree, dir string) bool {
	for _, file := range goFiles(tree, dir) {
		text, err := tree.Read(file)
		if err != nil {
			continue
		}
		clause := packageClause.FindSubmatchIndex(text)
		if clause == nil || string(text[clause[2]:clause[3]]) != "main" {
			continue
		}
		if forThisMachine(file) && wanted(string(text[:clause[0]])) {
			return true
		}
	}
	return false
}

// wanted evaluates the build constraint before a package clause.
func wanted(head string) bool {
	for line := range strings.Lines(head) {
		if line = strings.TrimSpace(line); !constraint.IsGoBuild(line) {
			continue
		}
		expression, err := constraint.Parse(line)
		return err != nil || expression.Eval(func(tag string) bool { // an unknown one is for the go command to refuse
			return tag == "linux" || tag == "unix" || tag == "gc" || tag == arch() || strings.HasPrefix(tag, "go1.")
		})
	}
	return true
}

// forThisMachine tells from a file's name.
func forThisMachine(file string) bool {
	parts := strings.Split(strings.TrimSuffix(path.Base(file), ".go"), "_")
	return len(parts) < 2 || !slices.Contains([]string{"windows", "darwin", "freebsd", "netbsd", "openbsd", "plan9", "android", "ios", "js", "wasip1"}, parts[len(parts)-1])
}

func describe(targets []target) string {
	var dirs []string
	for _, t := range targets {
		dirs = append(dirs, "./"+strings.TrimPrefix(t.dir, "."))
	}
	return strings.Join(dirs, " ")
}

func names(targets []target) string {
	var all []string
	for _, t := range targets {
		all = append(all, t.name)
	}
	return strings.Join(all, ", ")
}
