package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/internal/buildpack"
)

// A worker alone in the Procfile means an app without web, whatever else could be started.
func TestChooseStart_AProcfileWithoutWebIsAnAppWithoutWeb(t *testing.T) {
	for name, c := range map[string]struct {
		lines []buildpack.Line
		want  string
	}{
		"worker alone":  {[]buildpack.Line{{Type: "worker", Command: "node index.js"}}, ""},
		"release alone": {[]buildpack.Line{{Type: "release", Command: "node migrate.js"}}, "node index.js"},
		"no Procfile":   {nil, "node index.js"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "index.js"), []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
		tree, err := buildpack.OpenTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := chooseStart(tree, pkg{}, c.lines)
		if err != nil || s.command != c.want {
			t.Errorf("%s: %q, %v; want %q", name, s.command, err, c.want)
		}
	}
}
