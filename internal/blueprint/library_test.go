package blueprint_test

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/blueprints"
	"github.com/lugsail/lugsail/internal/blueprint"
	"github.com/lugsail/lugsail/platform"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stack makes a folder with a blueprint in it.
func stack(t *testing.T, dir, name, yaml, page string) string {
	t.Helper()
	folder := filepath.Join(dir, name)
	must(t, os.MkdirAll(filepath.Join(folder, "public"), 0o755))
	must(t, os.WriteFile(filepath.Join(folder, "blueprint.yaml"), []byte(yaml), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "public", "index.html"), []byte(page), 0o600))
	return folder
}

func names(l *blueprint.Library) (all []string) {
	for _, b := range l.Blueprints() {
		all = append(all, b.Name)
	}
	return all
}

func pageOf(t *testing.T, l *blueprint.Library, name string) string {
	t.Helper()
	source, _, err := l.Source(name)
	must(t, err)
	r := tar.NewReader(source)
	for {
		h, err := r.Next()
		must(t, err)
		if h.Name == "public/index.html" {
			text, err := io.ReadAll(r)
			must(t, err)
			return string(text)
		}
	}
}

func TestLibrary_TheOwnersBlueprintsComeStayAndGo(t *testing.T) {
	dir := t.TempDir()
	open := func() *blueprint.Library {
		l, err := blueprint.OpenLibrary(blueprints.Folders, filepath.Join(dir, "data", "blueprints"))
		must(t, err)
		return l
	}
	serving, tool := open(), open() // the control plane's, and the command's beside it
	brought := len(serving.Blueprints())
	folder := stack(t, dir, "my-shop", good, "one")
	_, err := tool.Add(folder, "my-shop")
	must(t, err)
	if all := names(serving); len(all) != brought+1 || !slices.Contains(all, "my-shop") || pageOf(t, serving, "my-shop") != "one" {
		t.Fatalf("after it was added: %v", all)
	}
	stack(t, dir, "my-shop", strings.Replace(good, "Shop", "Larger shop", 1), "two")
	_, err = tool.Add(folder, "my-shop")
	must(t, err)
	if b, err := serving.Blueprint("my-shop"); err != nil || b.Title != "Larger shop" || pageOf(t, serving, "my-shop") != "two" {
		t.Errorf("after it was added again: %+v, %v", b, err)
	}
	must(t, tool.Remove("my-shop"))
	if b, err := serving.Blueprint("my-shop"); err != nil || !b.Gone || slices.Contains(names(serving), "my-shop") || pageOf(t, serving, "my-shop") != "two" {
		t.Errorf("after it was removed: %+v, %v", b, err)
	}
	if err := tool.Remove("my-shop"); !platform.IsKind(err, platform.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
	_, err = tool.Add(folder, "my-shop")
	must(t, err)
	if b, err := open().Blueprint("my-shop"); err != nil || b.Gone {
		t.Errorf("added once more: %+v, %v", b, err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "data", "blueprints")); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestLibrary_RefusesWhatIsNotRightAndKeepsWhatThereIs(t *testing.T) {
	dir := t.TempDir()
	l, err := blueprint.OpenLibrary(blueprints.Folders, filepath.Join(dir, "own"))
	must(t, err)
	folder := stack(t, dir, "my-shop", good, "one")
	_, err = l.Add(folder, "my-shop")
	must(t, err)
	must(t, os.Symlink("/etc/shadow", filepath.Join(folder, "secret")))
	linked, err := l.Add(folder, "my-shop")
	if platform.AsError(err).Code != "blueprint_entry" {
		t.Errorf("a link: %+v, %v", linked, err)
	}
	for name, c := range map[string]struct{ yaml, code string }{
		"wordpress": {good, "blueprint_exists"}, "My Shop": {good, "blueprint_name_invalid"}, "other": {good + "colour: red\n", "blueprint_invalid"},
		"with-db": {good + "addons:\n  - blueprint: oracle\n", "blueprint_invalid"}, "with-site": {good + "addons:\n  - blueprint: wordpress\n", "blueprint_invalid"},
	} {
		if _, err := l.Add(stack(t, dir, name, c.yaml, ""), name); err == nil || platform.AsError(err).Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	large := stack(t, dir, "large", good, "")
	must(t, os.WriteFile(filepath.Join(large, "film"), make([]byte, 33<<20), 0o600))
	if _, err := l.Add(large, "large"); err == nil || platform.AsError(err).Code != "blueprint_large" {
		t.Errorf("a large one: %v", err)
	}
	if pageOf(t, l, "my-shop") != "one" {
		t.Error("what there was is gone")
	}
	// What a newer Lugsail does not understand is left out, and nothing else.
	must(t, os.MkdirAll(filepath.Join(dir, "own", "broken"), 0o700))
	if all := names(l); !slices.Contains(all, "my-shop") || slices.Contains(all, "broken") || !slices.Contains(all, "wordpress") {
		t.Errorf("beside a broken one: %v", all)
	}
	if err := l.Remove("wordpress"); err == nil || platform.AsError(err).Code != "blueprint_brought" {
		t.Errorf("one that Lugsail brings: %v", err)
	}
}

func TestFound(t *testing.T) {
	dir := t.TempDir()
	stack(t, dir, "one", good, "")
	stack(t, dir, "two", good, "")
	must(t, os.Mkdir(filepath.Join(dir, "docs"), 0o755))
	all, err := blueprint.Found(dir, "all")
	if err != nil || len(all) != 2 || all["two"] != filepath.Join(dir, "two") {
		t.Errorf("%v, %v", all, err)
	}
	if all, err := blueprint.Found(filepath.Join(dir, "one"), "mine"); err != nil || len(all) != 1 || all["mine"] == "" {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := blueprint.Found(filepath.Join(dir, "docs"), "docs"); err == nil || platform.AsError(err).Code != "blueprint_missing" {
		t.Error(err)
	}
}
