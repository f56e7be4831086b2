package gitserver

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// request sends one raw request: the path goes out as it stands.
func (w *world) request(method, path, password, contentType string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.https.URL, strings.NewReader("0000"))
	if err != nil {
		w.t.Fatal(err)
	}
	r.URL.Opaque = "//" + r.URL.Host + path
	if password != "" {
		r.SetBasicAuth("anyone", password)
	}
	r.Header.Set("Content-Type", contentType)
	answer, err := w.https.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer, string(body)
}

func TestA21_KnowsThreeRoutesAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.push(w.checkout("shop"), "main")
	const get, post = http.MethodGet, http.MethodPost
	cases := []struct {
		method, path, contentType string
		status                    int
	}{
		{get, "/git/shop.git/info/refs?service=git-upload-pack", "", 200},
		{get, "/git/shop.git/info/refs?service=git-receive-pack", "", 200},
		{post, "/git/shop.git/git-receive-pack", "application/x-git-receive-pack-request", 200},
		{post, "/git/shop.git/git-upload-pack", "application/x-git-upload-pack-request", 200},

		{get, "/git/shop.git/info/refs", "", 404},
		{get, "/git/shop.git/info/refs?service=git-upload-archive", "", 404},
		{get, "/git/shop.git/info/refs?service=git-upload-pack&service=git-receive-pack", "", 404},
		{get, "/git/shop.git/info/refs?service=upload-pack", "", 404},
		{post, "/git/shop.git/info/refs?service=git-upload-pack", "", 404},
		{get, "/git/shop.git/git-receive-pack", "application/x-git-receive-pack-request", 404},
		{post, "/git/shop.git/git-receive-pack", "application/x-git-upload-pack-request", 404},
		{post, "/git/shop.git/git-receive-pack", "application/x-www-form-urlencoded", 404},
		{post, "/git/shop.git/git-upload-archive", "application/x-git-upload-archive-request", 404},
		{get, "/git/shop.git/HEAD", "", 404},
		{get, "/git/shop.git/config", "", 404},
		{get, "/git/shop.git/objects/info/packs", "", 404},
		{get, "/git/shop.git/", "", 404},
		{get, "/git/shop/info/refs?service=git-upload-pack", "", 404},
		{get, "/git/../git/shop.git/info/refs?service=git-upload-pack", "", 404},
		{get, "/git/x/..%2fshop.git/info/refs?service=git-upload-pack", "", 404},
		{get, "/git/..%2fgit%2flshop.git/info/refs?service=git-upload-pack", "", 404},
		{get, "/git/%2e%2e%252fshop.git/info/refs?service=git-upload-pack", "", 404},
		{get, "/git/shop.git%2finfo/refs?service=git-upload-pack", "", 404},
		{get, "//git/shop.git/info/refs?service=git-upload-pack", "", 404},
		{get, "/git//shop.git/info/refs?service=git-upload-pack", "", 404},
		{get, "/git/shop.git//info/refs?service=git-upload-pack", "", 404},
		{get, "/git/shop.git/.git/config", "", 404},
		{get, "/git/.hooks.git/info/refs?service=git-upload-pack", "", 404},
		{get, "/git/SHOP.git/info/refs?service=git-upload-pack", "", 404},
		{get, "/git/shop.git/info/refs%00?service=git-upload-pack", "", 404},
		{get, "/git/unknown.git/info/refs?service=git-upload-pack", "", 404},
	}
	for _, c := range cases {
		if answer, _ := w.request(c.method, c.path, "right", c.contentType); answer.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, answer.StatusCode, c.status)
		}
	}
}

func TestA21_AsksForTheTokenAndForTheRightToPush(t *testing.T) {
	w := newWorld(t)
	const fetch, push = "/git/shop.git/info/refs?service=git-upload-pack", "/git/shop.git/info/refs?service=git-receive-pack"
	for _, password := range []string{"", "wrong"} {
		answer, _ := w.request(http.MethodGet, fetch, password, "")
		if answer.StatusCode != 401 || !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("password %q: %d %v", password, answer.StatusCode, answer.Header)
		}
	}
	w.gate.read = true
	if answer, _ := w.request(http.MethodGet, fetch, "right", ""); answer.StatusCode != 200 {
		t.Errorf("reading: %d", answer.StatusCode)
	}
	for _, c := range [][2]string{
		{http.MethodGet, push},
		{http.MethodPost, "/git/shop.git/git-receive-pack"},
		{http.MethodPost, "/git/shop.git/git-receive-pack?service=git-upload-pack"}, // the path decides
	} {
		answer, body := w.request(c[0], c[1], "right", "application/x-git-receive-pack-request")
		if answer.StatusCode != 403 || !strings.Contains(body, "may only read") {
			t.Errorf("%s: %d %s", c[1], answer.StatusCode, body)
		}
	}
	w.gate.change("shop", func(app *platform.App) { app.State = platform.AppDestroying })
	if answer, _ := w.request(http.MethodGet, fetch, "right", ""); answer.StatusCode != 409 {
		t.Errorf("an app that goes: %d", answer.StatusCode)
	}
	if w.gate.from != "127.0.0.1" {
		t.Errorf("source %q", w.gate.from)
	}
}

func TestServeHTTP_GitShowsPeopleWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	dir := w.checkout("nowhere")
	out, err := w.try(dir, "push", "lugsail", "main")
	if err == nil {
		t.Error("pushed")
	}
	contains(t, out, "remote: There is no app nowhere.", "remote: Create it: lugsail create nowhere")
	w.git(dir, "remote", "set-url", "lugsail", strings.Replace(w.url("shop"), ":right@", ":wrong@", 1))
	out, err = w.try(dir, "push", "lugsail", "main")
	if err == nil {
		t.Error("pushed")
	}
	contains(t, out, "remote: This token is not known.", "Authentication failed")
}

func TestServeHTTP_ClonesAndFetchesInEveryProtocol(t *testing.T) {
	w := newWorld(t)
	var zipped atomic.Int64
	w.watch(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Encoding") == "gzip" {
			zipped.Add(1)
		}
		w.server.ServeHTTP(rw, r)
	})
	dir := w.checkout("shop")
	for i := range 40 { // wishes for so many commits are sent compressed
		w.commit(dir, "f", fmt.Sprint(i), "Work")
		w.git(dir, "tag", fmt.Sprint("t", i))
	}
	w.push(dir, "main", "--tags")
	for _, version := range []string{"0", "1", "2"} {
		other := filepath.Join(w.dir, "clone-"+version)
		w.git(w.dir, "-c", "protocol.version="+version, "clone", "-q", "-o", "lugsail", w.url("shop"), other)
		commit := w.commit(dir, "new", version, "News")
		w.push(dir, "main")
		w.git(other, "-c", "protocol.version="+version, "fetch", "-q", "lugsail")
		if have := w.git(other, "rev-parse", "lugsail/main"); have != commit {
			t.Errorf("version %s fetched %s, want %s", version, have, commit)
		}
	}
	if zipped.Load() == 0 {
		t.Error("no request was compressed: the test tests nothing")
	}
}

func TestClone_OfAnAppThatWasNeverPushed(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world) {
		contains(t, w.git(w.dir, "clone", w.url("shop"), filepath.Join(w.dir, "empty")), "empty repository")
	})
}

func TestServeHTTP_WorksOverHTTP2(t *testing.T) {
	w := newWorld(t)
	var versions sync.Map
	second := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		versions.Store(r.Proto, true)
		w.server.ServeHTTP(rw, r)
	}))
	second.EnableHTTP2 = true
	second.StartTLS()
	defer second.Close()
	dir := w.checkout("shop")
	w.git(dir, "remote", "set-url", "lugsail", strings.Replace(second.URL, "https://", "https://git:right@", 1)+"/git/shop.git")
	w.commit(dir, "noise", string(noise(5<<20)), "Noise")
	c := w.start(dir, "push", "lugsail", "main")
	j := w.deploy.job(t, 0)
	j.log("Building")
	c.waitFor("remote: Building")
	j.end(platform.DeploymentLive)
	c.ended(0)
	if _, ok := versions.Load("HTTP/2.0"); !ok {
		t.Log("this git has no HTTP/2; it went over HTTP/1.1")
	}
}

func TestServeHTTP_UnknownEncodingAndBadGzip(t *testing.T) {
	w := newWorld(t)
	for encoding, want := range map[string]int{"gzip": 400, "br": 400} {
		r := httptest.NewRequest(http.MethodPost, "/git/shop.git/git-upload-pack", strings.NewReader("0000"))
		r.SetBasicAuth("git", "right")
		r.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		r.Header.Set("Content-Encoding", encoding)
		r.ProtoMajor = 2 // a recorder cannot do full duplex
		rec := httptest.NewRecorder()
		w.server.ServeHTTP(rec, r)
		if rec.Code != want {
			t.Errorf("%s: %d, want %d", encoding, rec.Code, want)
		}
	}
}

func TestExport_GivesTheNewestCommitOfTheDeployBranch(t *testing.T) {
	w := newWorld(t)
	app := w.gate.apps["shop"]
	_, err := w.server.Export(t.Context(), app)
	if !platform.IsKind(err, platform.Conflict) {
		t.Errorf("an empty app: %v", err)
	}
	if tip, err := w.server.Tip(t.Context(), app); err != nil || tip != "" {
		t.Errorf("an empty app has the commit %q, %v", tip, err)
	}
	dir := w.checkout("shop")
	w.push(dir, "main")
	commit := w.commit(dir, "a", "a", "Second")
	w.push(dir, "main")
	src, err := w.server.Export(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	pushed := w.deploy.job(t, 1).src
	if src.Commit != commit || src.Title != "Second" || src.Branch != "main" || src.Digest != pushed.Digest || src.Dir == pushed.Dir {
		t.Errorf("%+v", src)
	}
	if tip, err := w.server.Tip(t.Context(), app); err != nil || tip != commit {
		t.Errorf("the newest commit is %q, %v", tip, err)
	}
}

func TestRemove_TakesTheRepositoryAway(t *testing.T) {
	w := newWorld(t)
	w.push(w.checkout("shop"), "main")
	for range 2 {
		if err := w.server.Remove(t.Context(), "lshop"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(w.repo("shop")); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
	if err := w.server.Remove(t.Context(), "../x"); err == nil {
		t.Error("an id with a path is accepted")
	}
	w.push(w.checkout("shop"), "main") // and it comes back on use
}

func TestPush_TheEndKnowsWhichConsoleWasAsked(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Console = func(r *http.Request) string { return " asked at " + r.Host } })
	c := w.start(w.checkout("shop"), "push", "lugsail", "main")
	w.deploy.job(t, 0).end(platform.DeploymentLive)
	contains(t, c.ended(0), "(v1) asked at 127.0.0.1:")
}

// Whatever path and query come, they are one of the three of an app's name, or nothing.
func FuzzRoute(f *testing.F) {
	for _, seed := range [][4]string{
		{"GET", "/git/shop.git/info/refs", "service=git-upload-pack", ""},
		{"POST", "/git/shop.git/git-receive-pack", "service=git-upload-pack", "application/x-git-receive-pack-request"},
		{"GET", "/git/..%2fshop.git/info/refs", "service=git-receive-pack&service=x", ""},
		{"POST", "/git/shop.git//git-upload-pack", "", "application/x-git-upload-pack-request"},
		{"GET", "/git/shop.git/config", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, method, path, query, kind string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return // net/http answers that
		}
		u.RawQuery = query
		c, ok := route(&http.Request{Method: method, URL: u, Header: http.Header{"Content-Type": {kind}}})
		if !ok {
			return
		}
		if c.service != uploadPack && c.service != receivePack || c.name == "" || strings.Trim(c.name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Fatalf("%s %s?%s means %s of %q", method, path, query, c.service, c.name)
		}
		want := "/git/" + c.name + ".git/" + c.service
		if c.refs {
			want = "/git/" + c.name + ".git/info/refs"
		}
		if got, _, _ := strings.Cut(path, "?"); got != want || c.refs != (method == http.MethodGet) {
			t.Fatalf("%s %s?%s is taken for %s", method, path, query, want)
		}
	})
}
