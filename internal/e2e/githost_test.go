package e2e

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gitHost is another host with a repository, served by git itself over TLS.
type gitHost struct {
	*httptest.Server
	dir string
}

func newGitHost(t *testing.T, s *server) *gitHost {
	t.Helper()
	h := &gitHost{dir: filepath.Join(s.dir, "git-host")}
	check(t, os.MkdirAll(h.dir, 0o755))
	backend := filepath.Join(strings.TrimSpace(s.must(t, s.dir, "git", "--exec-path")), "git-http-backend")
	h.Server = httptest.NewTLSServer(&cgi.Handler{Path: backend, Root: "/", Dir: h.dir, Env: []string{
		"GIT_PROJECT_ROOT=" + h.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + h.dir,
	}})
	t.Cleanup(h.Close)
	s.must(t, h.dir, "git", "init", "-q", "--bare", "-b", "main", "site.git")
	return h
}

// allow puts the host into the server's settings, as its owner would, and restarts the control plane.
func (h *gitHost) allow(t *testing.T, s *server) {
	t.Helper()
	roots := filepath.Join(s.dir, "git-host.pem")
	check(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), 0o644))
	f, err := os.OpenFile(s.config, os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	_, err = fmt.Fprintf(f, "outbound_allow: %q\nfetch_roots: %q\n", h.Listener.Addr().String(), roots)
	check(t, err)
	check(t, f.Close())
	s.restarted(t)
}

// restarted kills the control plane and waits for the next one.
func (s *server) restarted(t *testing.T) {
	t.Helper()
	before := s.pid(t, "serve")
	s.kill(t, "serve")
	eventually(t, 30*time.Second, func() bool {
		var status struct {
			Parts []struct {
				Name string
				PID  int
			}
		}
		out := s.run(t, s.home(), s.binary(), "service", "status", "--json")
		_ = json.Unmarshal([]byte(out.out), &status) // what is not there yet is looked for again
		for _, p := range status.Parts {
			if p.Name == "serve" {
				return p.PID != 0 && p.PID != before
			}
		}
		return false
	}, func() string { return "the control plane does not come back" })
	s.answers(t)
}

// testGitHost binds an app to a public repository, lets a webhook deploy a push to it, and loses the host (F35).
func testGitHost(t *testing.T, s *server) {
	h := newGitHost(t, s)
	const app = "hello-fetched"
	r := s.repo(t, app, "static")
	r.git(t, "remote", "add", "origin", filepath.Join(h.dir, "site.git"))
	r.commit(t, "first")
	r.git(t, "push", "-q", "origin", "main")

	refused := s.run(t, s.home(), s.binary(), "deploy", "--app", app, "--git", h.URL+"/site.git")
	if refused.code == 0 || !strings.Contains(refused.out, "does not fetch from") {
		t.Fatalf("A41: an address of this machine is taken: %d %s", refused.code, refused.out)
	}
	h.allow(t, s)
	out := s.lugsail(t, "deploy", "--app", app, "--git", h.URL+"/site.git", "--branch", "main")
	if !strings.Contains(out, "Fetching main of "+h.URL+"/site.git") || !strings.Contains(out, "is live") {
		t.Errorf("the deployment does not show the fetch:\n%s", out)
	}
	s.wantPage(t, app, "/", "Hello one")
	if out := s.lugsail(t, "deploy", "--app", app, "--pull"); !strings.Contains(out, "Nothing new") || !strings.Contains(out, "--force") {
		t.Errorf("the same commit again:\n%s", out)
	}
	last := h.webhook(t, s, r)
	h.Close()
	lost := s.run(t, s.home(), s.binary(), "deploy", "--app", app, "--pull")
	if lost.code == 0 || !strings.Contains(lost.out, "127.0.0.1 cannot be reached") || !strings.Contains(lost.out, "Trying once more") {
		t.Errorf("F35: a host that is away: %d %s", lost.code, lost.out)
	}
	s.wantPage(t, app, "/", last)
	s.lugsail(t, "destroy", app, "--confirm", app)
}
