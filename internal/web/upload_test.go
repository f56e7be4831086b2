package web

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/archive"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// uploadDoor takes small uploads in.
func (r *rig) uploadDoor() *archive.Door {
	r.t.Helper()
	d, err := archive.New(archive.Config{
		Dir: r.uploads, SourcesDir: filepath.Join(filepath.Dir(r.uploads), "sources"), LeastFree: 1,
		Bytes: 4 << 20, Limits: source.Limits{Bytes: 8 << 20, Files: 500},
	})
	must(r.t, err)
	return d
}

// zipped makes a zip of names and contents; a content that begins with "-> " is a link.
func zipped(t testing.TB, files ...[2]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f[0], Method: zip.Deflate}
		h.SetMode(0o644)
		to, link := strings.CutPrefix(f[1], "-> ")
		if link {
			h.SetMode(os.ModeSymlink | 0o777)
		}
		entry, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(entry, to); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// upload sends an archive as a program does.
func (r *rig) upload(token, body string) answer {
	r.t.Helper()
	return r.do(ask{method: post, path: "/api/v1/apps/mine/uploads?name=shop.zip", token: token, json: body, header: http.Header{"Content-Type": {"application/octet-stream"}}})
}

// left counts what lies in the directories of uploads and sources.
func (r *rig) left() int {
	r.t.Helper()
	n := 0
	for _, dir := range []string{r.uploads, filepath.Join(filepath.Dir(r.uploads), "sources")} {
		entries, err := os.ReadDir(dir)
		must(r.t, err)
		n += len(entries)
	}
	return n
}

func (r *rig) newest(app string) platform.Deployment {
	r.t.Helper()
	a, err := r.store.AppByName(r.t.Context(), app)
	must(r.t, err)
	all, err := r.store.DeploymentsOf(r.t.Context(), a.ID, 1)
	must(r.t, err)
	return all[0]
}

func TestUpload_BecomesADeploymentOfItsTree(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	var got struct{ Deployment struct{ Number int } }
	r.upload(r.token(mine.ID, platform.ScopeDeploy), zipped(t, [2]string{"shop/index.html", "hello"})).want(t, http.StatusAccepted).decode(t, &got)
	d := r.newest("mine")
	if d.Number != got.Deployment.Number || d.Kind != platform.DeployPush || d.Cause != "upload of shop.zip" || d.Source.Title != "Upload of shop.zip" {
		t.Errorf("recorded as %+v, answered as %d", d, got.Deployment.Number)
	}
	text, err := os.ReadFile(filepath.Join(d.Source.Dir, "index.html"))
	if err != nil || string(text) != "hello" {
		t.Errorf("the source holds %q, %v", text, err)
	}
	if r.left() != 1 {
		t.Errorf("%d things are left, want the source alone", r.left())
	}
}

// hostile are uploads that must be refused, by the attack they belong to. Everything of it is
// also held, for each kind of archive, by the tests of internal/archive.
func hostile(t *testing.T) map[string]map[string]string {
	zeros := string(make([]byte, 16<<20))
	many := [][2]string{}
	for i := range 600 {
		many = append(many, [2]string{"f" + strings.Repeat("x", i%100) + string(rune('a'+i%26)) + string(rune('a'+i/26)), ""})
	}
	var device bytes.Buffer
	w := tar.NewWriter(&device)
	must(t, w.WriteHeader(&tar.Header{Name: "evil", Typeflag: tar.TypeBlock, Mode: 0o644}))
	must(t, w.Close())
	return map[string]map[string]string{
		"A26": {
			"dots": zipped(t, [2]string{"../../evil", "x"}), "root": zipped(t, [2]string{"/tmp/evil", "x"}),
			"windows": zipped(t, [2]string{`..\evil`, "x"}), "drive": zipped(t, [2]string{`C:\evil`, "x"}),
		},
		"A27": {
			"out": zipped(t, [2]string{"evil", "-> ../../etc"}), "through": zipped(t, [2]string{"evil", "-> /tmp"}, [2]string{"evil/x", "x"}),
			"chain": zipped(t, [2]string{"a", "-> b/.."}, [2]string{"b", "-> ."}, [2]string{"evil", "-> a/../.."}), "device": device.String(),
		},
		"A28": {"zeros": zipped(t, [2]string{"bomb", zeros}), "many": zipped(t, many...)},
		"A29": {"type": "%PDF-1.7", "cut": zipped(t, [2]string{"a", "x"})[:20], "nothing": zipped(t), "none": ""},
	}
}

func TestA26_A27_A28_A29_UploadsAreRefusedWithASentenceAndLeaveNothing(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	token, before := r.token(mine.ID, platform.ScopeDeploy), r.newest("mine")
	for id, uploads := range hostile(t) {
		for name, body := range uploads {
			var p struct{ Code, Message, Hint string }
			r.upload(token, body).want(t, http.StatusUnprocessableEntity).decode(t, &p)
			if p.Message == "" || p.Hint == "" || (id == "A26" || id == "A27") && !strings.Contains(p.Message, "evil") {
				t.Errorf("%s %s: %+v is no sentence that names the entry", id, name, p)
			}
			if r.left() != 0 {
				t.Fatalf("%s %s leaves something", id, name)
			}
		}
	}
	if now := r.newest("mine"); now.Number != before.Number {
		t.Errorf("deployment %d was recorded", now.Number)
	}
	if _, err := os.Stat("/tmp/evil"); err == nil {
		t.Error("/tmp/evil is there")
	}
}

func TestA29_TooLargeIsRefusedBeforeAndWhileItComes(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	token := r.token(mine.ID, platform.ScopeDeploy)
	client := r.listen()
	for _, announced := range []int64{5 << 30, -1} { // 5 GB in its header; none, and no end
		sent := &endless{}
		req, err := http.NewRequestWithContext(t.Context(), post, "http://"+testHost+"/api/v1/apps/mine/uploads", sent)
		must(t, err)
		req.ContentLength = announced
		req.Header.Set("Content-Type", "application/zip")
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("announced %d: %v", announced, err)
		}
		body, _ := io.ReadAll(res.Body)
		must(t, res.Body.Close())
		if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(body), "upload_too_large") {
			t.Errorf("announced %d: %s %s", announced, res.Status, body)
		}
		r.poll(func() bool { return r.left() == 0 })
	}
}

// endless never stops sending.
type endless struct{}

func (e *endless) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat([]byte("PK\x03\x04"), len(p)/4+1)), nil
}

func TestF03_UploadThatIsCutLeavesNothingAndCanBeRepeated(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	token, before := r.token(mine.ID, platform.ScopeDeploy), r.newest("mine")
	client := r.listen()
	whole := zipped(t, [2]string{"index.html", strings.Repeat("hello", 1000)}, [2]string{"b", "x"})
	for _, percent := range []int{25, 50, 75} {
		ctx, cut := context.WithCancel(t.Context())
		body, sender := io.Pipe()
		req, err := http.NewRequestWithContext(ctx, post, "http://"+testHost+"/api/v1/apps/mine/uploads", body)
		must(t, err)
		req.ContentLength = int64(len(whole))
		req.Header.Set("Content-Type", "application/zip")
		req.Header.Set("Authorization", "Bearer "+token)
		done := make(chan error)
		go func() {
			res, err := client.Do(req)
			if err == nil {
				_ = res.Body.Close()
			}
			done <- err
		}()
		_, err = io.WriteString(sender, whole[:len(whole)*percent/100])
		must(t, err)
		r.poll(func() bool { return r.left() == 1 }) // it comes in
		cut()
		must(t, sender.CloseWithError(io.ErrClosedPipe))
		if err := <-done; err == nil {
			t.Errorf("cut at %d %%: the client was answered", percent)
		}
		r.poll(func() bool { return r.left() == 0 })
	}
	if now := r.newest("mine"); now.Number != before.Number {
		t.Errorf("half a deployment is recorded: %+v", now)
	}
	r.upload(token, whole).want(t, http.StatusAccepted)
}

func TestF03_WhatAKilledServerLeftOfUploadsGoesAtTheStart(t *testing.T) {
	r := newRig(t)
	must(t, os.WriteFile(filepath.Join(r.uploads, platform.NewID()), []byte("half"), 0o600))
	must(t, r.uploadDoor().Clean())
	if r.left() != 0 {
		t.Error("half an upload is still there")
	}
}

func TestF21_UploadOntoAFullDiskIsToldSo(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	full, err := archive.New(archive.Config{Dir: r.uploads, SourcesDir: filepath.Join(filepath.Dir(r.uploads), "sources"), LeastFree: 1 << 60})
	must(t, err)
	r.apps.Uploads = full
	var p struct{ Code, Message string }
	r.upload(r.token(mine.ID, platform.ScopeDeploy), zipped(t, [2]string{"a", "x"})).want(t, http.StatusInsufficientStorage).decode(t, &p)
	if p.Code != "disk_low" || !strings.Contains(p.Message, "GB") {
		t.Errorf("%+v does not tell the numbers", p)
	}
}

func TestUpload_OfAFormOrAnUnknownTypeIsRefused(t *testing.T) {
	r := newRig(t)
	r.serving("mine")
	for _, kind := range []string{"", "multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded", "application/json"} {
		got := r.do(ask{method: post, path: "/api/v1/apps/mine/uploads", session: r.session, json: "x", header: http.Header{"Content-Type": {kind}}})
		if got.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%q: %s", kind, got.Status)
		}
	}
}

func TestUpload_EndsSoonAfterItsTokenWasRevoked(t *testing.T) {
	r := newRig(t)
	mine := r.serving("mine")
	secret, token, err := r.accounts.CreateToken(t.Context(), r.owner, "test", []platform.Scope{platform.ScopeDeploy}, mine.ID, 0)
	must(t, err)
	client := r.listen()
	reader, writer := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), post, "http://"+testHost+"/api/v1/apps/mine/uploads", reader)
	must(t, err)
	req.Header.Set("Content-Type", "application/zip")
	req.Header.Set("Authorization", "Bearer "+secret)
	go func() {
		for {
			if _, err := io.WriteString(writer, "PK\x03\x04"); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond) // the pace of a slow line
		}
	}()
	answered := make(chan *http.Response)
	go func() {
		res, err := client.Do(req)
		if err != nil {
			t.Error(err)
		}
		answered <- res
	}()
	r.poll(func() bool { return r.left() == 1 }) // it comes in
	must(t, r.accounts.RevokeToken(t.Context(), r.owner, token.ID))
	r.poll(func() bool { return r.left() == 0 })
	must(t, writer.Close()) // a patient client sends the rest
	res := <-answered
	defer res.Body.Close()
	var p struct{ Code string }
	_ = json.NewDecoder(res.Body).Decode(&p) // the status says it
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("answered %s %s", res.Status, p.Code)
	}
}
