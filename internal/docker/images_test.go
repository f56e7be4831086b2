package docker

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"

	"github.com/lugsail/lugsail/platform"
)

// shelf is a registry with one image, which it gives to everybody, and repositories that fail.
type shelf struct {
	host     string
	blobs    map[string][]byte
	manifest []byte
	digest   string
	denied   int // how often somebody asked for what is private
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(s[:])
}

// newShelf puts the test's image on a shelf, as change makes its configuration.
func newShelf(t *testing.T, e *Engine, change func(config map[string]any)) *shelf {
	t.Helper()
	s := &shelf{blobs: map[string][]byte{}}
	saved := saved(t, e, testImage)
	var m []struct {
		Config string
		Layers []string
	}
	check(t, json.Unmarshal(saved["manifest.json"], &m))
	var config map[string]any
	check(t, json.Unmarshal(saved[m[0].Config], &config))
	config["created"] = "2026-01-01T00:00:00Z"
	config["author"] = platform.NewID() // an image that was never there
	if change != nil {
		change(config)
	}
	text, err := json.Marshal(config)
	check(t, err)
	var layer bytes.Buffer
	z := gzip.NewWriter(&layer)
	_, err = z.Write(saved[m[0].Layers[0]])
	check(t, errors.Join(err, z.Close()))
	s.blobs[sum(text)], s.blobs[sum(layer.Bytes())] = text, layer.Bytes()
	s.manifest, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(text), "digest": sum(text)},
		"layers": []any{map[string]any{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": layer.Len(), "digest": sum(layer.Bytes())}},
	})
	check(t, err)
	s.digest = sum(s.manifest)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.host = strings.TrimPrefix(server.URL, "http://")
	return s
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	fail := func(status int, code, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
	}
	repository, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	kind, ref, _ := strings.Cut(rest, "/")
	switch {
	case r.URL.Path == "/v2/":
		w.WriteHeader(http.StatusOK)
	case repository == "private":
		s.denied++
		w.Header().Set("WWW-Authenticate", `Basic realm="shelf"`)
		fail(http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	case repository == "busy":
		fail(http.StatusTooManyRequests, "TOOMANYREQUESTS", "You have reached your pull rate limit.")
	case kind == "manifests" && (ref == "1" || ref == s.digest):
		w.Header().Set("Content-Type", manifestType)
		w.Header().Set("Docker-Content-Digest", s.digest)
		w.Header().Set("Content-Length", fmt.Sprint(len(s.manifest)))
		_, _ = w.Write(s.manifest)
	case kind == "blobs" && s.blobs[ref] != nil:
		w.Header().Set("Content-Length", fmt.Sprint(len(s.blobs[ref])))
		_, _ = w.Write(s.blobs[ref])
	default:
		fail(http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
	}
}

// saved gives the files of docker save.
func saved(t *testing.T, e *Engine, name string) map[string][]byte {
	t.Helper()
	stream, err := e.client.ImageSave(t.Context(), []string{name})
	check(t, err)
	defer stream.Close()
	files := map[string][]byte{}
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		check(t, err)
		files[h.Name], err = io.ReadAll(r)
		check(t, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newImport(t *testing.T) (*Images, platform.ImageRequest) {
	t.Helper()
	e := openEngine(t)
	i := e.Images(ImagesConfig{RegistryPort: 5005})
	check(t, e.agree(t.Context()))
	req := platform.ImageRequest{AppID: platform.NewID(), BuildID: platform.NewID()}
	t.Cleanup(func() { check(t, i.Forget(context.WithoutCancel(t.Context()), req.AppID)) })
	return i, req
}

func tagsOf(t *testing.T, i *Images, id string) []string {
	t.Helper()
	found, ok, err := i.inspect(t.Context(), id)
	check(t, err)
	if !ok {
		return nil
	}
	return found.RepoTags
}

func TestA39_PulledImageIsPinnedAndNoTagIsTaken(t *testing.T) {
	i, req := newImport(t)
	s := newShelf(t, i.engine, nil)
	name := s.host + "/app:1"
	check(t, i.engine.client.ImageTag(t.Context(), testImage, name)) // what the owner of the server calls so
	t.Cleanup(func() { _ = i.remove(context.WithoutCancel(t.Context()), name) })
	before, _, err := i.inspect(t.Context(), name)
	check(t, err)
	ref, err := i.Reference(name)
	check(t, err)
	req.Name = ref.Name
	var log bytes.Buffer
	got, err := i.Import(t.Context(), req, &log)
	check(t, err)
	after, _, err := i.inspect(t.Context(), name)
	check(t, err)
	if after.ID != before.ID || got.Image == before.ID {
		t.Errorf("the tag was at %s and is at %s; deployed is %s", before.ID, after.ID, got.Image)
	}
	if tags := tagsOf(t, i, got.Image); !slices.Equal(tags, []string{ourName(req.AppID, tagNew+req.BuildID)}) {
		t.Errorf("the image is called %v", tags)
	}
	want := platform.Process{Type: "web", Command: "/app", Port: 8080}
	if len(got.Processes) != 1 || got.Processes[0].Command != want.Command || got.Processes[0].Port != want.Port || got.Processes[0].Entrypoint != nil {
		t.Errorf("it is started as %+v", got.Processes)
	}
	if !strings.Contains(log.String(), s.digest) {
		t.Errorf("the log does not tell the digest: %s", &log)
	}
	// the owner's own image is meant where he may name it
	req.Here, req.BuildID = true, platform.NewID()
	if here, err := i.Import(t.Context(), req, io.Discard); err != nil || here.Image != before.ID {
		t.Errorf("with what is here: %s, %v, want %s", here.Image, err, before.ID)
	}
}

func TestImport_SaysWhatIsWrongWithTheRegistryOrTheImage(t *testing.T) {
	i, req := newImport(t)
	s := newShelf(t, i.engine, nil)
	foreign := newShelf(t, i.engine, func(c map[string]any) { c["architecture"] = "s390x" })
	silent := newShelf(t, i.engine, func(c map[string]any) { delete(c["config"].(map[string]any), "Entrypoint") })
	marked := newShelf(t, i.engine, func(c map[string]any) {
		c["config"].(map[string]any)["Labels"] = map[string]string{"lugsail.release": "9"}
	})
	closed := httptest.NewServer(http.NotFoundHandler())
	gone := strings.TrimPrefix(closed.URL, "http://")
	closed.Close()
	for name, code := range map[string]string{
		s.host + "/app:none": "image_not_found", s.host + "/private:1": "image_needs_login", s.host + "/busy:1": "registry_rate_limited",
		gone + "/app:1": "registry_unreachable", foreign.host + "/app:1": "image_wrong_platform", silent.host + "/app:1": "no_process",
		marked.host + "/app:1": "label_reserved", "sha256:" + strings.Repeat("0", 64): "image_not_found",
	} {
		ref, err := i.Reference(name)
		check(t, err)
		req.Name, req.BuildID = ref.Name, platform.NewID()
		_, err = i.Import(t.Context(), req, io.Discard)
		if e := platform.AsError(err); err == nil || e.Code != code || e.Hint == "" {
			t.Errorf("%s: %v (%s), want %s", name, err, platform.AsError(err).Code, code)
		}
	}
	if s.denied == 0 {
		t.Error("nobody asked for the private one")
	}
}

func TestA39_LoadedFileTakesNoNameAndKeepsOthersImages(t *testing.T) {
	i, req := newImport(t)
	files := saved(t, i.engine, testImage)
	req.Name = i.FileName(req.AppID)
	var m []map[string]any
	check(t, json.Unmarshal(files["manifest.json"], &m))
	m[0]["RepoTags"] = []string{req.Name} // as the door writes it
	text, err := json.Marshal(m)
	check(t, err)
	files["manifest.json"] = text
	delete(files, "repositories")
	delete(files, "index.json")
	req.File = filepath.Join(t.TempDir(), "image.tar")
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range files {
		check(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}))
		_, err := w.Write(content)
		check(t, err)
	}
	check(t, w.Close())
	check(t, os.WriteFile(req.File, b.Bytes(), 0o600))
	got, err := i.Import(t.Context(), req, io.Discard)
	check(t, err)
	tags := tagsOf(t, i, got.Image)
	if !slices.Contains(tags, testImage) || !slices.Contains(tags, ourName(req.AppID, tagOwn+req.BuildID)) || len(tags) != 2 {
		t.Errorf("the image is called %v", tags)
	}
	check(t, i.Retain(t.Context(), req.AppID, []string{got.Image}))
	if !slices.Equal(tagsOf(t, i, got.Image), tags) {
		t.Error("an image of a release in reach lost its name")
	}
	check(t, i.Retain(t.Context(), req.AppID, nil))
	if left := tagsOf(t, i, got.Image); !slices.Equal(left, []string{testImage}) {
		t.Errorf("of somebody else's image is left %v", left)
	}
	check(t, os.WriteFile(req.File, b.Bytes()[:2048], 0o600))
	if _, err := i.Import(t.Context(), req, io.Discard); platform.AsError(err).Code != "image_unreadable" {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestRetain_PulledImageGoesWithItsLastReleaseAndOwnOnesStay(t *testing.T) {
	i, req := newImport(t)
	s := newShelf(t, i.engine, nil)
	req.Name = s.host + "/app:1"
	got, err := i.Import(t.Context(), req, io.Discard)
	check(t, err)
	other := platform.ImageRequest{AppID: platform.NewID(), BuildID: platform.NewID(), Name: req.Name}
	if _, err := i.Import(t.Context(), other, io.Discard); err != nil {
		t.Fatal(err)
	}
	check(t, i.Forget(t.Context(), req.AppID))
	if tags := tagsOf(t, i, got.Image); len(tags) != 1 {
		t.Errorf("another app's image is called %v", tags)
	}
	check(t, i.Ensure(t.Context(), got.Image))
	check(t, i.Forget(t.Context(), other.AppID))
	if tags := tagsOf(t, i, got.Image); tags != nil {
		t.Errorf("the image is still there: %v", tags)
	}
	if err := i.Ensure(t.Context(), got.Image); platform.AsError(err).Code != "image_lost" {
		t.Errorf("a lost image: %v", err)
	}
	// an image without any name, which the owner gives by its id
	answer, err := i.engine.client.ImageImport(t.Context(), image.ImportSource{Source: emptyTar(t), SourceName: "-"}, "", image.ImportOptions{Changes: []string{`CMD ["/app"]`}})
	check(t, err)
	text, err := io.ReadAll(answer)
	check(t, errors.Join(err, answer.Close()))
	var line struct{ Status string }
	check(t, json.Unmarshal(bytes.TrimSpace(text), &line))
	req.Name, req.BuildID = line.Status, platform.NewID()
	if _, err := i.Import(t.Context(), req, io.Discard); err != nil {
		t.Fatal(err)
	}
	check(t, i.Forget(t.Context(), req.AppID))
	check(t, i.Ensure(t.Context(), line.Status))
	_, err = i.engine.client.ImageRemove(t.Context(), line.Status, image.RemoveOptions{Force: true})
	check(t, err)
}

func emptyTar(t *testing.T) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	check(t, w.WriteHeader(&tar.Header{Name: platform.NewID(), Mode: 0o644}))
	check(t, w.Close())
	return &b
}

func TestA04_ReferenceIsANameAndNothingElse(t *testing.T) {
	i := new(Engine).Images(ImagesConfig{RegistryPort: 5005})
	for _, text := range []string{
		"x;id", "--privileged", "-v", "x\nENV A=b", "x y", "$(id)", "`id`", "", " ", "../etc", "/etc/passwd", "UPPER/Case:1", "a:b:c:d", "x@sha256:1",
		"http://127.0.0.1/x", "x\x00y", "x?y=1", "x#y", "user:pass@host/x", strings.Repeat("a", 300), "host:99999/x", "host:0/x", "sha256:zz",
	} {
		if ref, err := i.Reference(text); err == nil || platform.AsError(err).Code != "image_invalid" {
			t.Errorf("%q is taken as %+v (%v)", text, ref, err)
		}
	}
	for _, text := range []string{
		"127.0.0.1:5005/apps/other", "localhost:5005/apps/other", "x.localhost:5005/a", "[::1]:5005/apps/other:latest",
		"lugsail-images/other:new-1", "docker.io/lugsail-images/other:new-1", "0.0.0.0:5005/a",
	} {
		if ref, err := i.Reference(text); err == nil || platform.AsError(err).Code != "image_reserved" {
			t.Errorf("%q is taken as %+v (%v)", text, ref, err)
		}
	}
	for text, want := range map[string]string{
		"nginx": "docker.io/library/nginx:latest", "ghcr.io/you/app:v2": "ghcr.io/you/app:v2", "localhost:5000/a": "localhost:5000/a:latest",
		"nginx@sha256:" + strings.Repeat("a", 64): "docker.io/library/nginx@sha256:" + strings.Repeat("a", 64),
		strings.Repeat("a", 64):                   "sha256:" + strings.Repeat("a", 64),
	} {
		if ref, err := i.Reference(text); err != nil || ref.Name != want {
			t.Errorf("%q is read as %+v, %v, want %s", text, ref, err, want)
		}
	}
}

// FuzzReference holds that what is taken is one word without anything that could be an option.
func FuzzReference(f *testing.F) {
	for _, seed := range []string{"nginx:1", "x;id", "-v", "localhost:5000/a@sha256:" + strings.Repeat("a", 64), "[::1]:80/x"} {
		f.Add(seed)
	}
	i := new(Engine).Images(ImagesConfig{RegistryPort: 5005})
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := i.Reference(text)
		var e *platform.Error
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatalf("%v is no sentence", err)
			}
			return
		}
		if strings.HasPrefix(ref.Name, "-") || strings.ContainsAny(ref.Name, " \t\r\n\x00;$`'\"\\|&<>(){}") {
			t.Fatalf("%q is taken as %q", text, ref.Name)
		}
	})
}
