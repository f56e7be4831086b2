package gitserver

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestA01_APathOfGitNamesAnAppAndNothingElse(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("shop")
	w.commit(dir, "index.html", "hello", "first")
	canary := filepath.Join(w.dir, "canary")
	entries := func() string {
		all, err := os.ReadDir(w.config.Dir)
		must(t, err)
		var names []string
		for _, e := range all {
			names = append(names, e.Name())
		}
		return strings.Join(names, " ")
	}
	before := entries()
	names := []string{
		"..", "../shop", "../../etc", "shop/../other", ".hooks", "%2e%2e", "%2e%2e%2fshop", "a;touch " + canary, "$(touch " + canary + ")", "`touch " + canary + "`",
		"'shop'", `"shop"`, "shop'", "-x", "--upload-pack=touch " + canary, "--exec=touch " + canary, "-oProxyCommand=touch " + canary,
		"SHOP", "a b", "shop\x00", "shop\nother", "~root", "~", "", strings.Repeat("a", 300),
	}
	for _, name := range names {
		for _, path := range []string{"/git/" + url.PathEscape(name) + ".git", "/git/" + strings.NewReplacer("\x00", "%00", "\n", "%0A", " ", "%20", `"`, "%22", "`", "%60").Replace(name) + ".git"} {
			for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
				answer, body := w.request(http.MethodGet, path+"/info/refs?service="+service, "right", "")
				if answer.StatusCode < 300 || answer.StatusCode >= 500 || strings.Contains(body, "refs/heads") {
					t.Errorf("%s for %s: %d %s", path, service, answer.StatusCode, body)
				}
			}
		}
		for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
			for _, quoted := range []string{"'/" + name + ".git'", name} {
				if name == "'shop'" || strings.ContainsAny(quoted, "\x00") {
					continue // a client's own quotes; no argument of a program holds a NUL
				}
				if out, err := w.ssh("-T", "-a", "--", service+" "+quoted); err == nil || strings.Contains(out, "refs/heads") {
					t.Errorf("%s %s: %v %s", service, quoted, err, out)
				}
			}
		}
	}
	if _, err := os.Stat(canary); !os.IsNotExist(err) {
		t.Errorf("something ran: %v", err)
	}
	if after := entries(); after != before {
		t.Errorf("repositories were %s, are %s", before, after)
	}
	if n := w.deploy.count(); n != 0 {
		t.Errorf("%d deployments", n)
	}
}
