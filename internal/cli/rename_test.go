package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestRename_LeadsTheFoldersRemoteToTheNewName(t *testing.T) {
	w := newWorld(t)
	w.saved()
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"init", "-q"}, {"remote", "add", remote, w.server.URL + "/git/shop.git"}, {"remote", "add", "other", w.server.URL + "/git/blog.git"}} {
		if err := git(args...).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.says("POST /api/v1/apps/shop/rename", 200, `{"app": {"name": "store", "url": "https://store.localhost", "git_url": "`+w.server.URL+`/git/store.git"}}`)
	code, out, errs := w.run("rename", "store", "--yes")
	if code != ExitOK || !strings.Contains(out, "shop is called store now") || !strings.Contains(out, remote+" of this folder") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	for name, want := range map[string]string{remote: "/git/store.git", "other": "/git/blog.git"} {
		if got, err := git("remote", "get-url", name).Output(t.Context()); err != nil || strings.TrimSpace(string(got)) != w.server.URL+want {
			t.Errorf("%s leads to %s, %v", name, got, err)
		}
	}
}

func TestRename_AsksOnceAndSaysWhatBreaks(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "url": "https://shop.localhost"}}`)
	w.says("POST /api/v1/apps/shop/rename", 200, `{"app": {"name": "store", "url": "https://store.localhost"}}`)
	for typed, want := range map[string]int{"y\n": ExitOK, "n\n": ExitConflict, "\n": ExitConflict} {
		person, tty := terminal(t)
		if _, err := person.WriteString(typed); err != nil {
			t.Fatal(err)
		}
		w.asked = nil
		var out, errs bytes.Buffer
		code := Execute(t.Context(), New(w.deps(tty, &out, &errs)), []string{"rename", "store", "-a", "shop"})
		if code != want || !strings.Contains(errs.String(), "https://shop.localhost stops answering at once") || strings.Count(errs.String(), "[y/N]") != 1 {
			t.Errorf("%q: %d %q %q", typed, code, &out, &errs)
		}
		if renamed := strings.Contains(strings.Join(w.asked, "\n"), "/rename"); renamed != (want == ExitOK) {
			t.Errorf("%q: asked the server %v", typed, w.asked)
		}
	}
	w.asked = nil
	if code, _, errs := w.run("rename", "store", "-a", "shop"); code != ExitUsage || len(w.asked) != 0 || !strings.Contains(errs, "--yes") {
		t.Errorf("with nobody to ask: %d %q %v", code, errs, w.asked)
	}
}
