package golang

import (
	"errors"
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
	web, worker := buildpack.Line{Type: "web", Command: "bin/a -x"}, buildpack.Line{Type: "worker", Command: "./bin/b"}
	cases := []struct {
		name  string
		files map[string]string
		lines []buildpack.Line
		want  string // folders
		fails bool
	}{
		{"top", map[string]string{"main.go": program}, nil, "./", false},
		{"top with a comment", map[string]string{"main.go": "// Package main.\n\n/* x */\npackage main // x\n"}, nil, "./", false},
		{"one in cmd", map[string]string{"lib.go": library, "cmd/web/main.go": program}, nil, "./cmd/web", false},
		{"cmd itself", map[string]string{"cmd/main.go": program}, nil, "./cmd", false},
		{"several, one is named like the module", map[string]string{"cmd/tool/main.go": program, "cmd/hello/main.go": program}, nil, "./cmd/hello ./cmd/tool", false},
		{"several, one is the server", map[string]string{"cmd/a/main.go": program, "cmd/server/main.go": program}, nil, "./cmd/server ./cmd/a", false},
		{"several and a Procfile", map[string]string{"cmd/a/main.go": program, "cmd/b/main.go": program}, []buildpack.Line{web}, "./cmd/a ./cmd/b", false},
		{"several", map[string]string{"cmd/a/main.go": program, "cmd/b/main.go": program}, nil, "", true},
		{"top and one in cmd", map[string]string{"main.go": program, "cmd/b/main.go": program}, nil, "./", false},
		{"top and one in cmd that the Procfile names", map[string]string{"main.go": program, "cmd/b/main.go": program, "cmd/c/main.go": program}, []buildpack.Line{worker}, "./ ./cmd/b", false},
		{"tests and ignored files only", map[string]string{"main_test.go": program, "gen.go": "//go:build ignore\n\npackage main\n"}, nil, "", true},
		{"files of others", map[string]string{"mage.go": "//go:build mage\n\npackage main\n", "main_windows.go": program, "cmd/x/x.go": "//go:build linux && !cgo\n\npackage main\n"}, nil, "./cmd/x", false},
		{"library", map[string]string{"lib.go": library}, nil, "", true},
		{"workspace", map[string]string{"go.work": "go 1.25\n\nuse (\n\t./api // x\n\t\"./lib\"\n\t../other\n)\n", "api/main.go": program, "lib/lib.go": library}, nil, "./api", false},
		{"workspace with cmd", map[string]string{"go.work": "use ./tools\nuse .\n", "go.mod": "module example.com/hello", "tools/cmd/x/main.go": program, "main.go": program}, nil, "./", false},
	}
	for _, c := range cases {
		source := tree(t, c.files)
		m := module{path: "example.com/hello/v2"}
		if source.Has("go.work") {
			if err := m.readWork(source); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		targets, err := choose(source, m, c.lines)
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
	for _, c := range []struct {
		m    module
		want string
	}{
		{module{file: "go.mod", version: "1.24"}, `1.26.8 (go.mod says "go 1.24")`},
		{module{file: "go.mod", version: "1.27.1"}, `1.27.1 (go.mod says "go 1.27.1"; the go command fetches it)`},
		{module{file: "go.work", version: "1.24", toolchain: "1.27.0"}, `1.27.0 (go.work says "toolchain go1.27.0"; the go command fetches it)`},
		{module{file: "go.mod"}, "1.26.8 (go.mod names no version)"},
	} {
		if got := depot.say(c.m); got != c.want {
			t.Errorf("%+v: %s", c.m, got)
		}
	}
}

func TestExplain_SaysWhatToDo(t *testing.T) {
	for output, want := range map[string]string{
		"x: /depot/go/1/pkg/tool/compile: signal: killed\n":                                                             "build_out_of_memory",
		"go: example.com/lib@v0.0.0 (replaced by ../lib): reading ../lib/go.mod: open /home/lib/go.mod: no such file\n": "go_replace",
		"go: x@v1: git ls-remote -q origin: exec: \"git\": executable file not found in $PATH\n":                        "go_private_module",
		"package x/y\n\timports z: build constraints exclude all Go files in /home/.lugsail/go-mod/z\n":                 "go_cgo",
		"main.go:4:2: package app/handlers is not in std (/depot/go/1/src/app/handlers)\n":                              "go_import",
		"main.go:5:2: no required module provides package github.com/a/b; to add it:\n\tgo get github.com/a/b\n":        "go_mod_untidy",
		"go: module github.com/a/b: reading https://p/github.com/a/b/@v/list: 404 Not Found\n":                          "go_module_unknown",
		"# example.com/hello\n./main.go:9:7: undefined: x\n":                                                            "go_compile",
		"go: go.mod requires go >= 1.99 (running go 1.26.8; GOTOOLCHAIN=local)\n":                                       "go_version",
		"something else\n": "go_build",
	} {
		tail := &buildpack.Tail{}
		if _, err := tail.Write([]byte(output)); err != nil {
			t.Fatal(err)
		}
		var failure *buildpack.Failure
		if err := explain(errors.New("exit status 1"), tail); !errors.As(err, &failure) || failure.Code != want || failure.Hint == "" {
			t.Errorf("%q gives %+v, want %s", output, err, want)
		}
	}
}

func TestBeginCache_CopiesOnceForEachToolchain(t *testing.T) {
	dir := t.TempDir()
	oldSeed, oldCache := seedDir, cacheDir
	t.Cleanup(func() { seedDir, cacheDir = oldSeed, oldCache })
	seedDir, cacheDir = filepath.Join(dir, "depot"), filepath.Join(dir, "cache")
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	has := func(name string) bool { return exists(filepath.Join(dir, name)) }
	begin := func() {
		t.Helper()
		if err := (toolchain{version: "1.26.8"}).beginCache(); err != nil {
			t.Fatal(err)
		}
	}
	begin() // nothing is compiled on this server yet
	if has("cache") {
		t.Error("a cache was begun from nothing")
	}
	write("depot/1.26.8/00/a-d", "compiled")
	write("cache/ff/own-d", "own")
	begin()
	if !has("cache/00/a-d") || !has("cache/ff/own-d") {
		t.Error("the cache does not have both")
	}
	if err := os.Remove(filepath.Join(dir, "cache/00/a-d")); err != nil {
		t.Fatal(err)
	}
	begin()
	if has("cache/00/a-d") {
		t.Error("it was copied twice")
	}
}
