package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// door is one way in for git.
type door struct {
	*repo
	name   string
	remote func(port int) string // the repository's address, at another port than its own
	own    int                   // its port
}

// testGitDoors goes both ways into the installed server with what people and strangers push.
func testGitDoors(t *testing.T, s *server) {
	key := filepath.Join(s.home(), "id_doors")
	s.must(t, s.home(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "doors@laptop", "-f", key)
	s.lugsail(t, "keys", "add", key+".pub")
	for _, name := range []string{"https", "ssh"} {
		t.Run(name, func(t *testing.T) {
			d := &door{repo: s.repo(t, "doors-"+name, "static"), name: name, own: httpsPort}
			d.remote = func(port int) string { return fmt.Sprintf("https://console.localhost:%d/git/%s.git", port, d.app) }
			if name == "ssh" {
				d.own = sshPort
				d.remote = func(port int) string { return fmt.Sprintf("ssh://git@localhost:%d/%s.git", port, d.app) }
				d.git(t, "config", "core.sshCommand", strings.Join([]string{
					"ssh", "-F", "/dev/null", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new",
					"-o", "UserKnownHostsFile=" + filepath.Join(s.home(), "known_doors"), "-o", "GlobalKnownHostsFile=/dev/null", "-o", "RekeyLimit=1M",
				}, " "))
				d.git(t, "remote", "set-url", "lugsail", d.remote(sshPort))
			}
			d.emptyThenFirst(t)
			d.names(t)
			d.hostile(t)
			d.large(t)
			s.lugsail(t, "destroy", d.app, "--confirm", d.app, "--now")
		})
	}
	s.strangePaths(t)
	s.lugsail(t, "keys", "remove", "doors@laptop")
}

// deployments are how many the app has.
func (d *door) deployments(t *testing.T) int {
	t.Helper()
	var list struct{ Deployments []struct{} }
	d.server.json(t, &list, "deployments", "--app", d.app)
	return len(list.Deployments)
}

// refused pushes what must not be taken.
func (d *door) refused(t *testing.T, what, spec, says string) {
	t.Helper()
	got := d.server.run(t, d.dir, "git", "push", "--force", "lugsail", spec)
	if got.code == 0 || !strings.Contains(got.out, says) {
		t.Errorf("%s is answered %d, want %q:\n%s", what, got.code, says, got.out)
	}
}

// emptyThenFirst takes a repository from nothing to a second history.
func (d *door) emptyThenFirst(t *testing.T) {
	t.Helper()
	if out := d.git(t, "ls-remote", "lugsail"); strings.Contains(out, "refs/") {
		t.Errorf("an empty repository lists %s", out)
	}
	copied := d.dir + "-empty"
	d.git(t, "clone", "-q", "--config", "core.sshCommand="+d.setting(t, "core.sshCommand"), "--config", "http.sslCAInfo="+d.server.ca, d.remote(d.own), copied)
	d.pushed(t, "first")
	d.server.wantPage(t, d.app, "/", "Hello one")
	d.git(t, "tag", "-a", "-m", "One", "v1")
	before := d.deployments(t)
	d.git(t, "push", "-q", "lugsail", "v1")
	if n := d.deployments(t); n != before {
		t.Errorf("a tag began %d deployments", n-before)
	}
	d.server.must(t, copied, "git", "pull", "-q", "--tags", "origin", "main")
	if text, err := os.ReadFile(filepath.Join(copied, "index.html")); err != nil || !strings.Contains(string(text), "Hello one") {
		t.Errorf("pulled %q, %v", text, err)
	}
	d.edit(t, "index.html", "Hello one", "Hello other history")
	d.git(t, "commit", "-q", "-a", "--amend", "-m", "another first")
	if got := d.push(t); got.code == 0 || !strings.Contains(got.out, "rejected") {
		t.Errorf("A25: another history without force is answered %d:\n%s", got.code, got.out)
	}
	d.git(t, "push", "-q", "--force", "lugsail", "main")
	d.server.wantPage(t, d.app, "/", "Hello other history")
}

func (d *door) setting(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(d.server.run(t, d.dir, "git", "config", name).out)
}

// names pushes branches with names that mean something to a shell, to git or to a terminal (A02).
func (d *door) names(t *testing.T) {
	t.Helper()
	before, canary := d.deployments(t), filepath.Join(d.server.dir, "canary")
	for _, name := range []string{"a;touch${IFS}" + canary, "$(touch${IFS}" + canary + ")", "-x", "--upload-pack=x", "`id`"} {
		got := d.server.run(t, d.dir, "git", "push", "lugsail", "main:refs/heads/"+name)
		if got.code != 0 && !strings.Contains(got.out, "rejected") && !strings.Contains(got.out, "refspec") {
			t.Errorf("A02: %q is answered %d:\n%s", name, got.code, got.out)
		}
	}
	if n := d.deployments(t); n != before {
		t.Errorf("A02: %d deployments", n-before)
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("A02: a command ran")
	}
}

// object writes an object byte by byte, past git's own checks.
func (d *door) object(t *testing.T, kind string, content []byte) string {
	t.Helper()
	file := filepath.Join(d.server.dir, "object")
	check(t, os.WriteFile(file, content, 0o600))
	return strings.TrimSpace(d.git(t, "hash-object", "-t", kind, "-w", "--literally", file))
}

// commitOf makes a commit of a tree that holds these entries: mode, name and object.
func (d *door) treeOf(t *testing.T, entries ...[3]string) string {
	t.Helper()
	var raw bytes.Buffer
	for _, e := range entries {
		id, err := hex.DecodeString(e[2])
		check(t, err)
		fmt.Fprintf(&raw, "%s %s\x00%s", e[0], e[1], id)
	}
	return d.object(t, "tree", raw.Bytes())
}

// hostile pushes trees that would harm a checkout (A17), links that lead out (A20), a bomb (A19), and a
// submodule that nobody must fetch (A18).
func (d *door) hostile(t *testing.T) {
	t.Helper()
	blob := d.object(t, "blob", []byte("x"))
	sub := d.treeOf(t, [3]string{"100644", "config", blob})
	bomb, mode := blob, "100644"
	for range 10 {
		var entries [][3]string
		for i := range 10 {
			entries = append(entries, [3]string{mode, string(rune('a' + i)), bomb})
		}
		bomb, mode = d.treeOf(t, entries...), "40000"
	}
	before := d.deployments(t)
	for _, c := range []struct{ what, tree, says string }{
		{"A17 .git", d.treeOf(t, [3]string{"40000", ".git", sub}), "rejected"},
		{"A17 .GIT", d.treeOf(t, [3]string{"40000", ".GIT", sub}), "rejected"},
		{"A17 git~1", d.treeOf(t, [3]string{"40000", "git~1", sub}), "rejected"},
		{"A17 .gitmodules as a link", d.treeOf(t, [3]string{"120000", ".gitmodules", blob}), "rejected"},
		{"A20 Procfile", d.treeOf(t, [3]string{"120000", "Procfile", d.object(t, "blob", []byte("/etc/passwd"))}), "leads out of the tree"},
		{"A20 etc", d.treeOf(t, [3]string{"120000", "etc", d.object(t, "blob", []byte("../../../../etc"))}), "leads out of the tree"},
		{"A19 ten thousand million files", bomb, "files and directories"},
	} {
		commit := strings.TrimSpace(d.git(t, "commit-tree", "-m", "Hostile", c.tree))
		d.refused(t, c.what, commit+":refs/heads/main", c.says)
	}
	if n := d.deployments(t); n != before {
		t.Errorf("%d deployments of hostile trees", n-before)
	}
	d.write(t, ".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = https://127.0.0.1:1/x.git\n")
	d.git(t, "update-index", "--add", "--cacheinfo", "160000,"+strings.TrimSpace(d.git(t, "rev-parse", "HEAD"))+",x")
	d.git(t, "add", ".gitmodules")
	d.git(t, "commit", "-q", "-m", "Submodule")
	if got := d.push(t); got.code != 0 || !strings.Contains(got.out, "Submodules are not fetched") {
		t.Errorf("A18: a submodule is answered %d:\n%s", got.code, got.out)
	}
	d.server.wantPage(t, d.app, "/", "Hello other history")
	d.git(t, "reset", "-q", "--hard", "HEAD~1")
	d.git(t, "push", "-q", "--force", "lugsail", "main")
}

// strangePaths asks for what is no repository (A21).
func (s *server) strangePaths(t *testing.T) {
	t.Helper()
	for _, path := range []string{
		"/git/hello-static.git/config", "/git/hello-static.git/HEAD", "/git/..%2fhello-static.git/info/refs?service=git-upload-pack",
		"/git//hello-static.git/info/refs?service=git-upload-pack", "/git/hello-static.git/info/refs?service=git-upload-pack&service=git-receive-pack",
		"/git/%2e%2e/etc/passwd", "/git/hello-static.git/info/refs", "/git/hello-static%2egit/info/refs?service=git-upload-pack",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.console+path, http.NoBody)
		check(t, err)
		request.SetBasicAuth("x", s.token)
		response, err := s.client.Do(request)
		check(t, err)
		check(t, response.Body.Close())
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("A21: %s is answered %d", path, response.StatusCode)
		}
	}
}
