package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// keeper is a server with files in a volume, by path; a nil one is a directory.
type keeper struct {
	files map[string]*string
	odd   []volumeFile // what else the top tells of
	modes map[string]string
}

func (w *world) keeps(contents map[string]string) *keeper {
	w.t.Helper()
	k := &keeper{files: map[string]*string{"": nil}, modes: map[string]string{}}
	for name, text := range contents {
		k.save(name, text)
	}
	const at = "/api/v1/apps/shop/volumes/data/"
	w.mux.HandleFunc("GET "+at+"files", k.list)
	w.mux.HandleFunc("GET "+at+"file", func(rw http.ResponseWriter, r *http.Request) {
		text := k.files[strings.Trim(r.URL.Query().Get("path"), "/")]
		if text == nil {
			notThere(rw)
			return
		}
		_, _ = io.WriteString(rw, *text)
	})
	w.mux.HandleFunc("PUT "+at+"file", func(rw http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/octet-stream" {
			w.t.Errorf("sent as %q, %v", r.Header.Get("Content-Type"), err)
		}
		k.save(r.URL.Query().Get("path"), string(text))
		k.modes[r.URL.Query().Get("path")] = r.URL.Query().Get("mode")
		rw.WriteHeader(http.StatusNoContent)
	})
	return k
}

func notThere(rw http.ResponseWriter) {
	rw.Header().Set("Content-Type", "application/problem+json")
	rw.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(rw, `{"code":"file_not_found","message":"There is no such file.","hint":"Look."}`)
}

func (k *keeper) save(name, text string) {
	name = strings.Trim(name, "/")
	k.files[name] = &text
	for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
		k.files[dir] = nil
	}
}

// list gives two at a time.
func (k *keeper) list(rw http.ResponseWriter, r *http.Request) {
	dir := strings.Trim(filepath.Clean("/"+r.URL.Query().Get("path")), "/")
	if text, ok := k.files[dir]; !ok || text != nil {
		notThere(rw)
		return
	}
	var all []map[string]any
	for name, text := range k.files {
		if name == "" || strings.Trim(filepath.Dir("/"+name), "/") != dir {
			continue
		}
		one := map[string]any{"name": filepath.Base(name), "kind": "directory", "bytes": 0, "modified_at": time.Now()}
		if text != nil {
			one["kind"], one["bytes"] = "file", len(*text)
		}
		all = append(all, one)
	}
	if dir == "" {
		for _, f := range k.odd {
			all = append(all, map[string]any{"name": f.Name, "kind": f.Kind, "modified_at": time.Now()})
		}
	}
	slices.SortFunc(all, func(a, b map[string]any) int { return strings.Compare(a["name"].(string), b["name"].(string)) })
	at := 0
	for at < len(all) && all[at]["name"].(string) <= r.URL.Query().Get("cursor") {
		at++
	}
	answer := map[string]any{"files": all[at:min(at+2, len(all))], "next": nil}
	if at+2 < len(all) {
		answer["next"] = all[at+1]["name"]
	}
	_ = json.NewEncoder(rw).Encode(answer)
}

// has lists the files by path.
func (k *keeper) has() string {
	var all []string
	for name, text := range k.files {
		if text != nil {
			all = append(all, name+"="+*text)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// tree lists the files below a directory.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name) // it lies below
		all = append(all, rel+"="+string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestVolumes_ListsNamesThatSteerNothing(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	k := w.keeps(map[string]string{"a.txt": "hello", "dir/x": ""})
	k.odd = []volumeFile{{Name: "evil\x1b[2J\n\u202egnp", Kind: "file"}, {Name: "link", Kind: "link"}, {Name: "pipe", Kind: "other"}}
	code, out, errs := w.run("volumes", "ls", "data", "-a", "shop")
	if code != ExitOK || strings.ContainsAny(out, "\x1b\u202e") || strings.Count(out, "\n") != 6 {
		t.Errorf("%d %q %q", code, out, errs)
	}
	for _, line := range []string{"a.txt ", "dir/ ", "link ", "5 bytes", "no file"} {
		if !strings.Contains(out, line) {
			t.Errorf("without %q:\n%s", line, out)
		}
	}
	if code, out, _ = w.run("volumes", "ls", "data:dir", "-a", "shop", "--json"); code != ExitOK || !strings.Contains(out, `"x"`) {
		t.Errorf("a directory as cp takes it: %d, %s", code, out)
	}
	if code, out, _ = w.run("volumes", "ls", "data", "dir", "-a", "shop", "--json"); code != ExitOK || !strings.Contains(out, `"x"`) {
		t.Errorf("%d %q", code, out)
	}
	for _, args := range [][]string{{"volumes", "rm", "data", "-a", "shop"}, {"volumes", "cp", "data:x", "-", "-a", "shop"}} {
		if code, _, errs = w.run(args...); code != ExitUsage || !strings.Contains(errs, "For example") {
			t.Errorf("%q: %d, %s", args, code, errs)
		}
	}
	if code, _, errs = w.run("volumes", "ls", "data", "none", "-a", "shop"); code != ExitNotFound {
		t.Errorf("%d %q", code, errs)
	}
}

func TestVolumes_CopiesUp(t *testing.T) {
	contents := map[string]string{"a": "1", "sub/b": "2", "empty": "", "link": "-> a", "sub/out": "-> /etc/passwd"}
	for _, c := range []struct{ from, to, want string }{
		{"a", "data:", "a=1 there/x=0"},
		{"a", "data:there", "there/a=1 there/x=0"},
		{"a", "data:there/", "there/a=1 there/x=0"},
		{"a", "data:new", "new=1 there/x=0"},
		{"a", "data:new/", "new/a=1 there/x=0"},
		{"a", "data:there/x", "there/x=1"},
		{"empty", "data:e", "e= there/x=0"},
		{"link", "data:l", "l=1 there/x=0"},
		{"sub", "data:", "sub/b=2 there/x=0"},
		{"sub/.", "data:", "b=2 there/x=0"},
		{"sub", "data:new", "new/b=2 there/x=0"},
		{"sub", "data:there", "there/sub/b=2 there/x=0"},
		{".", "data:all", "all/a=1 all/empty= all/sub/b=2 there/x=0"},
	} {
		w := newWorld(t)
		w.signedIn()
		k := w.keeps(map[string]string{"there/x": "0"})
		t.Chdir(files(t, contents))
		code, out, errs := w.run("volumes", "cp", c.from, c.to, "-a", "shop")
		if code != ExitOK || k.has() != c.want || !strings.Contains(out, "Copied") {
			t.Errorf("%s to %s: %d %q %q\n%s\nwant %s", c.from, c.to, code, out, errs, k.has(), c.want)
		}
		if c.from == "." && !strings.Contains(errs, "Left out, as no files: link, sub/out") {
			t.Errorf("nothing is said of links: %q", errs)
		}
	}
}

func TestVolumes_CopiesUpWithTheRightsOfFiles(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	k := w.keeps(nil)
	dir := files(t, map[string]string{"all/tool": "1", "all/secret": "2"})
	for name, mode := range map[string]os.FileMode{"tool": 0o755 | os.ModeSetuid, "secret": 0o600} {
		if err := os.Chmod(filepath.Join(dir, "all", name), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	code, out, errs := w.run("volumes", "cp", "all/.", "data:", "-a", "shop")
	if code != ExitOK || k.modes["tool"] != "755" || k.modes["secret"] != "600" {
		t.Errorf("%d %q %q: %v", code, out, errs, k.modes)
	}
}

func TestVolumes_AFileWithoutRoomIsRefusedBeforeItIsWritten(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.keeps(map[string]string{"a": "1"})
	w.mux.HandleFunc("GET /api/v1/apps/shop/volumes/holes/files", func(rw http.ResponseWriter, _ *http.Request) { notThere(rw) })
	w.mux.HandleFunc("GET /api/v1/apps/shop/volumes/holes/file", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "9000000000000000")
		_, _ = io.WriteString(rw, "half")
	})
	dir := t.TempDir()
	t.Chdir(dir)
	code, out, errs := w.run("volumes", "cp", "holes:sub/large", "new", "-a", "shop")
	if code == ExitOK || !strings.Contains(errs, "this computer's disk has room for") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if got := tree(t, dir); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestVolumes_CopiesDown(t *testing.T) {
	contents := map[string]string{"a": "1", "d/b": "2", "d/e/c": "3", "d/f": "", "d/g": "5"}
	for _, c := range []struct{ from, to, want string }{
		{"data:a", ".", "a=1 there/x=0"},
		{"data:a", "new", "new=1 there/x=0"},
		{"data:d/e/c", "there", "there/c=3 there/x=0"},
		{"data:a", "new/sub/", "new/sub/a=1 there/x=0"},
		{"data:a", "there/x", "there/x=1"},
		{"data:d", ".", "d/b=2 d/e/c=3 d/f= d/g=5 there/x=0"},
		{"data:d/.", ".", "b=2 e/c=3 f= g=5 there/x=0"},
		{"data:d", "new", "new/b=2 new/e/c=3 new/f= new/g=5 there/x=0"},
		{"data:", "new", "new/a=1 new/d/b=2 new/d/e/c=3 new/d/f= new/d/g=5 there/x=0"},
		{"data:d/e", "there", "there/e/c=3 there/x=0"},
	} {
		w := newWorld(t)
		w.signedIn()
		w.keeps(contents)
		dir := files(t, map[string]string{"there/x": "0"})
		t.Chdir(dir)
		code, out, errs := w.run("volumes", "cp", c.from, c.to, "-a", "shop")
		if got := tree(t, dir); code != ExitOK || got != c.want {
			t.Errorf("%s to %s: %d %q %q\n%s\nwant %s", c.from, c.to, code, out, errs, got, c.want)
		}
	}
}

func TestVolumes_NamesOfStrangersStayInTheFolder(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	k := w.keeps(map[string]string{"good": "1", "outside/x": "evil"})
	for _, name := range []string{"../evil", "..", ".", "/etc/evil", "a/b", "", "\uFFFD"} {
		k.odd = append(k.odd, volumeFile{Name: name, Kind: "file"}, volumeFile{Name: name, Kind: "directory"})
	}
	dir := files(t, map[string]string{"kept": "0", "into/outside": "-> .."})
	t.Chdir(dir)
	code, out, errs := w.run("volumes", "cp", "data:/.", "into", "-a", "shop")
	if code != ExitConflict || !strings.Contains(errs, "Left out") { // the link that lies there leads out
		t.Errorf("%d %q %q", code, out, errs)
	}
	if err := os.Remove(filepath.Join(dir, "into/outside")); err != nil {
		t.Fatal(err)
	}
	code, out, errs = w.run("volumes", "cp", "data:/.", "into", "-a", "shop")
	if got := tree(t, dir); code != ExitOK || got != "into/good=1 into/outside/x=evil kept=0" {
		t.Errorf("%d %q %q: %s", code, out, errs, got)
	}
}

func TestVolumes_CopiesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.keeps(map[string]string{"a": "1"})
	w.mux.HandleFunc("GET /api/v1/apps/shop/volumes/broken/files", func(rw http.ResponseWriter, _ *http.Request) { notThere(rw) })
	w.mux.HandleFunc("GET /api/v1/apps/shop/volumes/broken/file", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(rw, "half")
	})
	dir := files(t, map[string]string{"here": "0", "nothing/": ""})
	t.Chdir(dir)
	for line, want := range map[string]int{
		"here other": ExitUsage, "data:a data:b": ExitUsage, "none data:": ExitUsage, "nothing data:": ExitFailed, "data:none .": ExitNotFound, "Data:a .": ExitUsage,
		"data:a here/x": ExitConflict, "broken:a .": ExitUnavailable,
	} {
		args := append([]string{"volumes", "cp"}, strings.Fields(line)...)
		if code, out, errs := w.run(append(args, "-a", "shop")...); code != want || !strings.Contains(errs, "→") {
			t.Errorf("%s: %d %q %q, want %d", line, code, out, errs, want)
		}
	}
	if got := tree(t, dir); got != "here=0" {
		t.Errorf("left: %s", got)
	}
}

func TestVolumes_RemovesFiles(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	w.mux.HandleFunc("DELETE /api/v1/apps/shop/volumes/data/file", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNoContent) })
	for _, args := range [][]string{{"a b&all=true"}, {"dir", "--all"}} {
		code, out, errs := w.run(append([]string{"volumes", "rm", "data", "-a", "shop"}, args...)...)
		if code != ExitOK || !strings.Contains(out, "Removed data:") {
			t.Errorf("%d %q %q", code, out, errs)
		}
	}
	if w.asked[0] != "DELETE /api/v1/apps/shop/volumes/data/file?path=a+b%26all%3Dtrue" || w.asked[1] != "DELETE /api/v1/apps/shop/volumes/data/file?path=dir&all=true" {
		t.Errorf("asked %q", w.asked)
	}
}

func TestVolumes_ManyFilesWaitWhenTheServerSaysSo(t *testing.T) {
	w := newWorld(t)
	w.signedIn()
	var got []string
	w.mux.HandleFunc("PUT /api/v1/apps/shop/volumes/busy/file", func(rw http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body) // a part is another text
		if got = append(got, string(text)); len(got) == 1 {
			rw.Header().Set("Retry-After", "1")
			rw.Header().Set("RateLimit-Remaining", "0")
			rw.WriteHeader(http.StatusTooManyRequests)
			return
		}
		rw.WriteHeader(http.StatusNoContent)
	})
	t.Chdir(files(t, map[string]string{"a": "hello"}))
	if code, out, errs := w.run("volumes", "cp", "a", "busy:", "-a", "shop"); code != ExitOK || strings.Join(got, " ") != "hello hello" {
		t.Errorf("%d %q %q: %q", code, out, errs, got)
	}
}
