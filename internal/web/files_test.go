package web

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lugsail/lugsail/internal/files"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
)

const (
	filesPath = volumesPath + "/data/files?path="
	filePath  = volumesPath + "/data/file?path="
)

// files are those of volumes in a directory of the test.
func (r *rig) files() files.Files {
	return files.Files{Directory: func(id string) string { return filepath.Join(r.dir, "volumes", id) }}
}

// withVolume makes an app with a volume, and gives the directory of that; it is not there yet.
func (r *rig) withVolume() (dir string) {
	r.t.Helper()
	r.serving("mine")
	_, _, err := r.apps.CreateVolume(r.t.Context(), r.owner, "mine", "data", app.VolumeRequest{Path: "/data", Shared: true})
	must(r.t, err)
	all, err := r.store.VolumesOf(r.t.Context(), "")
	must(r.t, err)
	return filepath.Join(r.dir, "volumes", all[0].ID)
}

func (r *rig) put(token, path, text string) answer {
	r.t.Helper()
	return r.do(ask{method: put, path: filePath + url.QueryEscape(path), token: token, json: text, header: http.Header{"Content-Type": {"application/octet-stream"}}})
}

func TestAPI_FilesAreListedReadSavedAndRemoved(t *testing.T) {
	r := newRig(t)
	dir := r.withVolume()
	token := r.token("", platform.ScopeAdmin)
	if got := r.do(ask{path: filesPath, token: token}).want(t, 200); !strings.Contains(got.body, `"files":[]`) {
		t.Errorf("an empty one: %s", got.body)
	}
	r.put(token, "sub/hello.txt", "hello").want(t, 204)
	r.put(token, "sub/empty", "").want(t, 204)
	r.put(token, "/typed/../sub/./odd.txt", "x").want(t, 204)
	got := r.do(ask{path: filePath + "/sub/hello.txt", token: token}).want(t, 200)
	for name, want := range map[string]string{
		"Content-Type": "application/octet-stream", "Content-Length": "5", "Content-Disposition": "attachment; filename=hello.txt", "X-Content-Type-Options": "nosniff",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}
	if got.body != "hello" {
		t.Errorf("got %q", got.body)
	}
	list := r.do(ask{path: filesPath + "sub", token: token}).want(t, 200)
	if !strings.Contains(list.body, `"name":"hello.txt","kind":"file","bytes":5`) {
		t.Errorf("the list: %s", list.body)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "sub/hello.txt")); err != nil || string(text) != "hello" {
		t.Errorf("%q, %v", text, err)
	}
	events := r.do(ask{path: "/api/v1/apps/mine/events", token: token}).body
	for _, text := range []string{"volume.file-saved", `"sub/hello.txt in the volume data`, `"sub/odd.txt in the volume data`} {
		if !strings.Contains(events, text) {
			t.Errorf("no event %s: %s", text, events)
		}
	}
	r.do(ask{method: put, path: filePath + "tool&mode=755", token: token, json: "x", header: http.Header{"Content-Type": {"application/octet-stream"}}}).want(t, 204)
	if info, err := os.Stat(filepath.Join(dir, "tool")); err != nil || info.Mode() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	r.do(ask{method: remove, path: filePath + "sub", token: token}).want(t, 409)
	r.do(ask{method: remove, path: filePath + "sub&all=true", token: token}).want(t, 204)
	r.do(ask{method: remove, path: filePath + "sub&all=true", token: token}).want(t, 404)
}

func TestAPI_FilesComeInPages(t *testing.T) {
	r := newRig(t)
	r.withVolume()
	token := r.token("", platform.ScopeAdmin)
	for _, name := range []string{"d/x", "a", "b", "c", "\xff\xfe", strings.Repeat("n", 255)} {
		r.put(token, name, "x").want(t, 204)
	}
	whole := r.pages(volumesPath+"/data/files", "files", "name", 200)
	if len(whole) != 6 || whole[0] != "d" {
		t.Errorf("the whole list: %q", whole)
	}
	for _, limit := range []int{1, 2, 5, 6, 7} {
		if got := r.pages(volumesPath+"/data/files", "files", "name", limit); strings.Join(got, "/") != strings.Join(whole, "/") {
			t.Errorf("by %d: %q", limit, got)
		}
	}
}

func TestAPI_FilesThatAreRefused(t *testing.T) {
	r := newRig(t)
	dir := r.withVolume()
	token := r.token("", platform.ScopeAdmin)
	must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link")))
	must(t, os.Symlink("/etc", filepath.Join(dir, "etc")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666))
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{get, filePath + "none", 404, "file_not_found"},
		{get, filePath, 422, "file_path_invalid"},
		{get, filePath + "%00", 422, "file_path_invalid"},
		{get, filePath + strings.Repeat("a/", 3000), 422, "file_path_invalid"},
		{get, filePath + "sub", 409, "file_not_regular"},
		{get, filePath + "pipe", 409, "file_not_regular"},
		{get, filePath + "link", 409, "file_not_regular"},
		{get, filePath + "etc/passwd", 422, "file_path_invalid"},
		{get, filePath + "../../../etc2/passwd", 404, "file_not_found"},
		{get, filesPath + "etc", 422, "file_path_invalid"},
		{get, filesPath + "pipe", 404, "file_not_found"},
		{get, filesPath + "&cursor=!", 422, "query_invalid"},
		{remove, filePath + "etc/passwd", 422, "file_path_invalid"},
		{remove, filePath + "&all=true", 422, "file_path_invalid"},
		{get, strings.Replace(filePath, "data", "other", 1) + "x", 404, "volume_not_found"},
		{remove, strings.Replace(filePath, "data", "other", 1) + "x", 404, "volume_not_found"},
	} {
		if got := r.do(ask{method: c.method, path: c.path, token: token}).want(t, c.status); got.code() != c.code {
			t.Errorf("%s %.60s: %s", c.method, c.path, got.body)
		}
	}
	for path, code := range map[string]string{"sub": "file_not_regular", "link": "file_not_regular", "pipe": "file_not_regular"} {
		if got := r.put(token, path, "x").want(t, 409); got.code() != code {
			t.Errorf("saving %s: %s", path, got.body)
		}
	}
	r.put(token, "etc/evil", "x").want(t, 422)
	for _, mode := range []string{"0", "4755", "rwx", "-1", "999", "0o755"} {
		got := r.do(ask{method: put, path: filePath + "x&mode=" + mode, token: token, json: "x", header: http.Header{"Content-Type": {"application/octet-stream"}}}).want(t, 422)
		if got.code() != "file_mode_invalid" {
			t.Errorf("the mode %s: %s", mode, got.body)
		}
	}
	if got := r.do(ask{method: put, path: filePath + "x", token: token, json: "{}"}).want(t, 415); got.code() != "not_binary" {
		t.Errorf("JSON as a file: %s", got.body)
	}
	for name, c := range map[string]struct {
		value, code string
		status      int
	}{"Content-Range": {"bytes 5-9/10", "file_in_parts", 400}, "Content-Encoding": {"gzip", "file_encoded", 415}} {
		header := http.Header{"Content-Type": {"application/octet-stream"}, name: {c.value}}
		got := r.do(ask{method: put, path: filePath + "part", token: token, json: "x", header: header}).want(t, c.status)
		if got.code() != c.code {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "part")); !os.IsNotExist(err) {
		t.Errorf("a part was saved: %v", err)
	}
	foreign := http.Header{"Content-Type": {"application/octet-stream"}, "Origin": {"https://evil.example"}}
	r.do(ask{method: put, path: filePath + "x", session: r.session, json: "x", header: foreign}).want(t, 403)
}

func TestAPI_FilesInTheTrashAreReadOnly(t *testing.T) {
	r := newRig(t)
	r.withVolume()
	token := r.token("", platform.ScopeAdmin)
	r.put(token, "a", "hello").want(t, 204)
	r.do(ask{method: remove, path: volumesPath + "/data", token: token, json: `{"confirm":"data"}`}).want(t, 202)
	if got := r.do(ask{path: filePath + "a", token: token}).want(t, 200); got.body != "hello" {
		t.Errorf("got %q", got.body)
	}
	for _, got := range []answer{r.put(token, "a", "x"), r.do(ask{method: remove, path: filePath + "a", token: token})} {
		if got.want(t, 409).code() != "volume_trashed" {
			t.Errorf("got %s", got.body)
		}
	}
}

func TestAPI_NamesOfFilesSteerNothing(t *testing.T) {
	r := newRig(t)
	r.withVolume()
	token := r.token("", platform.ScopeAdmin)
	name := "a\r\nSet-Cookie: x=1\r\n\r\n\x1b[31m\u202e<script>\"ä.html"
	r.put(token, name, "<script>alert(1)</script>").want(t, 204)
	got := r.do(ask{path: filePath + url.QueryEscape(name), token: token}).want(t, 200)
	if got.Header.Get("Set-Cookie") != "" || !strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment; filename") || strings.ContainsAny(got.Header.Get("Content-Disposition"), "\r\n\x1b") {
		t.Errorf("the header: %q", got.Header)
	}
	events := r.do(ask{path: "/api/v1/apps/mine/events", token: token}).body
	for _, evil := range []string{`\r`, `\u001b`, "\u202e"} {
		if strings.Contains(events, evil) {
			t.Errorf("an event has %s: %s", evil, events)
		}
	}
}

func TestAPI_LargeFilesAreStreamedAndCutOnesLeaveNothing(t *testing.T) {
	r := newRig(t)
	dir := r.withVolume()
	token := r.token("", platform.ScopeAdmin)
	client := r.listen()
	send := func(body io.Reader, size int64) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), put, "http://"+testHost+filePath+"large", body)
		must(t, err)
		req.ContentLength = size
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set("Authorization", "Bearer "+token)
		return client.Do(req)
	}
	large := bytes.Repeat([]byte("lugsail!"), 3<<20)
	res, err := send(bytes.NewReader(large), -1)
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != 204 {
		t.Fatalf("saved: %s", res.Status)
	}
	if res, err := send(io.MultiReader(strings.NewReader("half"), brokenBody{}), 1000); err == nil {
		must(t, res.Body.Close())
	}
	r.poll(func() bool {
		left, err := os.ReadDir(dir)
		return err == nil && len(left) == 1
	})
	req, err := http.NewRequestWithContext(t.Context(), get, "http://"+testHost+filePath+"large", nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err = client.Do(req)
	must(t, err)
	text, err := io.ReadAll(res.Body)
	must(t, res.Body.Close())
	if err != nil || !bytes.Equal(text, large) {
		t.Errorf("%d bytes of %d came back, %v", len(text), len(large), err)
	}
}

// brokenBody is a sender whose line breaks.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }
