package e2e

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testUpload goes the way of a person without git: a folder, then a zip as file managers make it;
// then the zips of people with other intentions (A26, A27, A29).
func testUpload(t *testing.T, s *server) {
	dir := filepath.Join(s.dir, "work", "my site")
	check(t, os.MkdirAll(filepath.Join(dir, "node_modules"), 0o755))
	page := func(text string) {
		check(t, os.WriteFile(filepath.Join(dir, "index.html"), []byte("<!doctype html><title>x</title><p>"+text+"</p>"), 0o644))
	}
	page("Hello from a folder")
	check(t, os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*.secret\n"), 0o644))
	for _, name := range []string{"a.secret", "node_modules/x.html"} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte("not for the server"), 0o644))
	}
	s.lugsail(t, "create", "hello-upload", "--plan", "nano")
	out := s.must(t, dir, s.binary(), "deploy", ".", "--app", "hello-upload")
	for _, want := range []string{"Sending 2 files of my site", "Sent in", "v1 is live at https://hello-upload.localhost"} {
		if !strings.Contains(out, want) {
			t.Errorf("the sender does not see %q:\n%s", want, out)
		}
	}
	s.wantPage(t, "hello-upload", "/", "Hello from a folder")
	for _, path := range []string{"/a.secret", "/node_modules/x.html"} {
		if status, _ := s.get(t, "hello-upload", path); status != http.StatusNotFound {
			t.Errorf("%s was sent: %d", path, status)
		}
	}
	file := filepath.Join(s.dir, "work", "site.zip")
	zipInto(t, file, map[string]string{"site/index.html": "<!doctype html><title>x</title><p>Hello from a zip</p>", "__MACOSX/._site": "x"})
	s.lugsail(t, "deploy", file, "--app", "hello-upload")
	s.wantPage(t, "hello-upload", "/", "Hello from a zip")
	for name, entries := range map[string]map[string]string{
		"A26 leaves": {"../../evil": "x"}, "A26 root": {"/tmp/lugsail-evil": "x"}, "A29 empty": {}, "A27 device": {"dev/": "", "dev/x\\..\\..\\evil": "x"},
	} {
		zipInto(t, file, entries)
		got := s.run(t, s.home(), s.binary(), "deploy", file, "--app", "hello-upload")
		if got.code == 0 || !strings.Contains(got.out, "→") {
			t.Errorf("%s is answered %d:\n%s", name, got.code, got.out)
		}
	}
	got := s.run(t, s.home(), s.binary(), "deploy", "--app", "hello-upload")
	if got.code == 0 || !strings.Contains(got.out, "lugsail deploy .") {
		t.Errorf("deploying again without a push is answered %d:\n%s", got.code, got.out)
	}
	s.wantPage(t, "hello-upload", "/", "Hello from a zip")
	s.wantNoUploads(t)
}

func zipInto(t *testing.T, file string, entries map[string]string) {
	t.Helper()
	f, err := os.Create(file)
	check(t, err)
	w := zip.NewWriter(f)
	for name, content := range entries {
		entry, err := w.Create(name)
		check(t, err)
		_, err = io.WriteString(entry, content)
		check(t, err)
	}
	check(t, w.Close())
	check(t, f.Close())
}

// wantNoUploads checks that nothing of an upload is left on the disk.
func (s *server) wantNoUploads(t *testing.T) {
	t.Helper()
	eventually(t, 20*time.Second, func() bool {
		return emptyDir(filepath.Join(s.dir, "data", "uploads")) && emptyDir(filepath.Join(s.dir, "data", "sources"))
	}, func() string { return "something of an upload is left" })
}

// testUploadCut kills the control plane while an upload comes in (F03).
func testUploadCut(t *testing.T, s *server) {
	const whole = 1 << 20
	for _, percent := range []int{25, 50, 75} {
		ctx, cancel := context.WithCancel(t.Context())
		body, w := io.Pipe()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.console+"/api/v1/apps/hello-upload/uploads", body)
		check(t, err)
		request.ContentLength = whole
		request.Header.Set("Authorization", "Bearer "+s.token)
		request.Header.Set("Content-Type", "application/octet-stream")
		done := make(chan string, 1)
		go func() {
			response, err := s.client.Do(request)
			if err != nil {
				done <- err.Error()
				return
			}
			_ = response.Body.Close()
			done <- response.Status
		}()
		_, err = w.Write(make([]byte, whole*percent/100))
		check(t, err)
		eventually(t, 10*time.Second, func() bool { return !emptyDir(filepath.Join(s.dir, "data", "uploads")) }, func() string { return "nothing comes in" })
		s.kill(t, "serve")
		check(t, w.CloseWithError(io.ErrUnexpectedEOF))
		s.wantPage(t, "hello-upload", "/", "Hello from a zip")
		if said := <-done; strings.HasPrefix(said, "2") {
			t.Errorf("cut at %d %%, and answered %s", percent, said)
		}
		cancel()
		s.answers(t)
		s.wantNoUploads(t)
	}
	var answer struct{ Deployments []struct{ State string } }
	s.json(t, &answer, "deployments", "--app", "hello-upload")
	if len(answer.Deployments) != 2 {
		t.Errorf("half a deployment is recorded: %+v", answer.Deployments)
	}
}

// testImage deploys an image that is on the server, one of a file, and names that are none (A04, A39).
func testImage(t *testing.T, s *server) {
	root := filepath.Join(s.dir, "work", "image")
	check(t, os.MkdirAll(root, 0o755))
	s.must(t, s.root, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", filepath.Join(root, "app"), "./internal/e2e/testdata/image")
	s.must(t, root, "tar", "-cf", "root.tar", "app")
	docker := func(args ...string) string {
		return strings.TrimSpace(s.must(t, root, "docker", append([]string{"-H", "unix://" + s.engine}, args...)...))
	}
	docker("import", "--change", `ENTRYPOINT ["/app"]`, "--change", "EXPOSE 9000", "root.tar", "owner/image:1")
	defer docker("rmi", "owner/image:1")
	s.lugsail(t, "create", "hello-image", "--plan", "nano")
	out := s.lugsail(t, "deploy", "--image", "owner/image:1", "--app", "hello-image")
	if !strings.Contains(out, "v1 is live") {
		t.Errorf("the image of the server:\n%s", out)
	}
	s.wantPage(t, "hello-image", "/", "Hello from an image")
	id := docker("image", "inspect", "--format", "{{.Id}}", "owner/image:1")
	s.lugsail(t, "deploy", "--image", id, "--app", "hello-image")

	docker("save", "-o", "image.tar", "owner/image:1")
	docker("tag", id, "owner/kept:1")
	s.lugsail(t, "deploy", "--image-file", filepath.Join(root, "image.tar"), "--app", "hello-image")
	s.wantPage(t, "hello-image", "/", "Hello from an image")
	for _, name := range []string{"x;id", "x\nENV A=b", "127.0.0.1:18005/apps/other", "127.0.0.1:1/none"} {
		got := s.run(t, s.home(), s.binary(), "deploy", "--image="+name, "--app", "hello-image")
		if got.code == 0 || !strings.Contains(got.out, "→") {
			t.Errorf("A04: %q is answered %d:\n%s", name, got.code, got.out)
		}
	}
	s.wantPage(t, "hello-image", "/", "Hello from an image")
	s.lugsail(t, "destroy", "--app", "hello-image", "--confirm", "hello-image", "--now")
	eventually(t, 20*time.Second, func() bool {
		return !strings.Contains(docker("images", "--format", "{{.Repository}}"), "lugsail-images/")
	},
		func() string { return fmt.Sprintf("names of the app are left:\n%s", docker("images")) })
	if left := docker("images", "--format", "{{.Repository}}:{{.Tag}}"); !strings.Contains(left, "owner/image:1") || !strings.Contains(left, "owner/kept:1") {
		t.Errorf("the owner's images are gone:\n%s", left)
	}
	docker("rmi", "owner/kept:1")
	s.lugsail(t, "destroy", "--app", "hello-upload", "--confirm", "hello-upload", "--now")
}
