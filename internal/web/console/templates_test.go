package console

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/ui"
)

// htmx is most of the scripts, so only those pages load it that use it; without it their fields would be dead.
func TestTemplates_ThoseThatUseHtmxLoadIt(t *testing.T) {
	files, err := fs.Glob(ui.Files, "templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d templates, %v", len(files), err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(ui.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		if uses, loads := strings.Contains(string(text), " hx-"), strings.Contains(string(text), `asset "htmx.page.js"`); uses != loads {
			t.Errorf("%s uses htmx: %v; loads it: %v", file, uses, loads)
		}
	}
}
