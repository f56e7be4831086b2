package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/platform"
)

func TestBlueprintsAdd_FromAFolderAndFromGit(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"one", "two"} {
		must(os.MkdirAll(filepath.Join(dir, "stacks", name), 0o755))
		must(os.WriteFile(filepath.Join(dir, "stacks", name, "blueprint.yaml"), []byte("title: "+name+"\nsentence: It sails.\ncategory: site\n"), 0o600))
	}
	var out bytes.Buffer
	m := machine{config: config.Config{DataDir: filepath.Join(dir, "data")}, out: &out}
	must(addBlueprints(t.Context(), m, filepath.Join(dir, "stacks", "one")))
	if out.String() != "Added one: It sails.\n" {
		t.Errorf("it says %q", out.String())
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"}} {
		must(command.Command{Name: "git", Args: args, Dir: filepath.Join(dir, "stacks"), Env: os.Environ()}.Run(t.Context()))
	}
	out.Reset()
	must(addBlueprints(t.Context(), m, "file://"+filepath.Join(dir, "stacks")))
	if out.String() != "Added one: It sails.\nAdded two: It sails.\n" {
		t.Errorf("it says %q", out.String())
	}
	l, err := library(m.config)
	must(err)
	if b, err := l.Blueprint("two"); err != nil || b.Title != "two" {
		t.Errorf("%+v, %v", b, err)
	}
	err = addBlueprints(t.Context(), m, "file://"+filepath.Join(dir, "nowhere"))
	if err == nil || platform.AsError(err).Code != "blueprint_clone" || !strings.Contains(platform.AsError(err).Hint, "git clone") {
		t.Errorf("a repository that is not there: %v", err)
	}
	if err := addBlueprints(t.Context(), m, dir); err == nil || platform.AsError(err).Code != "blueprint_missing" {
		t.Errorf("a folder without: %v", err)
	}
}
