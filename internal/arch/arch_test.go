package arch

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/command"
)

// file is one parsed Go file of the repository.
type file struct {
	path string // from the top: "platform/app/service.go"
	pkg  string // "platform/app"
	test bool
	ast  *ast.File
	fset *token.FileSet
}

func (f file) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.fset.Position(n.Pos()).Line)
}

func (f file) imports() []string {
	var all []string
	for _, i := range f.ast.Imports {
		all = append(all, strings.Trim(i.Path.Value, `"`))
	}
	return all
}

const top = "../.."

// files parses every Go file of the module. Nested modules and hidden folders are not of it.
func files(t *testing.T) []file {
	t.Helper()
	names, err := tracked()
	if err != nil {
		names, err = walked()
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []file
	for _, name := range names {
		f, err := parse(filepath.Join(top, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d files", len(all))
	}
	return all
}

// tracked asks git for what is of the repository; without git every file counts.
func tracked() ([]string, error) {
	out, err := command.Command{
		Name: "git", Dir: top,
		Args: []string{"-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.go"},
	}.Output(context.Background())
	var names []string
	for _, name := range strings.Split(string(out), "\x00") {
		if name != "" && !nested(name) && !strings.Contains(name, "/testdata/") {
			names = append(names, name)
		}
	}
	return names, err
}

// nested says whether a file is of a module of its own: linters, and what stands in for modules that
// libraries want and Lugsail does not.
func nested(name string) bool {
	return strings.HasPrefix(name, "internal/tools/") || strings.HasPrefix(name, "internal/without/")
}

func walked() ([]string, error) {
	var names []string
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(p, d.Name())
		}
		rel, err := filepath.Rel(top, p)
		if strings.HasSuffix(p, ".go") {
			names = append(names, rel)
		}
		return err
	})
	return names, err
}

func enter(p, name string) error {
	if p == top {
		return nil
	}
	_, err := os.Stat(filepath.Join(p, "go.mod"))
	if err == nil || strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "dist" || name == "bin" {
		return filepath.SkipDir
	}
	return nil
}

func parse(p string) (file, error) {
	rel, err := filepath.Rel(top, p)
	if err != nil {
		return file{}, err
	}
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
	rel = filepath.ToSlash(rel)
	return file{path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), ast: tree, fset: fset}, err
}

func TestImports_EveryPackageHasARowAndKeepsToIt(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range files(t) {
		allowed, ok := row(f.pkg)
		if !ok && !seen[f.pkg] {
			t.Errorf("%s has no row in internal/arch/table.go", f.pkg)
		}
		seen[f.pkg] = true
		if f.test || !ok || slices.Contains(allowed, "*") {
			continue
		}
		for _, name := range f.imports() {
			own, ours := strings.CutPrefix(name, module)
			if ours && !mayImport(f.pkg, own, allowed) {
				t.Errorf("%s imports %s, which the table does not allow", f.path, own)
			}
		}
	}
}

func mayImport(pkg, other string, allowed []string) bool {
	if slices.Contains(allowed, other) {
		return true
	}
	if slices.Contains(helpers, other) {
		return !within(pkg, "platform") && pkg != "ui"
	}
	// A family may use its own members.
	_, isFamily := families[path.Dir(other)]
	return (isFamily || withinAny(other, allowed)) && withinAny(other, allowed) && !within(other, "platform")
}

func TestImports_ThirdPartyLibrariesStayAtHome(t *testing.T) {
	for _, f := range files(t) {
		for _, name := range f.imports() {
			host, _, _ := strings.Cut(name, "/")
			if !strings.Contains(host, ".") || strings.HasPrefix(name+"/", module) {
				continue
			}
			where, known := home(name)
			switch {
			case !known:
				t.Errorf("%s imports %s, which has no home in internal/arch/table.go", f.path, name)
			case f.test:
				// Tests may speak to the real thing.
			case !withinAny(f.pkg, where):
				t.Errorf("%s imports %s, whose home is %s", f.path, name, strings.Join(where, ", "))
			}
		}
	}
}

func TestImports_PlatformIsStandardLibraryOnly(t *testing.T) {
	for _, f := range files(t) {
		if !within(f.pkg, "platform") || f.test {
			continue
		}
		for _, name := range f.imports() {
			host, _, _ := strings.Cut(name, "/")
			if strings.Contains(host, ".") && !within(strings.TrimPrefix(name, module), "platform") {
				t.Errorf("%s imports %s", f.path, name)
			}
		}
	}
}

func TestA80_OnePackageStartsPrograms(t *testing.T) {
	for _, f := range files(t) {
		if f.pkg == "internal/command" || (f.test && withinAny(f.pkg, drivers)) {
			continue
		}
		if slices.Contains(f.imports(), "os/exec") {
			t.Errorf("%s imports os/exec; internal/command starts programs", f.path)
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && !f.test && isPackage(s.X, "os") && s.Sel.Name == "StartProcess" {
				t.Errorf("%s calls os.StartProcess", f.at(n))
			}
			return true
		})
	}
}

func isPackage(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

var shells = []string{"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "env", "eval", "xargs"}

// A shell would have to be named somewhere to be started.
func TestA80_NoShellIsNamed(t *testing.T) {
	for _, f := range files(t) {
		if f.pkg == "internal/arch" || withinAny(f.pkg, containers) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if name, ok := programName(n); ok && slices.Contains(shells, path.Base(name)) {
				t.Errorf("%s starts %s", f.at(n), name)
			}
			if text, ok := literal(n); ok && slices.Contains([]string{"/bin/sh", "/bin/bash", "sh -c", "bash -c"}, text) {
				t.Errorf("%s names %q", f.at(n), text)
			}
			return true
		})
	}
}

// programName finds Name: "…" in a command.Command, and the first argument of exec.Command.
func programName(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if isPackage(n.Key, "Name") {
			return literal(n.Value)
		}
	case *ast.CallExpr:
		s, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || !isPackage(s.X, "exec") {
			return "", false
		}
		for _, a := range n.Args {
			if text, ok := literal(a); ok {
				return text, true
			}
		}
	}
	return "", false
}

func literal(n ast.Node) (string, bool) {
	l, ok := n.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

func TestDocs_EveryPackageSaysWhatItOwns(t *testing.T) {
	said := map[string]bool{}
	for _, f := range files(t) {
		if !f.test {
			said[f.pkg] = said[f.pkg] || f.ast.Doc != nil
		}
	}
	for pkg, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment", pkg)
		}
	}
}

func TestDocs_EveryExportedNameInPlatformIsDocumented(t *testing.T) {
	for _, f := range files(t) {
		if f.test || !within(f.pkg, "platform") {
			continue
		}
		for _, d := range f.ast.Decls {
			for _, n := range undocumented(d) {
				t.Errorf("%s: %s has no comment", f.at(d), n)
			}
		}
	}
}

func undocumented(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		return undocumentedSpecs(d)
	}
	return nil
}

func undocumentedSpecs(d *ast.GenDecl) []string {
	var found []string
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				found = append(found, s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range s.Names {
				if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					found = append(found, n.Name)
				}
			}
		}
	}
	return found
}

// exportedReceiver is true for functions, and for methods of exported types.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.IsExported()
}
