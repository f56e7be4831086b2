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

// The script of a passkey's form comes after the form: a click before it must not send the form without an answer.
func TestTemplates_PasskeysWaitForTheirScript(t *testing.T) {
	forms := regexp.MustCompile(`(?s)<form[^>]* data-passkey=.*?</form>`)
	button := regexp.MustCompile(`<button[^>]*>`)
	files, _ := fs.Glob(ui.Files, "templates/*.html")
	found := 0
	for _, file := range files {
		text, err := fs.ReadFile(ui.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range forms.FindAllString(string(text), -1) {
			found++
			if b := button.FindAllString(form, -1); len(b) != 1 || !strings.Contains(b[0], " disabled") {
				t.Errorf("%s: buttons %q in a form for passkeys; want one, disabled", file, b)
			}
		}
	}
	if found == 0 {
		t.Error("no form for passkeys was found")
	}
}
