package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/command"
)

// files makes a folder; a content that begins with "-> " is a link, a name with a slash at its end a folder.
func files(t testing.TB, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range contents {
		at := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		to, link := strings.CutPrefix(content, "-> ")
		switch {
		case strings.HasSuffix(name, "/"):
			err = errors.Join(err, os.MkdirAll(at, 0o755))
		case link:
			err = errors.Join(err, os.Symlink(to, at))
		default:
			err = errors.Join(err, os.WriteFile(at, []byte(content), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// packed gives the names that would be sent of a folder, with contents.
func packed(t testing.TB, dir string) map[string]string {
	t.Helper()
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var b bytes.Buffer
	if err := f.pack(&b, func(int) {}); err != nil {
		t.Fatal(err)
	}
	return untar(t, b.Bytes())
}

func untar(t testing.TB, b []byte) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeSymlink {
			content = []byte("-> " + h.Linkname)
		}
		name, ok := strings.CutPrefix(h.Name, inside+"/")
		if !ok || h.Uid != 0 || h.Uname != "" {
			t.Errorf("%s is not below %s, or tells who packed it", h.Name, inside)
		}
		if h.Typeflag != tar.TypeDir {
			got[name] = string(content)
		}
	}
}

func TestFolder_SendsWhatIsThereAndNeverGitOrModules(t *testing.T) {
	got := packed(t, files(t, map[string]string{
		"index.html": "hello", ".env.example": "A=", "bin/start": "#!/bin/sh", "link": "-> bin/start", "broken": "-> bin/none",
		".git/config": "secret", "sub/.git/HEAD": "x", "node_modules/a/index.js": "x", "web/node_modules/b.js": "x", ".DS_Store": "x",
		".gitignore": "!node_modules\n*.log\n", "a.log": "x", "Ünï ©ode.txt": "x",
	}))
	want := []string{".env.example", ".gitignore", "bin/start", "broken", "index.html", "link", "Ünï ©ode.txt"}
	if names := sorted(got); !slices.Equal(names, want) {
		t.Errorf("sent %q, want %q", names, want)
	}
	if got["link"] != "-> bin/start" || got["index.html"] != "hello" {
		t.Errorf("sent %v", got)
	}
}

func sorted(m map[string]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestFolder_LugsailignoreHasTheLastWord(t *testing.T) {
	got := packed(t, files(t, map[string]string{
		".gitignore": "dist/\n*.txt\n", ".lugsailignore": "!dist/\nvideos\n!b.txt\n",
		"dist/app.js": "x", "videos/big.mp4": "x", "a.txt": "x", "b.txt": "x", "src/.lugsailignore": "c.go", "src/c.go": "x", "src/d.go": "x",
	}))
	want := []string{".gitignore", ".lugsailignore", "b.txt", "dist/app.js", "src/.lugsailignore", "src/d.go"}
	if names := sorted(got); !slices.Equal(names, want) {
		t.Errorf("sent %q, want %q", names, want)
	}
}

// gitSends asks git itself what it would take of a folder.
func gitSends(t testing.TB, dir, from string) []string {
	t.Helper()
	run := func(args ...string) string {
		out, err := command.Command{Name: "git", Args: args, Dir: dir, Env: append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")}.Output(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	run("init", "--quiet")
	var names []string
	for name := range strings.SplitSeq(run("-C", filepath.Join(dir, from), "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestFolder_ReadsGitignoreAsGitDoes(t *testing.T) {
	for _, rules := range []string{
		"*.log", "/a.log", "build", "build/", "/build/", "a/b", "a/*", "a/**", "**/b", "a/**/c", "*\n!*.js\n!*/", "# comment\n\\#file", "\\!bang",
		"sp ace", "trail   ", "trail\\ ", "[ab].js", "[!a].js", "[^a].js", "?.js", "a?c", "*/x.js", "!a.log", "*.js\n!a.js", "build/*\n!build/keep", "build\n!build/keep",
		"\r\n*.log\r\n", "\ufeff*.log", "/*\n!/a", "a/", "**", "x.js/", "foo*bar", "*.*", "[]a].js", "[a-c].js", "[[:alpha:]].js", "a[/]b", "a[!x]b", "*[", "x\\", "a\\*b", "dir/**/*.js", "/", "", "!", "a//b",
	} {
		contents := map[string]string{".gitignore": rules}
		for _, name := range []string{
			"a.log", "b.log", "a/a.log", "build/x", "build/keep", "src/build/y", "a/b", "a/c/b", "a/x/y/c", "b/c", "#file", "!bang", "sp ace", "trail", "trail ",
			"a.js", "b.js", "c.js", "x.js", "d/x.js", "abc", "foo1bar", "a*b", "dir/p/q.js", "dir/q.js", "dir/sub/.gitignore", "dir/sub/z.js",
		} {
			contents[name] = "x"
		}
		contents["dir/sub/.gitignore"] = "z.*\n!a.log\n"
		dir := files(t, contents)
		want := gitSends(t, dir, ".")
		if len(want) == 0 {
			if _, err := openFolder(dir); err == nil || !strings.Contains(err.Error(), "nothing to send") {
				t.Errorf("%q: %v, but git takes nothing", rules, err)
			}
			continue
		}
		if got := sorted(packed(t, dir)); !slices.Equal(got, want) {
			t.Errorf("%q: sent %q\ngit: %q", rules, got, want)
		}
	}
}

func TestFolder_InsideARepositoryTheRulesAboveHold(t *testing.T) {
	dir := files(t, map[string]string{
		".gitignore": "*.log\n/web/dist\n", ".lugsailignore": "secret.txt", "web/.gitignore": "tmp", "web/a.log": "x", "web/dist/x": "x", "web/tmp/x": "x",
		"web/secret.txt": "x", "web/index.html": "x", "web/sub/dist": "x",
	})
	want := slices.DeleteFunc(gitSends(t, dir, "web"), func(name string) bool { return name == "secret.txt" })
	if got := sorted(packed(t, filepath.Join(dir, "web"))); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestA27_FolderWithALinkOutsideIsRefusedByName(t *testing.T) {
	for _, to := range []string{"/etc/passwd", "../../etc/passwd", "in/.."} {
		dir := files(t, map[string]string{"a": "x", "in": "-> .", "evil": "-> " + to})
		if to == "in/.." {
			dir = files(t, map[string]string{"a": "x", "d/e": "x", "in": "-> d", "evil": "-> in/../../x"})
		}
		if _, err := openFolder(dir); err == nil || !strings.Contains(err.Error(), "evil") {
			t.Errorf("link to %s: %v", to, err)
		}
	}
}

func TestDeploy_OfAFolderSendsItAndShowsTheBuild(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	var got map[string]string
	w.mux.HandleFunc("POST /api/v1/apps/shop/uploads", func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = untar(t, body)
		if r.URL.Query().Get("name") != "my folder" || r.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("asked %s %s", r.URL, r.Header.Get("Content-Type"))
		}
		rw.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(rw, `{"deployment":{"number":7}}`)
	})
	ends := `{"number":7,"state":"live","release":3,"started_at":"2026-01-01T00:00:00Z","ended_at":"2026-01-01T00:00:02Z"}`
	w.mux.HandleFunc("GET /api/v1/apps/shop/deployments/7/events", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(rw, "event: log\ndata: {\"line\":\"2026-01-01T00:00:00Z Building\"}\n\nevent: done\ndata: %s\n\n", ends)
	})
	w.says("GET /api/v1/apps/shop", 200, `{"app":{"name":"shop","url":"https://shop.example.test","scale":{"web":1}}}`)
	dir := filepath.Join(files(t, map[string]string{"my folder/index.html": "hello"}), "my folder")
	code, out, errs := w.run("deploy", dir, "--app", "shop")
	if code != 0 || errs != "" || got["index.html"] != "hello" {
		t.Fatalf("%d %q %q, sent %v", code, out, errs, got)
	}
	for _, want := range []string{"Sending 1 file of my folder (5 bytes) to shop\n", "Sent in ", "Building\n", "v3 is live at https://shop.example.test (2.0 s)"} {
		if !strings.Contains(out, want) {
			t.Errorf("said %q, want %q", out, want)
		}
	}
	if strings.Contains(out, "\x1b") || strings.Contains(out, "\r") {
		t.Errorf("%q is for a terminal", out)
	}
	ends = `{"number":7,"state":"failed","failure":{"code":"build_failed","message":"The build failed.","hint":"Look."}}`
	if code, _, errs := w.run("deploy", dir, "--app", "shop"); code != ExitFailed || !strings.Contains(errs, "The build failed.") {
		t.Errorf("a failed one: %d %q", code, errs)
	}
}

func TestDeploy_OfAnArchiveSendsItAsItIs(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("POST /api/v1/apps/shop/uploads", 202, `{"deployment":{"number":7}}`)
	file := filepath.Join(files(t, map[string]string{"app.zip": "PK"}), "app.zip")
	code, out, errs := w.run("deploy", file, "--app", "shop", "--detach")
	if code != 0 || w.asked[0] != "POST /api/v1/apps/shop/uploads?name=app.zip PK" {
		t.Errorf("%d %q %q, asked %q", code, out, errs, w.asked)
	}
	if code, _, errs := w.run("deploy", "./none.zip", "--app", "shop"); code != ExitUsage || !strings.Contains(errs, "lugsail deploy .") {
		t.Errorf("a file that is not there: %d %q", code, errs)
	}
	empty := t.TempDir()
	if code, _, errs := w.run("deploy", empty, "--app", "shop"); code == 0 || !strings.Contains(errs, "nothing to send") {
		t.Errorf("an empty folder: %d %q", code, errs)
	}
}

func TestDeploy_TellsWhyAnUploadWasRefused(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("POST /api/v1/apps/shop/uploads", 507, `{"code":"disk_low","message":"The server has 1.0 GB of disk left.","hint":"Remove apps."}`)
	dir := files(t, map[string]string{"a": "x"})
	if code, _, errs := w.run("deploy", dir, "--app", "shop"); code != ExitConflict || !strings.Contains(errs, "1.0 GB") || !strings.Contains(errs, "Remove apps.") {
		t.Errorf("%d %q", code, errs)
	}
}

func TestDeploy_WithoutAFolderIsThePushAndSaysWhenThatIsOld(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments":[{"number":3,"state":"failed","origin":"git"},{"number":2,"state":"live","origin":"upload","cause":"upload of shop"},{"number":1,"state":"live","origin":"git"}]}`)
	w.says("POST /api/v1/apps/shop/deployments", 202, `{"deployment":{"number":4}}`)
	if code, _, errs := w.run("deploy", "--app", "shop", "-d"); code != 0 {
		t.Errorf("the push came last: %d %q", code, errs)
	}
	old := newWorld(t)
	old.signedIn()
	old.says("GET /api/v1/apps/shop/deployments", 200, `{"deployments":[{"number":2,"state":"live","origin":"upload","cause":"upload of shop"},{"number":1,"state":"live","origin":"git"}]}`)
	old.says("POST /api/v1/apps/shop/deployments", 202, `{"deployment":{"number":4}}`)
	if code, _, errs := old.run("deploy", "--app", "shop", "-d"); code != ExitConflict || !strings.Contains(errs, "upload of shop") || !strings.Contains(errs, "lugsail deploy .") {
		t.Errorf("an upload came last: %d %q", code, errs)
	}
	if code, _, errs := old.run("deploy", "--app", "shop", "-d", "--pushed"); code != 0 {
		t.Errorf("with --pushed: %d %q", code, errs)
	}
}

// FuzzIgnored holds that no rule of a stranger's folder makes the program fail, or sends .git.
func FuzzIgnored(f *testing.F) {
	for _, seed := range []string{"*.log\n!a", "[", "\\", "**/**", "a\\ \n[!]", "!.git\n!node_modules"} {
		f.Add(seed, "a/b.log")
	}
	f.Fuzz(func(t *testing.T, rules, name string) {
		if !fs.ValidPath(name) || name == "." {
			return
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := newIgnored(dir)
		if err == nil {
			err = i.enter(dir, nil)
		}
		if err != nil {
			return // a line too long, told by name
		}
		i.match(name, false)
		if !i.match("x/.git", true) || !i.match("node_modules", true) {
			t.Error(".git would be sent")
		}
	})
}
