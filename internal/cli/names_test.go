package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// strangeNames are what somebody may give for the name of an app.
var strangeNames = []string{
	"a;id", "$(touch canary)", "`touch canary`", "..", "../x", "../../tokens", "shop/../../tokens", "%2e%2e", "%2e%2e%2ftokens", "shop%2f..", "shop?x=1", "shop#x",
	"-x", "--upload-pack=touch canary", "-oProxyCommand=touch canary", "'shop'", `"shop"`, "shop'", "a b", "a\nb", "a\x00b", "Shop", "shop.git", "console", strings.Repeat("a", 64), "ä", " ",
}

func TestA01_TheCommandLineTakesAStrangeNameForNothingElse(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	dir := t.TempDir()
	t.Chdir(dir)
	if err := git("init", "-q").Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, ".git", "config"))
	if err != nil {
		t.Fatal(err)
	}
	w.says("POST /api/v1/apps", 422, `{"code":"app_name_invalid","message":"This is no name for an app.","hint":"Use letters, digits and dashes."}`)
	for _, name := range strangeNames {
		for _, words := range [][]string{
			{"create", "--", name},
			{"info", "--", name},
			{"logs", "--", name},
			{"ps", "--", name},
			{"open", "--", name},
			{"remote", "--", name},
			{"remote", "--ssh", "--", name},
			{"destroy", "--yes", "--confirm", name, "--", name},
			{"rename", "--yes", "--app", "shop", "--", name},
			{"config", "--app", name},
			{"deploy", "--app", name, "--detach"},
			{"rollback", "--app", name},
			{"rollback", "--preview", "--app", name},
			{"retry", "--app", name},
			{"activity", "--app", name},
			{"config", "apply", "--app", name},
			{"scale", "--app", name, "web=1"},
			{"run", "--app", name, "--", "id"},
			{"exec", "--app", name, "--", "id"},
			{"domains", "--app", name},
		} {
			w.asked = nil
			code, out, errs := w.run(words...)
			if code == ExitOK || !strings.Contains(errs, "→") && !strings.Contains(errs, "Usage") {
				t.Errorf("%q: exit code %d, %q %q", words, code, out, errs)
			}
			for _, asked := range w.asked {
				_, at, _ := strings.Cut(asked, " ")
				at, _, _ = strings.Cut(at, " ")
				if at != "/api/v1/apps" && at != "/api/v1/apps/shop/rename" {
					t.Errorf("%q asks for %s", words, asked)
				}
			}
		}
	}
	after, err := os.ReadFile(filepath.Join(dir, ".git", "config"))
	if err != nil || string(after) != string(before) {
		t.Errorf("git's settings are now %s, %v", after, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "canary")); !os.IsNotExist(err) {
		t.Errorf("something ran: %v", err)
	}
}
