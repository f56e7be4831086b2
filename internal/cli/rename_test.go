package cli

import (
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
	code, out, errs := w.run("rename", "store")
	if code != ExitOK || !strings.Contains(out, "shop is called store now") || !strings.Contains(out, remote+" of this folder") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	for name, want := range map[string]string{remote: "/git/store.git", "other": "/git/blog.git"} {
		if got, err := git("remote", "get-url", name).Output(t.Context()); err != nil || strings.TrimSpace(string(got)) != w.server.URL+want {
			t.Errorf("%s leads to %s, %v", name, got, err)
		}
	}
}
