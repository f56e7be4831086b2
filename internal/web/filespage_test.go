package web

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

const filesPage = "/apps/mine/volumes/data/files"

// sendFile sends the form of the page as a browser does.
func (r *rig) sendFile(dir, name, text string) answer {
	r.t.Helper()
	body, kind := multipartForm(r.t.(*testing.T), name, text)
	return r.do(ask{method: post, path: filesPage + "?path=" + url.QueryEscape(dir), session: r.session, json: body, header: http.Header{"Content-Type": {kind}}})
}

func TestPages_FilesAreShownAddedDownloadedAndRemoved(t *testing.T) {
	r := newRig(t)
	dir := r.withVolume()
	page := func(query string) string {
		t.Helper()
		return r.do(ask{path: filesPage + query, session: r.session}).want(t, http.StatusOK).body
	}
	if got := page(""); !strings.Contains(got, "Nothing is in it.") || !strings.Contains(got, `enctype="multipart/form-data"`) {
		t.Errorf("an empty volume: %s", got)
	}
	to := r.sendFile("photos/2026", "cat & dog.jpg", "meow").want(t, http.StatusSeeOther).Header.Get("Location")
	if to != filesPage+"?done=file-saved&path=photos%2F2026" {
		t.Errorf("it leads to %s", to)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "photos/2026/cat & dog.jpg")); err != nil || string(text) != "meow" {
		t.Errorf("%q, %v", text, err)
	}
	got := page("?path=photos/2026")
	for _, want := range []string{
		`href="/apps/mine/volumes/data/files?path=photos"`, `href="/apps/mine/volumes/data/file?path=photos%2f2026%2fcat%20%26%20dog.jpg" download`, "cat &amp; dog.jpg", "4 bytes", `aria-current="page">2026`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %s:\n%s", want, got)
		}
	}
	file := r.do(ask{path: "/apps/mine/volumes/data/file?path=photos%2f2026%2fcat%20%26%20dog.jpg", session: r.session}).want(t, http.StatusOK)
	if file.body != "meow" || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%q, %v", file.body, file.Header)
	}
	r.sendFile("photos", "", "").want(t, http.StatusUnprocessableEntity)
	r.sendFile("photos", "2026", "x").want(t, http.StatusConflict)
	send := func(path string, form url.Values, status int) {
		t.Helper()
		r.do(ask{method: post, path: filesPage + "/remove?path=" + url.QueryEscape(path), session: r.session, form: form}).want(t, status)
	}
	all := url.Values{"all": {"true"}}
	send("photos", nil, http.StatusConflict)
	send("photos/2026/cat & dog.jpg", nil, http.StatusSeeOther)
	send("photos", all, http.StatusSeeOther)
	send("", all, http.StatusUnprocessableEntity)
	if got := page(""); !strings.Contains(got, "Nothing is in it.") {
		t.Errorf("after all is removed: %s", got)
	}
	r.do(ask{path: filesPage + "?path=none", session: r.session}).want(t, http.StatusNotFound)
	r.do(ask{path: "/apps/mine/volumes/none/files", session: r.session}).want(t, http.StatusNotFound)
}

func TestPages_FilesAreNotForViewers(t *testing.T) {
	r := newRig(t)
	r.withVolume()
	viewer := r.viewer()
	for _, path := range []string{filesPage, "/apps/mine/volumes/data/file?path=x"} {
		r.do(ask{path: path, session: viewer}).want(t, http.StatusForbidden)
	}
	if got := r.do(ask{path: "/apps/mine/volumes", session: viewer}).want(t, http.StatusOK).body; strings.Contains(got, "/files") {
		t.Error("a viewer is led to the files")
	}
	if got := r.do(ask{path: "/apps/mine/volumes", session: r.session}).want(t, http.StatusOK).body; !strings.Contains(got, `href="`+filesPage+`"`) {
		t.Error("nothing leads to the files")
	}
	r.apps.Addresses.SSHPort = 2222
	if got := r.do(ask{path: filesPage, session: r.session}).want(t, http.StatusOK).body; !strings.Contains(got, "sftp -P 2222 lugsail@") || !strings.Contains(got, ":/mine/data</pre>") {
		t.Error("the command of SFTP is not told")
	}
}

func TestPages_FilesInTheTrashAndWithEvilNames(t *testing.T) {
	r := newRig(t)
	dir := r.withVolume()
	must(t, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"\u202egnp.exe", "<script>alert(1)<", "a\nb", "\xff"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644))
	}
	must(t, os.Symlink("/etc", filepath.Join(dir, "etc")))
	got := r.do(ask{path: filesPage, session: r.session}).want(t, http.StatusOK).body
	for _, evil := range []string{"\u202e", "<script>alert", "a\nb"} {
		if strings.Contains(got, evil) {
			t.Errorf("the page has %q", evil)
		}
	}
	if file := r.do(ask{path: "/apps/mine/volumes/data/file?path=%ff", session: r.session}).want(t, http.StatusOK); file.body != "\xff" || !strings.Contains(got, "path=%ff") {
		t.Errorf("a name that is no text: %q", file.body)
	}
	r.do(ask{method: post, path: filesPage + "/remove?path=a%0ab", session: r.session, form: url.Values{}}).want(t, http.StatusSeeOther)
	r.do(ask{path: filesPage + "?path=etc", session: r.session}).want(t, http.StatusUnprocessableEntity)
	_, err := r.apps.RemoveVolume(t.Context(), r.owner, "mine", "data", "data", false)
	must(t, err)
	if got = r.do(ask{path: filesPage, session: r.session}).want(t, http.StatusOK).body; strings.Contains(got, "Add a file") || strings.Contains(got, ">Remove<") || !strings.Contains(got, "in the trash") {
		t.Errorf("in the trash: %s", got)
	}
	if r.sendFile("", "x", "x").want(t, http.StatusConflict); r.volume(t, "data").State != platform.VolumeTrashed {
		t.Error("it is out of the trash")
	}
}
