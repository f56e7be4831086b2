package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// module writes one whose tests these are, and goes there.
func module(t *testing.T, tests string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"go.mod":    "module sample\n\ngo 1.25\n",
		"x_test.go": "package sample\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n" + tests,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	abs, err := filepath.Abs("seen")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SEEN", abs)
}

const (
	unsteady = `func TestUnsteady(t *testing.T) {
	t.Run("part", func(t *testing.T) {
		if _, err := os.Stat(os.Getenv("SEEN")); err != nil {
			os.WriteFile(os.Getenv("SEEN"), nil, 0o600)
			t.Fatal("not yet")
		}
	})
}
`
	good   = "func TestGood(*testing.T) { _ = os.Args }\n"
	bad    = "func TestBad(t *testing.T) { t.Fatal(os.Args) }\n"
	panics = `func TestPanics(*testing.T) { panic(os.Args[0]) }` + "\n"
)

func TestAgain(t *testing.T) {
	for name, c := range map[string]struct {
		tests          string
		code           int
		passed, failed int
		broken         []key
		unsteady       int
	}{
		"all pass":          {good, 0, 1, 0, nil, 0},
		"one passes later":  {good + unsteady, 0, 3, 0, nil, 1},
		"one never passes":  {good + unsteady + bad, 1, 3, 1, []key{{"sample", "TestBad"}, {"sample", ""}}, 1},
		"one panics":        {panics, 1, 0, 1, []key{{"sample", "TestPanics"}, {"sample", ""}}, 0},
		"it does not build": {"func TestGood(*testing.T) {}\n", 1, 0, 0, []key{{"sample", ""}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			module(t, c.tests)
			s := &tally{output: map[key][]string{}}
			err := s.run(t.Context(), "go", "test", "-json", "-count=1", ".")
			if failed := s.alone(); err != nil && len(failed) > 0 {
				err = s.runAgain(t.Context(), "go", failed)
			}
			slices.SortFunc(s.broken, func(a, b key) int { return len(b.test) - len(a.test) })
			if got := s.end(err, 0); got != c.code || s.passed != c.passed || s.failed != c.failed || !slices.Equal(s.broken, c.broken) || len(s.unsteady) != c.unsteady {
				t.Errorf("%d, %+v", got, s)
			}
		})
	}
}
