package static

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lugsail/lugsail/internal/buildpack"
)

func site(extra map[string]string) *Server {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"index.html": "<h1>home</h1>", "about.html": "about", "docs/index.html": "docs", ".env": "SECRET", ".well-known/x.txt": "well",
		"assets/app-BX3k9a1Z.js": strings.Repeat("let a = 1;\n", 500), "style.css": "body{}", "data.bin": "\x00\x01", "empty/x.txt": "x",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for name, text := range extra {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return NewServer(files)
}

func ask(s *Server, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestServer_FindsFilesByCleanPaths(t *testing.T) {
	s := site(map[string]string{"404.html": "lost", "my docs%/index.html": "mine"})
	cases := []struct {
		path, text, location string
		status               int
	}{
		{"/", "home", "", 200},
		{"/index.html", "home", "", 200},
		{"/about", "about", "", 200},
		{"/about.html", "about", "", 200},
		{"/docs", "", "/docs/", 301},
		{"/docs?a=b", "", "/docs/?a=b", 301},
		{"/docs/", "docs", "", 200},
		{"/docs/index.html", "docs", "", 200},
		{"/missing", "lost", "", 404},
		{"/empty/", "lost", "", 404},
		{"/.env", "lost", "", 404},
		{"/docs/../.env", "lost", "", 404},
		{"/.well-known/x.txt", "well", "", 200},
		{"/../../etc/passwd", "lost", "", 404},
		{"//docs", "", "/docs/", 301},
		{"/my docs%", "", "/my%20docs%25/", 301},
		{"/a/../docs", "", "/docs/", 301},
	}
	for _, c := range cases {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(c.path, "?")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		got := w.Result()
		if got.StatusCode != c.status || got.Header.Get("Location") != c.location || (c.text != "" && !strings.Contains(w.Body.String(), c.text)) {
			t.Errorf("%s answers %d %q to %q", c.path, got.StatusCode, w.Body.String(), got.Header.Get("Location"))
		}
	}
}

func TestServer_AppInOnePageGetsItsIndexForPagesOnly(t *testing.T) {
	s := site(nil)
	if r := ask(s, "GET", "/users/1", "Accept", "text/html,*/*"); r.StatusCode != 200 || !strings.Contains(body(t, r), "home") {
		t.Error("a page of the app is not found")
	}
	for _, path := range []string{"/missing.js", "/.env", "/.git/config"} {
		if r := ask(s, "GET", path, "Accept", "text/html"); r.StatusCode != 404 {
			t.Errorf("%s answers %d", path, r.StatusCode)
		}
	}
	if r := ask(s, "GET", "/api/x", "Accept", "application/json"); r.StatusCode != 404 {
		t.Errorf("a program gets %d", r.StatusCode)
	}
}

func TestServer_TagsAreOfContents(t *testing.T) {
	one, two := ask(site(nil), "GET", "/style.css"), ask(site(map[string]string{"style.css": "main{}"}), "GET", "/style.css")
	tag := one.Header.Get("ETag")
	if tag == "" || tag == two.Header.Get("ETag") {
		t.Errorf("tags are %s and %s", tag, two.Header.Get("ETag"))
	}
	if one.Header.Get("Last-Modified") != "" {
		t.Error("it has a date, which all images share")
	}
	if r := ask(site(nil), "GET", "/style.css", "If-None-Match", tag); r.StatusCode != http.StatusNotModified {
		t.Errorf("status %d", r.StatusCode)
	}
	if c := one.Header.Get("Cache-Control"); c != "no-cache" {
		t.Errorf("cache control %q", c)
	}
	if c := ask(site(nil), "GET", "/assets/app-BX3k9a1Z.js").Header.Get("Cache-Control"); !strings.Contains(c, "immutable") {
		t.Errorf("cache control of a fingerprinted file %q", c)
	}
}

func TestServer_CompressesText(t *testing.T) {
	s := site(nil)
	r := ask(s, "GET", "/assets/app-BX3k9a1Z.js", "Accept-Encoding", "gzip, br")
	if r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Vary") != "Accept-Encoding" || !strings.Contains(r.Header.Get("Content-Type"), "javascript") {
		t.Fatalf("headers %v", r.Header)
	}
	unzip, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(unzip); err != nil || len(text) != 5500 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	plain := ask(s, "GET", "/assets/app-BX3k9a1Z.js")
	if plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("ETag") == r.Header.Get("ETag") {
		t.Error("without compression it is the same")
	}
	if ask(s, "GET", "/data.bin", "Accept-Encoding", "gzip").Header.Get("Content-Encoding") != "" {
		t.Error("a binary file is compressed")
	}
	if part := ask(s, "GET", "/style.css", "Range", "bytes=0-3"); part.StatusCode != 206 || body(t, part) != "body" {
		t.Error("a range is not served")
	}
}

func TestServer_OnlyReads(t *testing.T) {
	if r := ask(site(nil), "POST", "/"); r.StatusCode != 405 {
		t.Errorf("status %d", r.StatusCode)
	}
	if r := ask(site(nil), "HEAD", "/"); r.StatusCode != 200 || body(t, r) != "" {
		t.Error("HEAD has a body")
	}
}

func TestDetect(t *testing.T) {
	for file, want := range map[string]bool{"index.html": true, "public/index.html": true, "_site/index.html": true, "other/index.html": false, "index.htm": false} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		tree, err := buildpack.OpenTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		if detect(tree) != want {
			t.Errorf("%s: detected %t", file, !want)
		}
	}
}
