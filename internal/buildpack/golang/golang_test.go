package golang

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/internal/buildpack"
)

func tree(t *testing.T, files map[string]string) buildpack.Tree {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	opened, err := buildpack.OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func TestChoose(t *testing.T) {
	const program, library = "package main\n", "package lib\n"
	cases := []struct {
		name     string
		files    map[string]string
		procfile bool
		want     string // folders
		fails    bool
	}{
		{"top", map[string]string{"main.go": program}, false, "./", false},
		{"top with a comment", map[string]string{"main.go": "// Package main.\n\n/* x */\npackage main // x\n"}, false, "./", false},
		{"one in cmd", map[string]string{"lib.go": library, "cmd/web/main.go": program}, false, "./cmd/web", false},
		{"cmd itself", map[string]string{"cmd/main.go": program}, false, "./cmd", false},
		{"several, one is named like the module", map[string]string{"cmd/tool/main.go": program, "cmd/hello/main.go": program}, false, "./cmd/hello ./cmd/tool", false},
		{"several, one is the server", map[string]string{"cmd/a/main.go": program, "cmd/server/main.go": program}, false, "./cmd/server ./cmd/a", false},
		{"several and a Procfile", map[string]string{"cmd/a/main.go": program, "cmd/b/main.go": program}, true, "./cmd/a ./cmd/b", false},
		{"several", map[string]string{"cmd/a/main.go": program, "cmd/b/main.go": program}, false, "", true},
		{"tests and ignored files only", map[string]string{"main_test.go": program, "gen.go": "//go:build ignore\n\npackage main\n"}, false, "", true},
		{"library", map[string]string{"lib.go": library}, false, "", true},
	}
	for _, c := range cases {
		targets, err := choose(tree(t, c.files), module{path: "example.com/hello/v2"}, c.procfile)
		if (err != nil) != c.fails || describe(targets) != c.want {
			t.Errorf("%s: got %q, %v", c.name, describe(targets), err)
		}
	}
}

func TestModule(t *testing.T) {
	m, err := readModule(tree(t, map[string]string{"go.mod": "// x\nmodule example.com/hello/v2 // y\n\ngo 1.24.1\n\ntoolchain go1.27.0\n", "vendor/modules.txt": ""}))
	if err != nil || m.name() != "hello" || m.version != "1.24.1" || m.toolchain != "1.27.0" || !m.vendored {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := readModule(tree(t, map[string]string{"go.mod": "go 1.24"})); err == nil {
		t.Error("a go.mod without a module is taken")
	}
}

func TestToolchain_SaysWhyItIsTheOne(t *testing.T) {
	depot := toolchain{version: "1.26.8"}
	for m, want := range map[module]string{
		{version: "1.24"}:                      `1.26.8 (go.mod says "go 1.24")`,
		{version: "1.27.1"}:                    `1.27.1 (go.mod says "go 1.27.1"; the go command fetches it)`,
		{version: "1.24", toolchain: "1.27.0"}: `1.27.0 (go.mod says "toolchain go1.27.0"; the go command fetches it)`,
		{}:                                     "1.26.8 (go.mod names no version)",
	} {
		if got := depot.say(m); got != want {
			t.Errorf("%+v: %s", m, got)
		}
	}
}
