package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repo is an owner's work tree with the remote "lugsail".
type repo struct {
	server *server
	app    string
	dir    string
}

// repo makes a work tree from one of the test apps and creates the app on the server.
func (s *server) repo(t *testing.T, app, from string) *repo {
	t.Helper()
	r := &repo{server: s, app: app, dir: filepath.Join(s.dir, "work", app)}
	check(t, os.MkdirAll(r.dir, 0o700))
	if from != "" {
		check(t, os.CopyFS(r.dir, os.DirFS(filepath.Join("testdata", "apps", from))))
	}
	r.git(t, "init", "-q", "-b", "main")
	r.git(t, "config", "user.name", "Ada")
	r.git(t, "config", "user.email", s.email)
	s.must(t, r.dir, s.binary(), "create", app)
	return r
}

func (r *repo) git(t *testing.T, args ...string) string {
	t.Helper()
	return r.server.must(t, r.dir, "git", args...)
}

// write puts a file into the work tree.
func (r *repo) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(r.dir, name)
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, []byte(content), 0o644))
}

// edit replaces a text in a file.
func (r *repo) edit(t *testing.T, name, old, new string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	check(t, err)
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	r.write(t, name, strings.Replace(string(b), old, new, 1))
}

func (r *repo) commit(t *testing.T, message string) {
	t.Helper()
	r.git(t, "add", "-A")
	r.git(t, "commit", "-q", "--allow-empty", "-m", message)
}

// push pushes main and gives what the pusher saw.
func (r *repo) push(t *testing.T) result {
	t.Helper()
	return r.server.run(t, r.dir, "git", "push", "lugsail", "main")
}

// pushed commits, pushes, and fails when that is refused.
func (r *repo) pushed(t *testing.T, message string) result {
	t.Helper()
	r.commit(t, message)
	got := r.push(t)
	if got.code != 0 {
		t.Fatalf("push of %s: exit code %d\n%s", r.app, got.code, got.out)
	}
	return got
}
