package golang

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/internal/buildpack"
)

func FuzzModule(f *testing.F) {
	for _, seed := range []string{"module example.com/a\n\ngo 1.26\ntoolchain go1.26.8\n", "module \"x\"", "go 1.2", ""} {
		f.Add([]byte(seed), []byte("go 1.26\n\nuse ./api\n\nuse (\n\t./b // c\n\t../../etc\n)\n"))
		f.Add([]byte(seed), []byte{})
	}
	dir := f.TempDir()
	tree, err := buildpack.OpenTree(dir)
	if err != nil {
		f.Fatal(err)
	}
	write := func(t *testing.T, name string, data []byte) {
		file := filepath.Join(dir, name)
		err := os.WriteFile(file, data, 0o600)
		if len(data) == 0 {
			err = os.Remove(file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, mod, work []byte) {
		write(t, "go.mod", mod)
		write(t, "go.work", work)
		m, err := readModule(tree)
		if known := new(buildpack.Failure); err != nil && (!errors.As(err, &known) || known.Hint == "") {
			t.Fatalf("%v is no answer for people", err)
		}
		for _, folder := range m.work {
			if !filepath.IsLocal(folder) && path.Clean(folder) != "." {
				t.Fatalf("%q and %q lead to %q", mod, work, folder)
			}
		}
	})
}
