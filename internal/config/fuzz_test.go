package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// Whatever stands in the file of settings, the answer is one for people, and what is taken is written
// back as it was.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"https_port: 443\ndomain: example.com\n", "https_port: [1]", "a: &a [*a]", "https_port: 99999", "{", "domain: !!binary x", "\x00", "---\n---\n",
		"database: postgres://u:p@h/d", "domain: &x y\nemail: *x", "? [a]\n: b", "<<: {domain: x}",
	} {
		f.Add([]byte(seed), "https_port", "8443")
	}
	file := filepath.Join(f.TempDir(), "lugsail.yaml")
	f.Fuzz(func(t *testing.T, data []byte, name, value string) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(Sources{File: file})
		if e := platform.AsError(err); err != nil && (e.Kind == platform.Internal || e.Hint == "") {
			t.Fatalf("%v is no answer for people", err)
		}
		if _, err := parse(file, data); err != nil || !known(name) || Replace(file, name, value) != nil {
			return
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parse(file, text); err != nil || got[name] != value {
			t.Fatalf("%q with %s %q becomes %q, which says %q, %v", data, name, value, text, got[name], err)
		}
	})
}
