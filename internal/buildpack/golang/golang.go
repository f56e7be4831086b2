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
	"runtime"
	"slices"
	"strings"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// Buildpack builds what has a go.mod or a go.work, or Go files at least.
var Buildpack = buildpack.Buildpack{ID: "lugsail/go", Detect: detect, Build: build}

func detect(tree buildpack.Tree) bool {
	return tree.Has("go.mod") || tree.Has("go.work") || len(goFiles(tree, ".")) > 0
}

func build(c buildpack.Context) error {
	if !c.Tree.Has("go.mod") && !c.Tree.Has("go.work") {
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
	targets, err := choose(c.Tree, module, lines)
	if err != nil {
		return err
	}
	toolchain, err := newestToolchain()
	if err != nil {
		return err
	}
	buildpack.Say("Go %s", toolchain.say(module))
	module.warn()
	bin, err := compile(toolchain, module, targets)
	if err != nil {
		return err
	}
	c.Detected("Go %s · %s", toolchain.version, describe(targets))
	if err := linkPrograms(c, targets, lines); err != nil {
		return err
	}
	return contribute(c, bin, targets, buildpack.Complete(lines))
}

// warn tells what will not work though it compiles.
func (m module) warn() {
	if m.vendored {
		buildpack.Say("Modules come from the folder vendor")
	}
	if strings.Contains(m.needs, "github.com/mattn/go-sqlite3 ") {
		buildpack.Say("github.com/mattn/go-sqlite3 is made of C, which is not compiled here: use modernc.org/sqlite or github.com/glebarez/sqlite instead.")
	}
}

// linkPrograms lets lines such as "web: bin/web" or "web: ./web" work, as they do where programs are
// compiled into the tree.
func linkPrograms(c buildpack.Context, targets []target, lines []buildpack.Line) error {
	for _, line := range lines {
		for _, word := range strings.Fields(line.Command) {
			i := slices.IndexFunc(targets, func(t target) bool { return path.Base(word) == t.name })
			name := path.Clean(word)
			if i < 0 || !strings.Contains(word, "/") || !filepath.IsLocal(name) || exists(filepath.Join(buildpack.AppDir, name)) {
				continue
			}
			link := filepath.Join(buildpack.AppDir, name)
			if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
				return fmt.Errorf("linking %s: %w", name, err)
			}
			if err := os.Symlink(filepath.Join(c.Path("program"), "bin", targets[i].name), link); err != nil {
				return fmt.Errorf("linking %s: %w", name, err)
			}
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// compile builds the programs and gives the directory that they are in.
func compile(t toolchain, m module, targets []target) (string, error) {
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
	if err := t.beginCache(); err != nil {
		buildpack.Say("The standard library is compiled anew: %v", err)
	}
	tail := &buildpack.Tail{}
	err := buildpack.Program{Name: t.program, Args: args, Dir: buildpack.AppDir, Env: t.env(m), Tail: tail}.Run()
	if err != nil {
		return "", explain(err, tail)
	}
	return bin, nil
}

// contribute adds the programs, and the first as web unless the Procfile says all that runs.
func contribute(c buildpack.Context, bin string, targets []target, complete bool) error {
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
	if err != nil || complete {
		return err
	}
	first := targets[0]
	c.Process("web", first.name, filepath.Join(c.Path("program"), "bin", first.name))
	return nil
}

func arch() string { return runtime.GOARCH }
