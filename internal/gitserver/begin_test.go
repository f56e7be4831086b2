package gitserver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

func TestBegin_TheSourceCanBeClonedChangedAndPushedBack(t *testing.T) {
	w := newWorld(t)
	app, dir := platform.App{ID: "lshop", Name: "shop"}, t.TempDir()
	for name, text := range map[string]string{"server.js": "// hello\r\n", ".gitignore": "server.js\nnode_modules\n", "public/style.css": "body {}\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	src, err := w.server.Begin(t.Context(), app, platform.Source{Dir: dir, Title: "Blueprint Node"})
	if err != nil || src.Branch != "main" || src.Commit == "" {
		t.Fatalf("%+v, %v", src, err)
	}
	w.wantHead("shop", "refs/heads/main", src.Commit)
	w.wantSound("shop")
	clone := filepath.Join(w.dir, "clone")
	w.git(w.dir, "clone", "--quiet", w.url("shop"), clone)
	for _, name := range []string{"server.js", ".gitignore", "public/style.css"} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(clone, name)); err != nil || string(got) != string(want) {
			t.Errorf("%s of the clone is %q, %v", name, got, err)
		}
	}
	commit := w.commit(clone, "server.js", "// changed\n", "Change it")
	c := w.start(clone, "push", "origin", "main")
	w.deploy.job(t, 0).end(platform.DeploymentLive)
	c.ended(0)
	w.wantHead("shop", "refs/heads/main", commit)
	if _, err := w.server.Begin(t.Context(), app, platform.Source{Dir: dir, Title: "Again"}); platform.AsError(err).Code != "has_commits" {
		t.Errorf("a second beginning: %v", err)
	}
	w.wantHead("shop", "refs/heads/main", commit)
}
