package web

import (
	"bytes"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// createForm is the form of a new app as a browser without scripts sends it: all fields in the page's order, the file last.
func createForm(t *testing.T, fields [][2]string, file, content string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		must(t, w.WriteField(f[0], f[1]))
	}
	part, err := w.CreateFormFile("file", file) // a browser sends an empty one where none was chosen
	must(t, err)
	_, err = io.WriteString(part, content)
	must(t, err)
	must(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func (r *rig) sendCreate(fields [][2]string, file, content string) answer {
	r.t.Helper()
	body, kind := createForm(r.t.(*testing.T), fields, file, content)
	return r.do(ask{method: post, path: "/create", session: r.session, json: body, header: http.Header{"Content-Type": {kind}}})
}

func newApp(name, start string) [][2]string {
	return [][2]string{{"name", name}, {"plan", "pico"}, {"start", start}, {"url", ""}, {"branch", ""}, {"image", ""}}
}

func TestCreateForm_MakesTheAppAndDeploysTheArchiveWithIt(t *testing.T) {
	r := newRig(t)
	got := r.sendCreate(newApp("shop", "upload"), "shop.zip", zipped(t, [2]string{"index.html", strings.Repeat("hello ", 100_000)})).want(t, http.StatusSeeOther)
	if to := got.Header.Get("Location"); to != "/apps/shop/deployments/1" {
		t.Errorf("it leads to %s", to)
	}
	d := r.newest("shop")
	text, err := os.ReadFile(filepath.Join(d.Source.Dir, "index.html"))
	if err != nil || !strings.HasPrefix(string(text), "hello hello") || d.Source.Upload != "shop.zip" || d.Kind != platform.DeployPush || d.Actor != testEmail {
		t.Errorf("recorded as %+v, %v", d, err)
	}
	if a, err := r.store.AppByName(t.Context(), "shop"); err != nil || a.Plan != "pico" {
		t.Errorf("the app is %+v, %v", a, err)
	}
}

// A browser sends a form again by itself when its connection ends before there is an answer.
func TestCreateForm_SentTwiceIsAnsweredAsOnce(t *testing.T) {
	r := newRig(t)
	archive := zipped(t, [2]string{"index.html", "hello"})
	fields := append([][2]string{{"mark", "ONE"}}, newApp("shop", "upload")...)
	for range 2 {
		if to := r.sendCreate(fields, "shop.zip", archive).want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/shop/deployments/1" {
			t.Errorf("it leads to %s", to)
		}
	}
	if all, err := r.store.DeploymentsOf(t.Context(), r.newest("shop").AppID, 0); err != nil || len(all) != 1 {
		t.Errorf("%d deployments, %v", len(all), err)
	}
	// The first time the archive was cut off.
	body, kind := createForm(t, append([][2]string{{"mark", "TWO"}}, newApp("cut", "upload")...), "cut.zip", archive)
	cut := r.do(ask{method: post, path: "/create", session: r.session, json: body[:len(body)-len(archive)], header: http.Header{"Content-Type": {kind}}})
	if to := cut.want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/cut/upload" {
		t.Errorf("cut off it leads to %s", to)
	}
	again := r.do(ask{method: post, path: "/create", session: r.session, json: body, header: http.Header{"Content-Type": {kind}}})
	if to := again.want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/cut/deployments/1" {
		t.Errorf("sent again it leads to %s", to)
	}
	r.sendCreate(append([][2]string{{"mark", "THREE"}}, newApp("shop", "git")...), "", "").want(t, http.StatusConflict)
}

func TestCreateForm_WithoutAnArchiveMakesTheAppAlone(t *testing.T) {
	r := newRig(t)
	if to := r.sendCreate(newApp("shop", "git"), "", "").want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/shop" {
		t.Errorf("it leads to %s", to)
	}
	if page := r.page("/apps/shop"); !strings.Contains(page, "git push lugsail main") {
		t.Error("the page of the new app does not tell how to push")
	}
}

func TestCreateForm_ARefusalMakesNothingAndKeepsWhatWasTyped(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	archive := zipped(t, [2]string{"index.html", "hello"})
	remote := newApp("shop", "remote")
	remote[3][1], remote[4][1] = "ftp://example.com/x.git", "live"
	for name, one := range map[string]struct {
		fields  [][2]string
		file    string
		content string
		status  int
		says    string
		keeps   []string
	}{
		"no archive":       {newApp("shop", "upload"), "", "", 422, "No archive was chosen.", []string{`value="shop"`, `value="upload" checked`, `value="pico" checked`}},
		"a name in use":    {newApp("mine", "upload"), "shop.zip", archive, 409, "already an app", []string{`value="mine"`, `value="upload" checked`}},
		"a wrong name":     {newApp("Shop;id", "upload"), "shop.zip", archive, 422, "cannot be the name", []string{`value="Shop;id"`}},
		"a wrong address":  {remote, "", "", 422, "https://", []string{`value="ftp://example.com/x.git"`, `value="live"`, `value="remote" checked`}},
		"no name of image": {newApp("shop", "image"), "", "", 422, "No image was named.", []string{`value="image" checked`}},
	} {
		got := r.sendCreate(one.fields, one.file, one.content).want(t, one.status)
		page := html.UnescapeString(got.body)
		if !strings.Contains(page, `role="alert"`) || !strings.Contains(page, one.says) || !strings.Contains(page, "Create the app") {
			t.Errorf("%s: the form is not shown again with %q", name, one.says)
		}
		for _, kept := range one.keeps {
			if !strings.Contains(page, kept) {
				t.Errorf("%s: the form has lost %s", name, kept)
			}
		}
	}
	if _, err := r.store.AppByName(t.Context(), "shop"); !platform.IsKind(err, platform.NotFound) {
		t.Errorf("a refused form made an app: %v", err)
	}
	if r.left() != 0 {
		t.Error("a refused form left an archive")
	}
}

func TestCreateForm_AnArchiveThatIsNoneIsToldOnThePageOfTheNewApp(t *testing.T) {
	r := newRig(t)
	got := r.sendCreate(newApp("shop", "upload"), "evil.zip", zipped(t, [2]string{"../evil", "x"})).want(t, http.StatusSeeOther) // so that F5 sends nothing
	if to := got.Header.Get("Location"); to != "/apps/shop/upload" {
		t.Errorf("it leads to %s", to)
	}
	said := got.Cookies()
	if len(said) != 1 || !said[0].HttpOnly || !said[0].Secure || said[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("cookies: %v", said)
	}
	next := ask{path: "/apps/shop/upload", session: r.session, header: http.Header{"Cookie": {"__Host-lugsail=" + r.session + "; " + said[0].Name + "=" + said[0].Value}}}
	next.session = ""
	page := r.do(next).want(t, http.StatusOK)
	if !strings.Contains(page.body, "leads out of the tree") || !strings.Contains(page.body, `action="/apps/shop/upload"`) {
		t.Errorf("a hostile archive: %s", page.body)
	}
	if gone := page.Cookies(); len(gone) != 1 || gone[0].MaxAge >= 0 {
		t.Errorf("the page says it again: %v", gone)
	}
	if cut := r.do(ask{method: post, path: "/create", session: r.session, json: "--x\r\nbroken", header: http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}}).want(t, http.StatusBadRequest); !strings.Contains(cut.body, "did not arrive whole") {
		t.Errorf("half a form: %s", cut.body)
	}
}

func TestCreateForm_WhatElseIsRefusedOfANewAppIsToldOnItsPages(t *testing.T) {
	r := newRig(t)
	image := newApp("shop", "image")
	image[5][1] = "NOT/An Image"
	if to := r.sendCreate(image, "", "").want(t, http.StatusSeeOther).Header.Get("Location"); to != "/apps/shop/upload?image=NOT%2FAn+Image" {
		t.Errorf("it leads to %s", to)
	}
	if page := r.page("/apps/shop/upload?image=NOT%2FAn+Image"); !strings.Contains(page, `value="NOT/An Image"`) {
		t.Error("the name of the image is lost")
	}
}

// The page's script sends the same forms, and shows the answers itself.
func TestUploadForms_AnswerTheScriptWithoutPages(t *testing.T) {
	r := newRig(t)
	r.withVolume()
	archive := zipped(t, [2]string{"index.html", "hello"})
	send := func(path, session string, fields [][2]string, file, content string) answer {
		body, kind := createForm(t, fields, file, content)
		return r.do(ask{method: post, path: path, session: session, json: body, header: http.Header{"Content-Type": {kind}, "Accept": {"application/json"}}})
	}
	for _, one := range []struct {
		path    string
		fields  [][2]string
		file    string
		content string
		to      string
	}{
		{"/create", newApp("shop", "upload"), "shop.zip", archive, "/apps/shop/deployments/1"},
		{"/create", newApp("evil", "upload"), "evil.zip", zipped(t, [2]string{"../evil", "x"}), "/apps/evil/upload"},
		{"/apps/shop/upload", nil, "again.zip", zipped(t, [2]string{"index.html", "again"}), "/apps/shop/deployments/2"},
		{filesPage + "?path=a", nil, "x.txt", "x", filesPage + "?done=file-saved&path=a"},
	} {
		var answer struct{ To string }
		send(one.path, r.session, one.fields, one.file, one.content).want(t, http.StatusOK).decode(t, &answer)
		if answer.To != one.to {
			t.Errorf("%s: it leads to %s, want %s", one.path, answer.To, one.to)
		}
	}
	for path, want := range map[string]int{"/apps/shop/upload": 422, "/apps/nobody/upload": 404} {
		if got := send(path, r.session, nil, "evil.zip", zipped(t, [2]string{"../evil", "x"})); got.StatusCode != want || got.code() == "" {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	for _, path := range []string{"/create", "/apps/shop/upload", filesPage + "?path=a"} {
		if got := send(path, "", nil, "x.zip", archive).want(t, http.StatusUnauthorized); got.code() != "not_signed_in" {
			t.Errorf("%s: a stranger is told %s", path, got.body)
		}
	}
}
