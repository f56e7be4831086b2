package buildpack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func tree(t *testing.T, files map[string]string) (Tree, string) {
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
	opened, err := OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	return opened, dir
}

func TestScript_TheLastProgramTakesTheShellsPlace(t *testing.T) {
	cases := map[string]string{
		"node server.js":                       "exec node server.js",
		"  gunicorn -b 0.0.0.0:$PORT app:app ": "exec gunicorn -b 0.0.0.0:$PORT app:app",
		"NODE_ENV=test node a.js":              "exec env NODE_ENV=test node a.js",
		"npm run migrate && npm start":         "npm run migrate && exec npm start",
		"a; b":                                 "a; exec b",
		"cd web && node a.js":                  "cd web && exec node a.js",
		"node a.js 2>&1":                       "exec node a.js 2>&1",
		`echo "a && b"`:                        `exec echo "a && b"`,
		"echo ${PORT:-80}":                     "exec echo ${PORT:-80}",
		"a | b":                                "a | b",
		"a || b":                               "a || b",
		"a & b":                                "a & b",
		"(a)":                                  "(a)",
		"a && cd b":                            "a && cd b",
		"for f in *; do echo $f; done":         "for f in *; do echo $f; done",
		"a `b`":                                "a `b`",
		"a # b":                                "a # b",
		"echo a#b":                             "exec echo a#b",
		`echo "unclosed`:                       `echo "unclosed`,
		`sh run.sh \&\& x`:                     `exec sh run.sh \&\& x`,
		"export A=1; node a.js":                "export A=1; exec node a.js",
		"node a.js;":                           "node a.js;",
		"bundle exec puma -p $PORT -e ${RACK_ENV}": "exec bundle exec puma -p $PORT -e ${RACK_ENV}",
	}
	for line, want := range cases {
		if got := (Line{Command: line}).Script(); got != "#!/bin/sh\n"+want+"\n" {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
}

func TestProcfile_RefusesWhatIsNone(t *testing.T) {
	source, _ := tree(t, map[string]string{"Procfile": "web node"})
	_, err := source.Procfile()
	var f *Failure
	if !errors.As(err, &f) || f.Hint == "" || !strings.Contains(f.Message, "Line 1") {
		t.Errorf("got %v", err)
	}
}

func TestTree_LeadsNowhereOutside(t *testing.T) {
	source, dir := tree(t, map[string]string{"a.txt": "a", "sub/b.txt": "b"})
	for name, target := range map[string]string{"out": "/etc/passwd", "up": "../../../etc/passwd", "etc": "/etc", "in": "a.txt"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"out", "up", "etc/passwd", "in", "../x", "/etc/passwd", "sub", ""} {
		if source.Has(name) {
			t.Errorf("it has %q", name)
		}
		if text, err := source.Read(name); err != nil || text != nil {
			t.Errorf("reading %q gives %q, %v", name, text, err)
		}
	}
	if source.HasDir("etc") || !source.HasDir("sub") || !source.Has("sub/b.txt") {
		t.Error("directories are wrong")
	}
}

func TestTreeDigest_ChangesWithNamesModesAndContents(t *testing.T) {
	source, dir := tree(t, map[string]string{"a": "1", "node_modules/x": "1"})
	digest := func() string {
		d, err := source.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	seen := map[string]string{digest(): "start"}
	step := func(what string, err error) {
		if err != nil {
			t.Fatal(err)
		}
		d := digest()
		if old, ok := seen[d]; ok {
			t.Errorf("%s gives the digest of %s", what, old)
		}
		seen[d] = what
	}
	step("contents", os.WriteFile(filepath.Join(dir, "a"), []byte("2"), 0o644))
	step("mode", os.Chmod(filepath.Join(dir, "a"), 0o755))
	step("name", os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
	step("link", os.Symlink("b", filepath.Join(dir, "c")))
	before := digest()
	if err := os.WriteFile(filepath.Join(dir, "node_modules", "x"), []byte("2"), 0o644); err != nil {
		t.Fatal(err)
	}
	if digest() != before {
		t.Error("modules count")
	}
}

func TestLinkTree_SharesAllButTheGivenFiles(t *testing.T) {
	_, dir := tree(t, map[string]string{"from/a": "a", "from/sub/own": "b"})
	if err := os.Symlink("a", filepath.Join(dir, "from", "l")); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "to")
	if err := LinkTree(filepath.Join(dir, "from"), to, func(name string) bool { return name != "sub/own" }); err != nil {
		t.Fatal(err)
	}
	same := func(name string) bool {
		a, errA := os.Stat(filepath.Join(dir, "from", name))
		b, errB := os.Stat(filepath.Join(to, name))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		return os.SameFile(a, b)
	}
	if !same("a") || same("sub/own") {
		t.Error("the wrong files are shared")
	}
	if target, err := os.Readlink(filepath.Join(to, "l")); err != nil || target != "a" {
		t.Errorf("link leads to %q, %v", target, err)
	}
}
