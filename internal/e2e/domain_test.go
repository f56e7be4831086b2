package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/acmetest"
)

// testDomain gives the server a domain and a certificate authority, by installing once more. Console,
// apps and git then answer on the domain with its certificates, and still on the names before.
func testDomain(t *testing.T, s *server) {
	authority := acmetest.New(t, httpPort, httpsPort)
	roots, err := os.ReadFile(authority.RootsFile)
	check(t, err)
	rootsFile := filepath.Join(s.dir, "acme-roots.pem") // outlives this part, as an owner's would
	check(t, os.WriteFile(rootsFile, roots, 0o644))
	out := s.installer(t, "--domain", "apps.example.org", "--acme-directory", authority.Directory,
		"--acme-roots", rootsFile, "--acme-email", s.email)
	console := fmt.Sprintf("https://console.apps.example.org:%d", httpsPort)
	if !strings.Contains(out, console) {
		t.Errorf("install.sh does not print %s:\n%s", console, out)
	}
	public := trusting(t, authority.Root)
	wantThere := func(url, text string) {
		t.Helper()
		var last string
		eventually(t, 30*time.Second, func() bool {
			response, err := public.Get(url)
			if err != nil {
				last = err.Error()
				return false
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			last = fmt.Sprintf("%s %.300s %v", response.Status, body, err)
			return response.StatusCode == http.StatusOK && strings.Contains(string(body), text)
		}, func() string { return url + " with a certificate of the authority: " + last })
	}
	app := fmt.Sprintf("https://hello-node.apps.example.org:%d/", httpsPort)
	wantThere(console+"/healthz", "")
	wantThere(app, "after the engine")
	s.wantPage(t, "hello-node", "/", "after the engine")

	trust := filepath.Join(s.dir, "authority.pem")
	check(t, os.WriteFile(trust, authority.Root, 0o644))
	r := s.open("hello-node")
	r.edit(t, "server.js", "after the engine", "after the engine, on a domain")
	r.commit(t, "on a domain")
	said := r.git(t, "-c", "http.sslCAInfo="+trust,
		"-c", fmt.Sprintf("http.curloptResolve=console.apps.example.org:%d:127.0.0.1", httpsPort),
		"push", strings.Replace(console, "https://", "https://token:"+s.token+"@", 1)+"/git/hello-node.git", "main")
	if !strings.Contains(said, strings.TrimSuffix(app, "/")) {
		t.Errorf("the push does not tell %s:\n%s", app, said)
	}
	wantThere(app, "on a domain")
}
