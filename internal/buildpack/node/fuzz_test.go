package node

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/internal/buildpack"
)

func FuzzPackage(f *testing.F) {
	for _, seed := range []string{
		`{"name":"x","main":"a.js","scripts":{"start":"node a.js","build":1},"engines":{"node":"24.x"},"dependencies":{"next":"^1"}}`,
		"\ufeff{}", "{", "[]", "null", `{"scripts":[]}`, `{"engines":{"node":">=1 <2 || ^3"}}`, "",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	tree, err := buildpack.OpenTree(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, "package.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := readPackage(tree)
		if known := new(buildpack.Failure); err != nil && (!errors.As(err, &known) || known.Hint == "") {
			t.Fatalf("%v is no answer for people", err)
		}
		if err == nil && p.Scripts == nil {
			t.Fatalf("%q gives %+v", data, p)
		}
	})
}
