// Package golang builds Go modules.
//
// What surprises: the toolchain comes from the depot, and when go.mod asks for a newer one, the go
// command fetches that itself and verifies it. Compiled packages and modules lie in the app's own
// directory and are never shared between apps.
package golang

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// Buildpack builds what has a go.mod, or Go files at least.
var Buildpack = buildpack.Buildpack{ID: "lugsail/go", Detect: detect, Build: build}

func detect(tree buildpack.Tree) bool {
	return tree.Has("go.mod") || len(goFiles(tree, ".")) > 0
}

func build(c buildpack.Context) error {
	if !c.Tree.Has("go.mod") {
		return buildpack.Failf("go_mod_missing", "Run: go mod init example.com/app && go mod tidy, then commit go.mod and go.sum.",
			"There are Go files, but no go.mod.")
	}
	module, err := readModule(c.Tree)
	if err != nil {
		return err
	}
	lines, err := c.Tree.Procfile()
	if err != nil {
		return err
	}
	targets, err := choose(c.Tree, module, buildpack.Web(lines))
	if err != nil {
		return err
	}
	toolchain, err := newestToolchain()
	if err != nil {
		return err
	}
	buildpack.Say("Go %s", toolchain.say(module))
	bin, err := compile(c, toolchain, targets)
	if err != nil {
		return err
	}
	c.Detected("Go %s · %s", toolchain.version, describe(targets))
	return contribute(c, bin, targets)
}

// target is a main package.
type target struct {
	dir  string // "." or "cmd/web"
	name string // of the program
}

// choose finds the main packages: the top folder, else the ones in cmd. Several in cmd need a Procfile
// that says which one is what, unless one has an obvious name.
func choose(tree buildpack.Tree, m module, procfile bool) ([]target, error) {
	if isMain(tree, ".") {
		return []target{{".", m.name()}}, nil
	}
	var found []target
	for _, entry := range tree.Names("cmd") {
		dir := path.Join("cmd", entry.Name())
		if entry.IsDir() && isMain(tree, dir) {
			found = append(found, target{dir, entry.Name()})
		}
	}
	if len(found) == 0 && isMain(tree, "cmd") {
		return []target{{"cmd", m.name()}}, nil
	}
	if len(found) == 0 {
		return nil, buildpack.Failf("go_no_main", "Put package main into the top folder or into cmd/NAME.",
			"There is no main package in the top folder nor in cmd.")
	}
	if len(found) == 1 || procfile {
		return found, nil
	}
	for _, name := range []string{"web", "server", m.name(), "api", "app"} {
		if i := slices.IndexFunc(found, func(t target) bool { return t.name == name }); i >= 0 {
			return append([]target{found[i]}, slices.Delete(slices.Clone(found), i, i+1)...), nil
		}
	}
	return nil, buildpack.Failf("go_many_mains", "Say which one serves in a Procfile: web: "+found[0].name,
		"There are several programs in cmd: %s.", names(found))
}

var (
	packageClause   = regexp.MustCompile(`(?m)^package[ \t]+([A-Za-z_][A-Za-z0-9_]*)`)
	buildConstraint = regexp.MustCompile(`(?m)^//go:build[ \t]+(.*)$`)
)

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
		constraint := buildConstraint.FindSubmatch(text[:clause[0]])
		if constraint == nil || !strings.Contains(string(constraint[1]), "ignore") {
			return true
		}
	}
	return false
}

// compile builds the programs and gives the directory that they are in.
func compile(c buildpack.Context, t toolchain, targets []target) (string, error) {
	bin := filepath.Join(buildpack.Keep, "go-bin")
	if err := os.RemoveAll(bin); err != nil {
		return "", fmt.Errorf("emptying %s: %w", bin, err)
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", bin + "/"}
	if len(targets) == 1 {
		args[len(args)-1] = filepath.Join(bin, targets[0].name)
	}
	for _, target := range targets {
		args = append(args, "./"+target.dir)
	}
	buildpack.Say("go build %s", describe(targets))
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", fmt.Errorf("making %s: %w", bin, err)
	}
	tail := &buildpack.Tail{}
	err := buildpack.Program{Name: t.program, Args: args, Dir: buildpack.AppDir, Env: t.env(), Tail: tail}.Run()
	if err != nil {
		return "", explain(err, tail)
	}
	return bin, nil
}

func contribute(c buildpack.Context, bin string, targets []target) error {
	programs, err := buildpack.OpenTree(bin)
	if err != nil {
		return err
	}
	digest, err := programs.Digest()
	if err != nil {
		return err
	}
	_, err = c.Layer("program", buildpack.Key(digest), func(layer buildpack.Layer) error {
		return buildpack.CopyTree(bin, filepath.Join(layer.Path, "bin"))
	})
	if err != nil {
		return err
	}
	first := targets[0]
	c.Process("web", first.name, filepath.Join(c.Path("program"), "bin", first.name))
	return nil
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

func arch() string { return runtime.GOARCH }
