package cli

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
)

// world is a server that says what the test wants, and a person's home.
type world struct {
	t       *testing.T
	mux     *http.ServeMux
	server  *httptest.Server
	home    string
	env     map[string]string
	stdin   string
	asked   []string // "METHOD path body"
	tokens  []string
	caFile  string
	caPrint string
	local   string // the console's address, when the person is on the server itself
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, mux: http.NewServeMux(), home: t.TempDir(), env: map[string]string{}}
	t.Setenv("HOME", w.home) // git reads it
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("XDG_CONFIG_HOME", "")
	w.server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if strings.HasPrefix(r.URL.Path, "/api/") {
			w.asked = append(w.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
			w.tokens = append(w.tokens, r.Header.Get("Authorization"))
		}
		w.mux.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	certificate := w.server.Certificate()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	sum := sha256.Sum256(certificate.Raw)
	w.caPrint = hex.EncodeToString(sum[:])
	w.caFile = filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(w.caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	w.mux.HandleFunc("GET /ca.crt", func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(text) })
	w.mux.HandleFunc("HEAD /robots.txt", func(http.ResponseWriter, *http.Request) {})
	return w
}

// says lets the server answer with JSON.
func (w *world) says(pattern string, status int, body string) {
	w.mux.HandleFunc(pattern, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		if status >= 400 {
			rw.Header().Set("Content-Type", "application/problem+json")
		}
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	})
}

func (w *world) run(args ...string) (code int, out, errs string) {
	w.t.Helper()
	in, err := os.Create(filepath.Join(w.t.TempDir(), "stdin"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	if _, err := in.WriteString(w.stdin); err != nil {
		w.t.Fatal(err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		w.t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code = Execute(w.t.Context(), New(w.deps(in, &stdout, &stderr)), args)
	return code, stdout.String(), stderr.String()
}

func (w *world) deps(in *os.File, out, errs io.Writer) Deps {
	return Deps{
		Version: "1.2.3", Stdin: in, Stdout: out, Stderr: errs,
		Env: func(name string) string {
			if name == "HOME" {
				return w.home
			}
			return w.env[name]
		},
		Local: func() (string, string) { return w.local, "" },
	}
}

// signedIn saves the server as if login had.
func (w *world) signedIn() {
	w.t.Helper()
	w.env["LUGSAIL_URL"], w.env["LUGSAIL_TOKEN"], w.env["LUGSAIL_CA_FILE"] = w.server.URL, "lgs_test", w.caFile
}

const loginAnswer = `{"secret": "lgs_secret", "account": {"email": "ada@example.com", "role": "owner"}}`

func TestLogin_ByFingerprintThenGitKnowsTheWay(t *testing.T) {
	w := newWorld(t)
	w.says("POST /api/v1/login", 201, loginAnswer)
	w.stdin = "correct horse\n"
	code, out, errs := w.run("login", w.server.URL, "--email", "ada@example.com", "--password-stdin", "--fingerprint", "SHA256:"+strings.ToUpper(w.caPrint))
	if code != ExitOK || !strings.Contains(out, "ada@example.com") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if !strings.Contains(w.asked[0], `"password":"correct horse"`) || w.tokens[0] != "" {
		t.Errorf("asked %v with %v", w.asked, w.tokens)
	}
	info, err := os.Stat(filepath.Join(w.home, ".config", "lugsail", "servers.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	for key, want := range map[string]string{
		"credential." + w.server.URL + ".helper":  "git-credential",
		"http." + w.server.URL + "/.sslCAInfo":    filepath.Join(w.home, ".config", "lugsail"),
		"http." + w.server.URL + "/.sslVerify":    "",
		"http." + w.server.URL + "/.extraHeader":  "",
		"credential." + w.server.URL + ".storage": "",
	} {
		got, err := command.Command{Name: "git", Args: []string{"config", "--global", "--get-all", key}, Env: os.Environ()}.Output(t.Context())
		if (want == "") != (err != nil) || !strings.Contains(string(got), want) {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
	w.stdin = "protocol=https\nhost=" + strings.TrimPrefix(w.server.URL, "https://") + "\n\n"
	if code, out, _ := w.run("git-credential", "get"); code != ExitOK || out != "username=lugsail\npassword=lgs_secret\n" {
		t.Errorf("credential: %d %q", code, out)
	}
	w.stdin = "protocol=https\nhost=elsewhere.example\n\n"
	if code, out, _ := w.run("git-credential", "get"); code != ExitOK || out != "" {
		t.Errorf("another server gets %d %q", code, out)
	}
	w.stdin = ""
	w.says("POST /api/v1/logout", 204, "")
	if code, _, errs := w.run("logout"); code != ExitOK {
		t.Fatal(errs)
	}
	if code, _, _ := w.run("apps"); code != ExitUnauthenticated {
		t.Errorf("after logout: %d", code)
	}
}

// The server's own public name may lead nowhere from inside, behind a NAT.
func TestLogin_OnTheServerItselfItsNamesAreThisMachine(t *testing.T) {
	w := newWorld(t)
	w.local = strings.Replace(w.server.URL, "127.0.0.1", "example.com", 1) // the certificate is for both
	w.says("POST /api/v1/login", 201, loginAnswer)
	w.says("GET /api/v1/apps", 200, `{"apps": []}`)
	w.stdin = "correct horse\n"
	code, out, errs := w.run("login", "--email", "ada@example.com", "--password-stdin", "--fingerprint", w.caPrint)
	if code != ExitOK || !strings.Contains(out, w.local) {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if code, _, errs := w.run("apps"); code != ExitOK {
		t.Fatalf("%d %s", code, errs)
	}
	key := "http." + w.local + "/.curloptResolve"
	got, err := command.Command{Name: "git", Args: []string{"config", "--global", "--get-all", key}, Env: os.Environ()}.Output(t.Context())
	if want := strings.TrimPrefix(w.local, "https://") + ":127.0.0.1\n"; err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", key, got, err, want)
	}
}

func TestLogin_WrongFingerprintSendsNoPassword(t *testing.T) {
	w := newWorld(t)
	w.says("POST /api/v1/login", 201, loginAnswer)
	w.stdin = "correct horse"
	code, _, errs := w.run("login", w.server.URL, "--email", "a@example.com", "--password-stdin", "--fingerprint", strings.Repeat("ab", 32))
	if code != ExitForbidden || len(w.asked) != 0 || !strings.Contains(errs, "another fingerprint") {
		t.Fatalf("%d %v %s", code, w.asked, errs)
	}
}

func TestLogin_UnknownCertificateWithNobodyToAskSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.stdin = "correct horse"
	code, _, errs := w.run("login", w.server.URL, "--email", "a@example.com", "--password-stdin")
	if code != ExitUnavailable || len(w.asked) != 0 || !strings.Contains(errs, "--fingerprint") {
		t.Fatalf("%d %v %s", code, w.asked, errs)
	}
}

func TestClient_RedirectDoesNotGetTheToken(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	other := 0
	thief := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other++ }))
	t.Cleanup(thief.Close)
	w.mux.HandleFunc("GET /api/v1/apps", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, thief.URL, http.StatusTemporaryRedirect)
	})
	if code, _, _ := w.run("apps"); code == ExitOK || other != 0 {
		t.Fatalf("%d, %d requests elsewhere", code, other)
	}
}

func TestExitCodes(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	for status, want := range map[int]int{
		401: ExitUnauthenticated, 403: ExitForbidden, 404: ExitNotFound, 409: ExitConflict, 422: ExitFailed, 429: ExitUnavailable, 500: ExitFailed, 503: ExitUnavailable,
	} {
		name := fmt.Sprintf("app%d", status)
		w.says("GET /api/v1/apps/"+name, status, `{"code": "x", "message": "It is so.", "hint": "Do that."}`)
		code, _, errs := w.run("info", "--app", name)
		if code != want || !strings.Contains(errs, "Error: It is so.\n→ ") {
			t.Errorf("%d: exit %d, want %d: %s", status, code, want, errs)
		}
	}
	for _, args := range [][]string{{"crate"}, {"create"}, {"apps", "--nope"}, {"scale", "web=x", "-a", "shop"}, {"config", "set", "X", "-a", "shop"}, {"domains", "ad"}} {
		if code, _, errs := w.run(args...); code != ExitUsage || !strings.Contains(errs, "→ lugsail") {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
	if code, out, _ := w.run("--version"); code != ExitOK || out != "lugsail 1.2.3\n" {
		t.Errorf("--version: %d %q", code, out)
	}
	if _, _, errs := w.run("crate"); !strings.Contains(errs, "Did you mean create?") {
		t.Error(errs)
	}
	if code, _, errs := w.run("info", "--app", "app404", "--json"); code != ExitNotFound || !json.Valid([]byte(errs)) {
		t.Errorf("%d %s", code, errs)
	}
}

func TestConfigSet_FollowsTheDeploymentToItsEnd(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("PATCH /api/v1/apps/shop/config", 202, `{"deployment": {"number": 3, "state": "waiting"}}`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "url": "https://shop.example.com", "scale": {"web": 1}}}`)
	broken := false
	w.mux.HandleFunc("GET /api/v1/apps/shop/deployments/3/events", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		if !broken {
			broken = true // the control plane restarts in the middle
			_, _ = io.WriteString(rw, "event: log\nid: 10\ndata: {\"line\": \"2026-01-02T03:04:05.678Z starting \\u001b[31mred\\u001b[0m\"}\n\n: still here\n\n")
			return
		}
		if r.Header.Get("Last-Event-ID") != "10" {
			t.Errorf("goes on at %q", r.Header.Get("Last-Event-ID"))
		}
		_, _ = io.WriteString(rw, "event: step\ndata: {\"number\":3,\"state\":\"running\",\"steps\":[{\"name\":\"switch\",\"state\":\"running\"}]}\n\n"+
			"event: done\ndata: {\"number\":3,\"state\":\"live\",\"release\":2,\"started_at\":\"2026-01-02T03:04:05Z\",\"ended_at\":\"2026-01-02T03:04:06Z\",\"steps\":[{\"name\":\"switch\",\"state\":\"done\",\"detail\":\"0.1 s\"}]}\n\n")
	})
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte("# comment\nexport A='x y'\nB=\"1\\n2\"\nC=plain # why\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := w.run("config", "set", "--env-file", file, "D=e=f", "-a", "shop")
	if code != ExitOK {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	var body struct{ Set map[string]string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(w.asked[0], "PATCH /api/v1/apps/shop/config ")), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"A": "x y", "B": "1\n2", "C": "plain", "D": "e=f"}
	if fmt.Sprint(body.Set) != fmt.Sprint(want) {
		t.Errorf("set %q", body.Set)
	}
	// What a push shows, and no more: steps have said what they do in the log. No escape sequences.
	if want := "Deployment #3 of shop\nstarting red\n\nv2 is live at https://shop.example.com (1.0 s)\n"; out != want {
		t.Errorf("%q, want\n%q", out, want)
	}
}

func TestRollback_FailedDeploymentSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("POST /api/v1/apps/shop/rollback", 202, `{"deployment": {"number": 4, "state": "waiting"}}`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "release": {"number": 3}}}`)
	log := ""
	w.mux.HandleFunc("GET /api/v1/apps/shop/deployments/4/events", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, log+`event: done`+"\n"+`data: {"number":4,"state":"failed","failure":{"code":"sick","message":"It did not answer.","hint":"Listen on $PORT."}}`+"\n\n")
	})
	code, _, errs := w.run("rollback", "v2", "-a", "shop")
	if code != ExitFailed || errs != "Error: It did not answer.\n→ Listen on $PORT.\n" {
		t.Fatalf("%d %q", code, errs)
	}
	if w.asked[0] != `POST /api/v1/apps/shop/rollback {"release":2}` {
		t.Error(w.asked[0])
	}
	for _, line := range []string{"It did not answer.", "→ Listen on $PORT."} {
		log += fmt.Sprintf("event: log\nid: 1\ndata: {\"line\":\"2026-01-02T03:04:05.678Z %s\"}\n\n", line)
	}
	code, out, errs := w.run("rollback", "v2", "-a", "shop")
	if code != ExitFailed || strings.Count(out+errs, "It did not answer.") != 1 || errs != "Error: Deployment #4 failed; v3 is still serving.\n" {
		t.Errorf("told twice: %d %q %q", code, out, errs)
	}
	if code, _, errs := w.run("rollback", "v2", "-a", "shop", "--json"); code != ExitFailed || !strings.Contains(errs, "Listen on $PORT.") {
		t.Errorf("a program is not told: %d %q", code, errs)
	}
}

// deploys lets a request be answered with deployment 5, which goes live as ended says.
func (w *world) deploys(pattern, ended string) {
	w.says(pattern, 202, `{"deployment": {"number": 5, "state": "waiting"}}`)
	w.mux.HandleFunc("GET /api/v1/apps/shop/deployments/5/events", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "event: done\ndata: {\"number\":5,\"state\":\"live\","+ended+"}\n\n")
	})
}

func TestRollback_SaysWhatServesAgainAndTheWayBack(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.deploys("POST /api/v1/apps/shop/rollback", `"kind":"rollback","release":12,"from_release":10`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "url": "https://shop.x", "scale": {"web": 1}}}`)
	code, out, errs := w.run("rollback", "-a", "shop")
	if code != ExitOK || !strings.Contains(out, "v12 is live at https://shop.x") || !strings.Contains(out, "It is v10 again. To bring the newest push back: lugsail deploy --app shop\n") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	config := `{"names":["A"],"waiting":{"added":[],"changed":[],"removed":[],"same":1}}`
	w.mux.HandleFunc("GET /api/v1/apps/shop/config", func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, config) })
	if _, out, _ := w.run("rollback", "-a", "shop"); !strings.Contains(out, "\nIts config vars are those that v10 had; they are the same as the app's now.\n") {
		t.Errorf("the same config vars: %s", out)
	}
	config = `{"names":["A"],"waiting":{"added":["B"],"changed":["A"],"removed":[],"same":0}}`
	if _, out, _ := w.run("rollback", "-a", "shop"); !strings.Contains(out, "\nIts config vars are those that v10 had. The app's own are newer (new B; changed A), and come with the next push or: lugsail config apply --app shop\n") {
		t.Errorf("older config vars: %s", out)
	}
}

func TestDeployments_AnOldOneIsNotCalledLive(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.deploys("POST /api/v1/apps/shop/rollback", `"kind":"push","release":3`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "url": "https://shop.x", "scale": {"web": 1}, "release": {"number": 5}}}`)
	if code, out, errs := w.run("deployments", "5", "-a", "shop"); code != ExitOK || !strings.HasSuffix(out, "v3 was live; v5 has taken its place.\n") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestScale_ToNothingDoesNotSayThatItIsLive(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.deploys("PUT /api/v1/apps/shop/scale", `"kind":"scale","release":3`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "url": "https://shop.x", "scale": {"web": 0}}}`)
	if code, out, _ := w.run("scale", "web=0", "-a", "shop"); code != ExitOK || strings.Contains(out, "live") || !strings.Contains(out, "shop is scaled to 0: nothing answers at https://shop.x") {
		t.Errorf("%d %s", code, out)
	}
}

func TestReleases_TellWhatWasNeverLive(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/releases", 200, `{"releases": [
		{"number": 4, "state": "live", "current": true, "cause": "rollback to v2", "commit": "2222222aaaa", "commit_title": "Second"},
		{"number": 3, "state": "failed", "cause": "push of 3333333", "commit": "3333333aaaa", "commit_title": "Third"},
		{"number": 2, "state": "live", "cause": "push of 2222222", "commit": "2222222aaaa", "commit_title": "Second"}]}`)
	_, out, errs := w.run("releases", "shop")
	rows := strings.Split(out, "\n")
	if len(rows) != 5 {
		t.Fatalf("%s %s", out, errs)
	}
	for i, want := range [][]string{{"v4", " live ", "rollback to v2", "2222222 Second"}, {"v3", "failed", "push of 3333333"}, {"v2", " - ", "push of 2222222", "2222222 Second"}} {
		for _, text := range want {
			if !strings.Contains(rows[i+1], text) {
				t.Errorf("%q is not in %s", text, rows[i+1])
			}
		}
	}
}

func TestApp_MayBeNamedWhereNothingElseStands(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop"}}`)
	if code, _, errs := w.run("info", "shop"); code != ExitOK {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := w.run("info", "shop", "--app", "blog"); code != ExitUsage {
		t.Errorf("two apps: %d %s", code, errs)
	}
	for _, command := range []string{"config", "scale", "rollback", "deployments", "cancel", "domains"} {
		if code, _, errs := w.run(command, "shop", "-a", "blog"); code != ExitUsage || !strings.Contains(errs, "lugsail "+command+" --app shop\n") {
			t.Errorf("%s: %d %s", command, code, errs)
		}
	}
}

func TestTarget_TheOriginOfACloneTellsTheApp(t *testing.T) {
	w := newWorld(t)
	w.saved()
	t.Chdir(t.TempDir())
	add := func(args ...string) {
		t.Helper()
		if err := git(args...).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	add("init", "-q")
	add("remote", "add", "github", "https://github.example/git/other.git")
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop"}}`)
	if code, _, errs := w.run("info"); code != ExitUsage || !strings.Contains(errs, "Which app?") {
		t.Errorf("a server that nobody knows: %d %s", code, errs)
	}
	add("remote", "add", "origin", w.server.URL+"/git/shop.git")
	if code, _, errs := w.run("info"); code != ExitOK {
		t.Errorf("origin: %d %s", code, errs)
	}
	add("remote", "add", "second", w.server.URL+"/git/blog.git")
	if code, _, errs := w.run("info"); code != ExitUsage {
		t.Errorf("two apps: %d %s", code, errs)
	}
	add("remote", "add", remote, w.server.URL+"/git/shop.git")
	if code, _, errs := w.run("info"); code != ExitOK {
		t.Errorf("%s goes before others: %d %s", remote, code, errs)
	}
}

func TestConfigUnset_OfANameThatIsNotThereSaysSo(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/config", 200, `{"names": ["MODE"]}`)
	code, _, errs := w.run("config", "unset", "MODE", "NOPE", "-a", "shop")
	if code != ExitNotFound || !strings.Contains(errs, "shop has no config var NOPE.") || len(w.asked) != 1 {
		t.Errorf("%d %s %v", code, errs, w.asked)
	}
}

func TestComplete_OffersWhatTheServerHas(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps", 200, `{"apps": [{"name": "blog"}, {"name": "shop"}]}`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "scale": {"web": 1, "worker": 2}}}`)
	w.says("GET /api/v1/plans", 200, `{"plans": [{"name": "nano", "memory": 134217728}, {"name": "small", "memory": 1610612736}]}`)
	w.says("GET /api/v1/apps/shop/releases", 200, `{"releases": [{"number": 3, "state": "live", "current": true}, {"number": 2, "state": "failed"}, {"number": 1, "state": "live", "commit_title": "First"}]}`)
	for line, want := range map[string]string{
		"info ": "blog\nshop\n:4\n", "info --app ": "blog\nshop\n:4\n", "info shop ": ":4\n",
		"scale -a shop ": "web=\nworker=\n:6\n", "logs shop -p ": "web\nworker\n:4\n",
		"create x --plan ": "nano\t128 MB\nsmall\t1.5 GB\n:4\n", "rollback -a shop ": "v1\tFirst\n:4\n",
	} {
		words := strings.Split(line, " ")
		if code, out, errs := w.run(append([]string{"__complete"}, words...)...); code != ExitOK || out != want {
			t.Errorf("%s: %d %q %s, want %q", line, code, out, errs, want)
		}
	}
	if _, out, _ := w.run("help"); !strings.Contains(out, "lugsail completion --help") {
		t.Error("help does not tell of it")
	}
}

func TestCreate_MakesTheRemoteThatTellsTheAppAfterwards(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	dir := t.TempDir()
	t.Chdir(dir)
	if err := git("init", "-q", "-b", "main").Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.says("POST /api/v1/apps", 201, `{"app": {"name": "shop", "plan": "micro", "url": "https://shop.x", "git_url": "https://another.name.example/git/shop.git"}}`)
	if code, out, errs := w.run("create", "shop"); code != ExitOK || !strings.Contains(out, "git push lugsail main") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	// The remote leads to the name that git has token and certificate for.
	if out, err := git("remote", "get-url", remote).Output(t.Context()); err != nil || strings.TrimSpace(string(out)) != w.server.URL+"/git/shop.git" {
		t.Errorf("%s %v", out, err)
	}
	w.says("GET /api/v1/apps/shop/logs", 200, `{"lines": [{"at": "2026-01-02T03:04:05Z", "replica": "web.1", "text": "hi"}]}`)
	if code, out, errs := w.run("logs", "-n", "5"); code != ExitOK || !strings.Contains(out, "web.1: hi") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if last := w.asked[len(w.asked)-1]; last != "GET /api/v1/apps/shop/logs?tail=5" {
		t.Error(last)
	}
}

func TestDeploy_TellsWhatOfTheFolderIsNotDeployed(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("POST /api/v1/apps/shop/deployments", 202, `{"deployment": {"number": 1, "state": "waiting"}}`)
	t.Chdir(t.TempDir())
	do := func(args ...string) {
		t.Helper()
		if err := git(append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile("index.html", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	do("init", "-q", "-b", "main")
	do("remote", "add", remote, w.server.URL+"/git/shop.git")
	write("one")
	do("add", ".")
	do("commit", "-q", "-m", "One")
	do("update-ref", "refs/remotes/lugsail/main", "HEAD") // as a push leaves it
	deploy := func(want string, args ...string) {
		t.Helper()
		code, out, errs := w.run(append([]string{"deploy", "--detach"}, args...)...)
		if code != ExitOK || want == "" && errs != "" || !strings.Contains(errs, want) || !strings.Contains(out, "Deployment #1") {
			t.Errorf("%d %q %q, want %q", code, out, errs, want)
		}
	}
	deploy("")
	write("two")
	deploy("not committed yet")
	do("commit", "-q", "-a", "-m", "Two")
	deploy("git push lugsail HEAD:main")
	deploy("", "--app", "shop")
}

func TestScale_NamesOnlyWhatChanges(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	// A worker of an earlier release is still in the scale; the present release has none.
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "scale": {"worker": 2}, "release": {"number": 3}}}`)
	w.says("PUT /api/v1/apps/shop/scale", 202, `{"deployment": null}`)
	w.says("PATCH /api/v1/apps/shop", 202, `{"deployment": null}`)
	code, out, errs := w.run("scale", "web=3", "-a", "shop")
	if code != ExitOK || !strings.Contains(out, "That is how shop runs already") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if w.asked[0] != `PUT /api/v1/apps/shop/scale {"scale":{"web":3}}` {
		t.Error(w.asked[0])
	}
	if code, out, _ := w.run("scale", "web=3", "--plan", "nano", "-a", "shop", "--json"); code != ExitOK || !json.Valid([]byte(out)) {
		t.Errorf("%d, not one document: %s", code, out)
	}
}

func TestConfig_ShowsLinesThatCanBeSetAgain(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/config/values", 200, `{"config": {"B": "two \"words\"\nand a line", "A": "plain"}}`)
	code, out, errs := w.run("config", "--show", "-a", "shop")
	if want := "A=plain\nB=\"two \\\"words\\\"\\nand a line\"\n"; code != ExitOK || out != want {
		t.Errorf("%d %s\n%s, want\n%s", code, errs, out, want)
	}
	w.says("PATCH /api/v1/apps/shop/config", 202, `{"deployment": null}`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop"}}`)
	w.stdin = out
	if code, out, errs := w.run("config", "set", "--env-file", "-", "-a", "shop"); code != ExitOK || !strings.Contains(out, "Kept for the first deployment") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if want := `PATCH /api/v1/apps/shop/config {"set":{"A":"plain","B":"two \"words\"\nand a line"},"unset":null}`; w.asked[1] != want {
		t.Errorf("%s, want %s", w.asked[1], want)
	}
}

func TestLogs_FollowingShowsEachLineOfEachReplicaOnce(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	connections := 0
	line := func(replica string, second int) string {
		return fmt.Sprintf("event: log\ndata: {\"at\":\"2026-01-02T03:04:%02dZ\",\"replica\":%q,\"release\":1,\"text\":\"%s at %d\"}\n\n", second, replica, replica, second)
	}
	w.mux.HandleFunc("GET /api/v1/apps/shop/logs", func(rw http.ResponseWriter, _ *http.Request) {
		if connections++; connections == 3 {
			rw.Header().Set("Content-Type", "application/problem+json")
			rw.WriteHeader(http.StatusNotFound) // the app is gone: that ends it
			_, _ = io.WriteString(rw, `{"code":"app_not_found","message":"There is no app named shop."}`)
			return
		}
		_, _ = io.WriteString(rw, line("web.1", 1)+line("web.1", 5)+line("web.2", 2)+line("web.2", 4))
		if connections == 2 {
			_, _ = io.WriteString(rw, line("web.2", 6)+line("web.1", 7))
		}
	})
	code, out, _ := w.run("logs", "-f", "-a", "shop")
	var texts []string
	for l := range strings.Lines(out) {
		_, text, _ := strings.Cut(strings.TrimSpace(l), ": ")
		texts = append(texts, text)
	}
	if got := strings.Join(texts, ", "); code != ExitNotFound || got != "web.1 at 1, web.1 at 5, web.2 at 2, web.2 at 4, web.2 at 6, web.1 at 7" {
		t.Errorf("%d %s", code, got)
	}
}

func TestFollow_AQuietStreamThatBreaksIsOpenedAgain(t *testing.T) {
	w := newWorld(t)
	connections := 0
	w.mux.HandleFunc("GET /quiet", func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusOK)
		if err := http.NewResponseController(rw).Flush(); err != nil {
			t.Error(err)
		}
		if connections++; connections == 3 {
			_, _ = io.WriteString(rw, "event: done\ndata: {}\n\n")
			return
		}
		select { // longer than the patience
		case <-r.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	})
	c := &client{base: w.server.URL, http: w.server.Client(), patience: 50 * time.Millisecond}
	done := false
	err := c.follow(t.Context(), "/quiet", func(e event) error {
		if e.name == "done" {
			done = true
			return errStreamEnd
		}
		return nil
	})
	if err != nil || !done {
		t.Errorf("done %v, %v, after %d connections", done, err, connections)
	}
}

func TestDeployments_OneAsJSONIsWhatTheAPISays(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/deployments/7", 200, `{"deployment": {"number": 7, "state": "failed", "via": "git"}}`)
	code, out, errs := w.run("deployments", "7", "-a", "shop", "--json")
	if code != ExitOK || !strings.Contains(out, `"via": "git"`) {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestLogin_EndsTheTokensThatItMadeAndNoOthers(t *testing.T) {
	w := newWorld(t)
	made := 0
	w.mux.HandleFunc("POST /api/v1/login", func(rw http.ResponseWriter, _ *http.Request) {
		made++
		_, _ = fmt.Fprintf(rw, `{"secret": "lgs_made%d", "account": {"email": "ada@example.com"}}`, made)
	})
	w.says("GET /api/v1/account", 200, `{"account": {"email": "ada@example.com"}}`)
	w.says("POST /api/v1/logout", 204, "")
	login := func(args ...string) {
		t.Helper()
		if code, _, errs := w.run(append([]string{"login", w.server.URL, "--ca-file", w.caFile}, args...)...); code != ExitOK {
			t.Fatal(errs)
		}
	}
	w.stdin = "correct horse"
	login("--email", "ada@example.com", "--password-stdin")
	login("--email", "ada@example.com", "--password-stdin")
	w.stdin = "lgs_brought"
	login("--token")
	if code, _, errs := w.run("logout"); code != ExitOK {
		t.Fatal(errs)
	}
	var ended []string
	for i, asked := range w.asked {
		if strings.HasPrefix(asked, "POST /api/v1/logout") {
			ended = append(ended, w.tokens[i])
		}
	}
	if got := strings.Join(ended, ", "); got != "Bearer lgs_made1, Bearer lgs_made2" {
		t.Errorf("ended %s", got)
	}
}

func TestLogin_OnTheServerItselfNeedsNoAddress(t *testing.T) {
	w := newWorld(t)
	if code, _, errs := w.run("apps"); code != ExitUnauthenticated || !strings.HasSuffix(errs, "lugsail login https://console.example.com\n") {
		t.Errorf("elsewhere: %d %s", code, errs)
	}
	w.local = w.server.URL
	if code, _, errs := w.run("apps"); code != ExitUnauthenticated || !strings.HasSuffix(errs, "lugsail login\n") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestLogin_WrongPasswordIsTold(t *testing.T) {
	w := newWorld(t)
	w.says("POST /api/v1/login", 401, `{"code": "wrong_credentials", "message": "The e-mail address or the password is wrong.", "hint": "Run on the server: lugsail recover."}`)
	w.stdin = "wrong"
	code, _, errs := w.run("login", w.server.URL, "--email", "a@example.com", "--password-stdin", "--ca-file", w.caFile)
	if code != ExitUnauthenticated || !strings.Contains(errs, "→ Run on the server: lugsail recover.") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestLogin_CertificateThatDoesNotFitIsToldAndNotKept(t *testing.T) {
	w := newWorld(t)
	w.stdin = "correct horse"
	other := filepath.Join(t.TempDir(), "other.crt")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text}), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := w.run("login", w.server.URL, "--email", "a@example.com", "--password-stdin", "--ca-file", other)
	if code != ExitForbidden || len(w.asked) != 0 || !strings.Contains(errs, "was not signed with the one in") {
		t.Errorf("%d %v %s", code, w.asked, errs)
	}
	if left, err := filepath.Glob(filepath.Join(w.home, ".config", "lugsail", "*")); err != nil || len(left) != 0 {
		t.Errorf("kept %v, %v", left, err)
	}
	byName := strings.Replace(w.server.URL, "127.0.0.1", "localhost", 1)
	code, _, errs = w.run("login", byName, "--email", "a@example.com", "--password-stdin")
	if code != ExitUnavailable || len(w.asked) != 0 || !strings.Contains(errs, "has no certificate for that name") || !strings.Contains(errs, "example.com") {
		t.Errorf("%d %v %s", code, w.asked, errs)
	}
}

// saved writes down that the person is signed in to the server, as login does.
func (w *world) saved() {
	w.t.Helper()
	p := &program{Deps: Deps{Env: func(name string) string { return map[string]string{"HOME": w.home}[name] }}}
	err := p.writeSaved(saved{Current: w.server.URL, Servers: map[string]savedServer{w.server.URL: {URL: w.server.URL, Token: "lgs_test", CA: w.caFile}}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestTarget_AnAppOfAnotherServerIsNotLookedForHere(t *testing.T) {
	w := newWorld(t)
	w.saved()
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"init", "-q"}, {"remote", "add", remote, "https://console.elsewhere.example/git/shop.git"}} {
		if err := git(args...).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	hosts := `["console.here.example"]`
	w.mux.HandleFunc("GET /api/v1/server", func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, `{"hosts": `+hosts+`}`) })
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop"}}`)
	w.says("DELETE /api/v1/apps/shop", 202, `{"deployment": null}`)
	code, _, errs := w.run("destroy", "--confirm", "shop")
	if code != ExitUnauthenticated || !strings.Contains(errs, "lugsail login https://console.elsewhere.example") || len(w.asked) != 1 {
		t.Errorf("%d %v %s", code, w.asked, errs)
	}
	if code, _, errs := w.run("info", "--app", "shop"); code != ExitOK {
		t.Errorf("named: %d %s", code, errs)
	}
	hosts = `["console.here.example", "console.elsewhere.example"]`
	if code, _, errs := w.run("info"); code != ExitOK {
		t.Errorf("another name of the same server: %d %s", code, errs)
	}
}

func TestDestroy_NeedsTheName(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	if code, _, _ := w.run("destroy", "-a", "shop"); code != ExitUsage || len(w.asked) != 0 {
		t.Errorf("nobody to ask: %d %v", code, w.asked)
	}
	if code, _, _ := w.run("destroy", "-a", "shop", "--confirm", "other"); code != ExitFailed || len(w.asked) != 0 {
		t.Errorf("wrong name: %d %v", code, w.asked)
	}
	w.says("DELETE /api/v1/apps/shop", 202, `{"deployment": {"number": 9, "state": "waiting"}}`)
	w.says("GET /api/v1/apps/shop", 200, `{"app": {"name": "shop", "trash_ends_at": "2030-05-06T12:00:00Z", "latest_deployment": {"number": 9, "state": "live", "ended_at": "2030-04-22T12:00:01Z"}}}`)
	code, out, errs := w.run("destroy", "-a", "shop", "--confirm", "shop")
	if code != ExitOK || !strings.Contains(out, "shop is in the trash.") || !strings.Contains(out, "6 May 2030") || !strings.Contains(out, "lugsail restore shop") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestDestroy_NowWaitsUntilTheAppIsGone(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("DELETE /api/v1/apps/shop", 202, `{"deployment": {"number": 9, "state": "waiting"}}`)
	w.says("GET /api/v1/apps/shop", 404, `{"code": "app_not_found", "message": "There is no app named shop."}`)
	if code, out, errs := w.run("destroy", "-a", "shop", "--confirm", "shop", "--now"); code != ExitOK || !strings.Contains(out, "Removed shop for good.") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestTrash_ListsAndRestores(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/trash", 200, `{"apps": [{"name": "shop", "release": 3, "trashed_at": "2030-04-22T12:00:00Z", "trash_ends_at": "2030-05-06T12:00:00Z"}]}`)
	if code, out, errs := w.run("trash"); code != ExitOK || !strings.Contains(out, "shop") || !strings.Contains(out, "v3") || !strings.Contains(out, "6 May 2030") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	w.says("POST /api/v1/apps/shop/restore", 202, `{"deployment": {"number": 10, "state": "waiting"}}`)
	if code, out, errs := w.run("restore", "shop", "--detach"); code != ExitOK || !strings.Contains(out, "shop is back") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestCleanURL(t *testing.T) {
	for in, want := range map[string]string{
		"console.example.com": "https://console.example.com", "https://Console.Example.com:443/": "https://console.example.com",
		"https://console.localhost:8443": "https://console.localhost:8443",
	} {
		if got, err := cleanURL(in); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"http://console.example.com", "https://user@console.example.com", "https://x/y", ""} {
		if got, err := cleanURL(in); err == nil {
			t.Errorf("%s is taken as %s", in, got)
		}
	}
}

func TestPlans_TellWhereTheServersCoresLimit(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/plans", 200, `{"plans": [{"name": "micro", "memory": 1073741824, "fits": 6}, {"name": "large", "memory": 8589934592, "fits": 1, "limited": true},
		{"name": "xlarge", "memory": 17179869184, "limited": true}, {"name": "db-pico", "addon": true}], "capacity": {"cpus": 2}}`)
	_, out, errs := w.run("plans")
	for _, want := range []string{"db-pico  add-ons  ", "6 more\n", "1 more, limited to this server's cores (2)\n", "no\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("without %q: %s %s", want, out, errs)
		}
	}
}
