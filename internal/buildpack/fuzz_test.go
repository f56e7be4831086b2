package buildpack

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func FuzzProcfile(f *testing.F) {
	for _, seed := range []string{"web: node server.js\n", "\ufeffweb: x\r\nworker : y\n# no\n\nrelease: z", "web: a\nweb: b", "web", ":", "web: \x00", "A_b: c", ""} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	tree, err := OpenTree(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, "Procfile"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		lines, err := tree.Procfile()
		if known := new(Failure); err != nil && (!errors.As(err, &known) || known.Hint == "") {
			t.Fatalf("%v is no answer for people", err)
		}
		if len(lines) > maxProcesses {
			t.Fatalf("%d process types", len(lines))
		}
		for _, line := range lines {
			if !processType.MatchString(line.Type) || line.Command == "" {
				t.Fatalf("%q gives %+v", data, line)
			}
		}
	})
}
