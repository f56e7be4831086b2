package web

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/docker"
	"github.com/lugsail/lugsail/platform"
)

// images knows names; no engine is asked.
func (r *rig) images() *docker.Images {
	r.t.Helper()
	e, err := docker.New(docker.Config{Instance: "test"})
	must(r.t, err)
	r.t.Cleanup(func() { must(r.t, e.Close()) })
	return e.Images(docker.ImagesConfig{RegistryPort: 5005})
}

// hostileReferences are no names of images.
var hostileReferences = []string{"x;id", "--privileged", "-v", "x\nENV A=b", "$(id)", "../../etc/passwd", "http://127.0.0.1/x", "a b", "x\u0000y", "-v/:/host x", "127.0.0.1:5005/apps/other", "lugsail-images/other:new-1"}

func TestA04_ImageThatIsNoNameIsRefusedAtEveryDoor(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	token, before := r.token(mine.ID, platform.ScopeDeploy), r.newest("mine")
	for _, ref := range hostileReferences {
		body, err := jsonOf(map[string]string{"image": ref})
		must(t, err)
		for _, who := range []ask{{token: token}, {session: r.session}} {
			who.method, who.path, who.json = post, "/api/v1/apps/mine/images", body
			got := r.do(who).want(t, http.StatusUnprocessableEntity)
			if c := got.code(); c != "image_invalid" && c != "image_reserved" {
				t.Errorf("%q: %s", ref, got.body)
			}
		}
		page := r.do(ask{method: post, path: "/apps/mine/image", session: r.session, form: url.Values{"image": {ref}}}).want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(page.body, `role="alert"`) {
			t.Errorf("%q: the page does not say what is wrong", ref)
		}
	}
	if now := r.newest("mine"); now.Number != before.Number {
		t.Errorf("deployment %d was recorded", now.Number)
	}
}

func TestA39_ImagesOfTheServerAreForItsOwner(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	r.apps.Reachable = func(_ context.Context, host string, _ int) error {
		if host == "docker.io" {
			return nil
		}
		return platform.Errorf(platform.Forbidden, "address_refused", "%s is not on the public internet.", host)
	}
	id := strings.Repeat("a", 64)
	deploy, developer := ask{token: r.token(mine.ID, platform.ScopeDeploy)}, ask{session: r.signedIn("dev@example.test", platform.RoleDeveloper)}
	for _, who := range []ask{deploy, developer} {
		who.method, who.path = post, "/api/v1/apps/mine/images"
		for _, ref := range []string{id, "sha256:" + id, "localhost:5000/x", "169.254.169.254/x/y", "10.0.0.7:5000/x"} {
			who.json = `{"image":"` + ref + `"}`
			r.undescribed = true // the refusal is this test's own
			r.do(who).want(t, http.StatusForbidden)
			r.undescribed = false
		}
		who.json = `{"image":"nginx:1"}`
		r.do(who).want(t, http.StatusAccepted)
		if d := r.newest("mine"); d.Source.Image != "docker.io/library/nginx:1" || d.Source.Here || d.Cause != "image nginx:1" || d.Source.Origin() != platform.OriginImage {
			t.Errorf("recorded as %+v", d)
		}
	}
	for _, ref := range []string{"sha256:" + id, "localhost:5000/x"} {
		r.do(ask{method: post, path: "/api/v1/apps/mine/images", session: r.session, json: `{"image":"` + ref + `"}`}).want(t, http.StatusAccepted)
		if d := r.newest("mine"); !d.Source.Here {
			t.Errorf("the owner's %s is recorded as %+v", ref, d.Source)
		}
	}
}

func TestA39_ImageFileIsKeptUnderANameOfTheServer(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	text := `[{"Config":"c.json","RepoTags":["lugsail-images/victim:new-1"],"Layers":[]}]`
	must(t, w.WriteHeader(&tar.Header{Name: "manifest.json", Mode: 0o644, Size: int64(len(text))}))
	_, err := io.WriteString(w, text)
	must(t, err)
	must(t, w.Close())
	send := ask{method: post, path: "/api/v1/apps/mine/images/file?name=image.tar", token: r.token(mine.ID, platform.ScopeDeploy), json: b.String(), header: http.Header{"Content-Type": {"application/x-tar"}}}
	r.do(send).want(t, http.StatusAccepted)
	d := r.newest("mine")
	kept, err := os.ReadFile(d.Source.Dir + "/image.tar")
	must(t, err)
	if !strings.HasPrefix(d.Source.Image, "lugsail-images/"+mine.ID+":") || strings.Contains(string(kept), "victim") || !strings.Contains(string(kept), d.Source.Image) {
		t.Errorf("recorded as %+v, kept with its own names: %v", d.Source, strings.Contains(string(kept), "victim"))
	}
	send.json = zipped(t, [2]string{"manifest.json", text})
	if got := r.do(send).want(t, http.StatusUnprocessableEntity); got.code() != "image_kind" {
		t.Errorf("a zip: %s", got.body)
	}
}

// multipartForm is a form as a browser sends it without the script.
func multipartForm(t *testing.T, name, content string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	must(t, w.WriteField("other", "x"))
	if name != "" {
		part, err := w.CreateFormFile("file", name)
		must(t, err)
		_, err = io.WriteString(part, content)
		must(t, err)
	}
	must(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func TestUploadPage_WorksWithoutTheScript(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	page := r.do(ask{path: "/apps/mine/upload", session: r.session}).want(t, http.StatusOK)
	for _, want := range []string{`enctype="multipart/form-data"`, `action="/apps/mine/upload"`, ` data-upload>`, `name="image"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	send := func(name, content string) answer {
		body, kind := multipartForm(t, name, content)
		return r.do(ask{method: post, path: "/apps/mine/upload", session: r.session, json: body, header: http.Header{"Content-Type": {kind}}})
	}
	got := send("shop.zip", zipped(t, [2]string{"index.html", strings.Repeat("large ", 200_000)})).want(t, http.StatusSeeOther)
	if d := r.newest("mine"); got.Header.Get("Location") != fmt.Sprintf("/apps/mine/deployments/%d", d.Number) || d.Source.Upload != "shop.zip" {
		t.Errorf("it leads to %s, recorded as %+v", got.Header.Get("Location"), d.Source)
	}
	if got := send("evil.zip", zipped(t, [2]string{"../evil", "x"})).want(t, http.StatusUnprocessableEntity); !strings.Contains(got.body, "leads out of the tree") {
		t.Errorf("a hostile one: %s", got.body)
	}
	if got := send("", ""); got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "No file was chosen") {
		t.Errorf("no file: %s %s", got.Status, got.body)
	}
	viewer := r.do(ask{path: "/apps/mine/upload", session: r.viewer()}).want(t, http.StatusOK)
	if strings.Contains(viewer.body, "Upload and deploy") {
		t.Error("who may only look is offered to upload")
	}
}

func jsonOf(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
