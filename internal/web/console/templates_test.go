package console

import (
	"io/fs"
	"regexp"
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

// The script of a form that is nothing without it comes after the form: a click before it must not send it.
func TestTemplates_FormsOfScriptsWaitForThem(t *testing.T) {
	forms := regexp.MustCompile(`(?s)<form[^>]*only-script.*?</form>`)
	button := regexp.MustCompile(`<button[^>]*>`)
	files, err := fs.Glob(ui.Files, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		text, err := fs.ReadFile(ui.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range forms.FindAllString(string(text), -1) {
			for _, b := range button.FindAllString(form, -1) {
				if strings.Contains(b, `type="button"`) {
					continue
				}
				if found++; !strings.Contains(b, " disabled") {
					t.Errorf("%s: the button %s sends a form that waits for its script", file, b)
				}
			}
		}
	}
	if found < 3 { // two for passkeys, and the terminal
		t.Errorf("only %d buttons of such forms were found", found)
	}
}
