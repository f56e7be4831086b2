package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMainJob walks the whole way of a new owner: install, account, first app, changes, mistakes,
// rollback, scale, config, upgrade, uninstall. The parts build on each other, in this order.
func TestMainJob(t *testing.T) {
	s := newServer(t)
	t.Run("install", func(t *testing.T) { testInstall(t, s) })
	if t.Failed() {
		return
	}
	for _, part := range []struct {
		name string
		run  func(*testing.T, *server)
	}{
		{"account", testAccount},
		{"node", testNode},
		{"go", testGo},
		{"static", testStatic},
		{"git over SSH", testSSH},
		{"upload", testUpload},
		{"control plane killed during an upload", testUploadCut},
		{"image", testImage},
		{"failing build", testFailingBuild},
		{"never listens", testNeverListens},
		{"other port", testOtherPort},
		{"loopback only", testLoopback},
		{"config var", testConfigVar},
		{"scale", testScale},
		{"does not fit", testDoesNotFit},
		{"roll back", testRollback},
		{"control plane killed during a build", testKilledDuringBuild},
		{"no failed request", testNoFailedRequest},
		{"engine killed", testEngineKilled},
		{"engine restarted", testEngineRestarted},
		{"containerd killed", testContainerdKilled},
		{"cleared out by hand", testImageRemoved},
		{"ports", testPorts},
		{"many views", testManyViews},
		{"footprint", testFootprint},
		{"second install", testSecondInstall},
		{"git doors", testGitDoors},
		{"git host", testGitHost},
		{"domain", testDomain},
		{"destroy", testDestroy},
		{"uninstall", testUninstall},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, s) }) && part.name == "account" {
			return // nothing below could work
		}
	}
}

var setupLink = regexp.MustCompile(`https://\S+/setup/(\S+)`)

func testInstall(t *testing.T, s *server) {
	s.portsFree(t)
	out := s.install(t)
	link := setupLink.FindStringSubmatch(out)
	if link == nil {
		t.Fatalf("install.sh prints no set-up link:\n%s", out)
	}
	for _, want := range []string{fmt.Sprintf("https://console.localhost:%d", httpsPort), "git push", "seconds"} {
		if !strings.Contains(out, want) {
			t.Errorf("install.sh does not print %q:\n%s", want, out)
		}
	}
	s.setup = link[1]
	if other := fmt.Sprintf("https://console.127-0-0-1.sslip.io:%d/setup/%s\n", httpsPort, link[1]); !strings.Contains(out, other) {
		t.Errorf("install.sh does not print the link under the other name, %s:\n%s", other, out)
	}
	s.ca = filepath.Join(s.dir, "data", "proxy", "ca", "ca.crt")
	s.console = fmt.Sprintf("https://console.localhost:%d", httpsPort)
	s.trust(t)
	for _, name := range []string{"etc/master.key", "data/lugsail.db", "data/proxy/ca/ca.key", "data/ssh/host_key"} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		check(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("A81: %s has mode %v", name, info.Mode())
		}
	}
}

// testAccount claims the server once, and only once (A44), and signs the command line in.
func testAccount(t *testing.T, s *server) {
	post := func(token, email string) (int, string) {
		body := fmt.Sprintf(`{"token":%q,"email":%q,"password":%q}`, token, email, s.pass)
		response, err := s.client.Post(s.console+"/api/v1/setup", "application/json", strings.NewReader(body))
		check(t, err)
		defer response.Body.Close()
		var answer map[string]any
		_ = json.NewDecoder(response.Body).Decode(&answer) // an empty answer is told by the status
		if secret, ok := answer["secret"].(string); ok {
			s.token = secret
		}
		return response.StatusCode, fmt.Sprint(answer["message"])
	}
	if status, _ := post("wrong-token", "bot@example.com"); status < 400 || status >= 500 {
		t.Errorf("A44: a wrong token is answered %d", status)
	}
	if status, message := post(s.setup, s.email); status != http.StatusCreated {
		t.Fatalf("the set-up link is answered %d %s", status, message)
	}
	if status, _ := post(s.setup, "bot@example.com"); status < 400 || status >= 500 {
		t.Errorf("A44: the link works twice: %d", status)
	}
	s.login(t)
	var me struct{ Account struct{ Email string } }
	s.json(t, &me, "apps")
	if out := s.lugsail(t, "apps"); !strings.Contains(out, "create") {
		t.Errorf("an empty list of apps does not say how to begin:\n%s", out)
	}
}

var commitLine = "const greeting = "

func testNode(t *testing.T, s *server) {
	r := s.repo(t, "hello-node", "node")
	got := r.pushed(t, "first")
	t.Logf("first push of the Node app: %.1f s\n%s", got.took.Seconds(), got.out)
	for _, want := range []string{"https://hello-node.localhost", "v1 is live", "build"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("the pusher does not see %q:\n%s", want, got.out)
		}
	}
	s.wantPage(t, "hello-node", "/", "Hello one")
	if _, body := s.get(t, "hello-node", "/who"); !strings.Contains(body, `"proto":"https"`) {
		t.Errorf("X-Forwarded-Proto does not reach the app: %s", body)
	}
	r.edit(t, "server.js", "Hello one", "Hello two")
	got = r.pushed(t, "second")
	t.Logf("second push of the Node app: %.1f s\n%s", got.took.Seconds(), got.out)
	s.wantPage(t, "hello-node", "/", "Hello two")
	s.redirects(t, "hello-node")
	s.unknownHost(t)
}

// redirects checks that plain HTTP leads to HTTPS.
func (s *server) redirects(t *testing.T, app string) {
	t.Helper()
	client := *s.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Get(fmt.Sprintf("http://%s.localhost:%d/a?b=c", app, httpPort))
	check(t, err)
	_ = response.Body.Close()
	if want := s.url(app) + "/a?b=c"; response.StatusCode != http.StatusPermanentRedirect || response.Header.Get("Location") != want {
		t.Errorf("plain HTTP is answered %d %q, want 308 to %q", response.StatusCode, response.Header.Get("Location"), want)
	}
}

// unknownHost checks that a host of no app never falls to another app.
func (s *server) unknownHost(t *testing.T) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", httpPort), nil)
	check(t, err)
	request.Host = "nobody.localhost"
	response, err := http.DefaultTransport.RoundTrip(request)
	check(t, err)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown host is answered %d", response.StatusCode)
	}
}

func testGo(t *testing.T, s *server) {
	r := s.repo(t, "hello-go", "go")
	got := r.pushed(t, "first")
	t.Logf("first push of the Go app: %.1f s\n%s", got.took.Seconds(), got.out)
	s.wantPage(t, "hello-go", "/", "Hello one")
	r.edit(t, "main.go", "Hello one", "Hello two")
	got = r.pushed(t, "second")
	t.Logf("second push of the Go app: %.1f s", got.took.Seconds())
	s.wantPage(t, "hello-go", "/", "Hello two")
}

func testStatic(t *testing.T, s *server) {
	r := s.repo(t, "hello-static", "static")
	r.pushed(t, "first")
	s.wantPage(t, "hello-static", "/", "Hello one")
	if status, _ := s.get(t, "hello-static", "/nothing"); status != http.StatusNotFound {
		t.Errorf("a missing page is answered %d", status)
	}
}

// rejected pushes what must not become live, and checks that the old release serves on.
func rejected(t *testing.T, r *repo, page string, wants ...string) result {
	t.Helper()
	before := strings.TrimSpace(r.git(t, "rev-parse", "lugsail/main"))
	r.commit(t, "broken")
	got := r.push(t)
	if got.code == 0 {
		t.Fatalf("the push was taken:\n%s", got.out)
	}
	for _, want := range append(wants, "rejected") {
		if !strings.Contains(got.out, want) {
			t.Errorf("the pusher does not see %q:\n%s", want, got.out)
		}
	}
	r.git(t, "fetch", "-q", "lugsail")
	if now := strings.TrimSpace(r.git(t, "rev-parse", "lugsail/main")); now != before {
		t.Errorf("the branch moved from %s to %s", before, now)
	}
	r.server.wantPage(t, r.app, "/", page)
	return got
}

// back returns the work tree to what serves.
func (r *repo) back(t *testing.T) {
	t.Helper()
	r.git(t, "reset", "-q", "--hard", "lugsail/main")
}

func (s *server) open(app string) *repo {
	return &repo{server: s, app: app, dir: filepath.Join(s.dir, "work", app)}
}

func testFailingBuild(t *testing.T, s *server) {
	r := s.open("hello-go")
	r.edit(t, "main.go", commitLine, "const greeting int = ")
	rejected(t, r, "Hello two", "main.go", "is still serving")
	r.back(t)

	empty := s.repo(t, "nothing", "")
	empty.write(t, "notes.txt", "nothing to run")
	empty.commit(t, "notes")
	if got := empty.push(t); got.code == 0 || !strings.Contains(got.out, "package.json") {
		t.Errorf("a tree without an app is answered %d:\n%s", got.code, got.out)
	}
	s.lugsail(t, "destroy", "--app", "nothing", "--confirm", "nothing")
}

func testNeverListens(t *testing.T, s *server) {
	s.healthTimeout(t, "hello-node", 3)
	r := s.open("hello-node")
	r.write(t, "server.js", "console.log('I do nothing'); setInterval(() => {}, 1000);\n")
	rejected(t, r, "Hello two", "did not open a port", "$PORT", "I do nothing")
	r.write(t, "server.js", "console.log('about to end'); process.exit(3);\n")
	rejected(t, r, "Hello two", "exit code 3", "about to end")
	r.back(t)
	s.healthTimeout(t, "hello-node", 0)
}

func testOtherPort(t *testing.T, s *server) {
	r := s.open("hello-node")
	r.edit(t, "server.js", "process.env.PORT, '0.0.0.0'", "3000, '0.0.0.0'")
	got := r.pushed(t, "port 3000")
	if !strings.Contains(got.out, "listens on port 3000") {
		t.Errorf("the pusher is not told of the port:\n%s", got.out)
	}
	s.wantPage(t, "hello-node", "/", "Hello two")
	r.edit(t, "server.js", "3000, '0.0.0.0'", "process.env.PORT, '0.0.0.0'")
	r.pushed(t, "port again")
}

func testLoopback(t *testing.T, s *server) {
	r := s.open("hello-node")
	r.edit(t, "server.js", "process.env.PORT, '0.0.0.0'", "process.env.PORT, '127.0.0.1'")
	rejected(t, r, "Hello two", "127.0.0.1:8080", "0.0.0.0")
	r.back(t)
}

func testConfigVar(t *testing.T, s *server) {
	s.lugsail(t, "config", "set", "--app", "hello-node", "SECRET=LGS-CANARY-first")
	s.wantPage(t, "hello-node", "/who", "LGS-CANARY-first")
	s.lugsail(t, "config", "set", "--app", "hello-node", "SECRET=LGS-CANARY-second")
	s.wantPage(t, "hello-node", "/who", "LGS-CANARY-second")
	for _, out := range []string{s.lugsail(t, "releases", "--app", "hello-node"), s.lugsail(t, "deployments", "--app", "hello-node"), s.lugsail(t, "info", "--app", "hello-node")} {
		if strings.Contains(out, "LGS-CANARY") {
			t.Errorf("A73: a value is shown:\n%s", out)
		}
	}
	db, err := os.ReadFile(filepath.Join(s.dir, "data", "lugsail.db"))
	check(t, err)
	if strings.Contains(string(db), "LGS-CANARY") {
		t.Error("A73: the value lies open in the database")
	}
}

func testScale(t *testing.T, s *server) {
	s.lugsail(t, "scale", "--app", "hello-node", "web=3")
	seen := map[string]int{}
	eventually(t, 10*time.Second, func() bool {
		_, replica, err := who(s.client, s.url("hello-node"))
		check(t, err)
		seen[replica]++
		return len(seen) == 3
	}, func() string { return fmt.Sprintf("only %v answer", seen) })
	for range 60 {
		_, replica, err := who(s.client, s.url("hello-node"))
		check(t, err)
		seen[replica]++
	}
	for replica, n := range seen {
		if n < 5 {
			t.Errorf("%s answered %d of 60 requests: %v", replica, n, seen)
		}
	}
	s.lugsail(t, "scale", "--app", "hello-node", "web=1")
}

func testDoesNotFit(t *testing.T, s *server) {
	got := s.run(t, s.home(), s.binary(), "scale", "--app", "hello-node", "web=20", "--plan", "2xlarge")
	if got.code == 0 || !strings.Contains(got.out, "free") || !strings.Contains(got.out, "→") {
		t.Errorf("20 × 2xlarge is answered %d:\n%s", got.code, got.out)
	}
	s.wantPage(t, "hello-node", "/", "Hello two")
}

func testRollback(t *testing.T, s *server) {
	r := s.open("hello-node")
	r.edit(t, "server.js", "Hello two", "Hello three")
	r.pushed(t, "third")
	s.wantPage(t, "hello-node", "/", "Hello three")
	began := time.Now()
	s.lugsail(t, "rollback", "--app", "hello-node")
	s.wantPage(t, "hello-node", "/", "Hello two")
	t.Logf("rollback to the first old answer: %.1f s", time.Since(began).Seconds())
}

func testDestroy(t *testing.T, s *server) {
	if got := s.run(t, s.home(), s.binary(), "destroy", "--app", "hello-static", "--confirm", "wrong"); got.code == 0 {
		t.Errorf("destroyed without its name:\n%s", got.out)
	}
	s.lugsail(t, "destroy", "--app", "hello-static", "--confirm", "hello-static")
	if out := s.lugsail(t, "apps"); strings.Contains(out, "hello-static") {
		t.Errorf("it is still there:\n%s", out)
	}
	eventually(t, 5*time.Second, func() bool {
		status, _ := s.get2("hello-static")
		return status == 0 || status == http.StatusNotFound
	}, func() string {
		status, err := s.get2("hello-static")
		return fmt.Sprintf("its address still answers: %d, %v", status, err)
	})
}

// get2 asks an address that may have no certificate any more; status 0 then.
func (s *server) get2(app string) (status int, err error) {
	response, err := s.client.Get(s.url(app) + "/")
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func testSecondInstall(t *testing.T, s *server) {
	tr := drive(t, s.client, s.url("hello-node"), 50)
	out := s.install(t)
	checkTraffic(t, tr.end())
	if setupLink.MatchString(out) {
		t.Errorf("A44: a set-up link although there is an account:\n%s", out)
	}
	s.wantPage(t, "hello-node", "/", "after the engine")
	s.lugsail(t, "apps")
}

func testUninstall(t *testing.T, s *server) {
	s.installer(t, "--uninstall")
	if containers := s.ours(t, "ps", "-aq"); containers != "" {
		t.Errorf("containers are left: %s", containers)
	}
	if networks := s.ours(t, "network", "ls", "-q"); networks != "" {
		t.Errorf("networks are left: %s", networks)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data", "lugsail.db")); err != nil {
		t.Errorf("the data is gone: %v", err)
	}
	s.install(t)
	s.trust(t)
	s.wantPage(t, "hello-node", "/", "after the engine")
	s.installer(t, "--purge", "--yes")
	left, err := os.ReadDir(s.dir)
	check(t, err)
	for _, entry := range left {
		if slices.Contains([]string{"data", "etc", "run", "bin"}, entry.Name()) && !emptyDir(filepath.Join(s.dir, entry.Name())) {
			t.Errorf("%s is left after --purge", entry.Name())
		}
	}
}

func emptyDir(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && len(entries) == 0
}
