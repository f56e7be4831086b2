package archive_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/archive"
	"github.com/lugsail/lugsail/platform"
)

const ourName = "lugsail-images/app:file-1"

// savedImage is an image as docker save writes it, under a name that somebody else's has.
func savedImage(t testing.TB, more ...item) []byte {
	t.Helper()
	return tarOf(t, append([]item{
		{name: "blobs/"},
		{name: "blobs/sha256/"},
		{name: "blobs/sha256/aa", content: `{"architecture":"amd64"}`},
		{name: "blobs/sha256/bb", content: "layer"},
		{name: "index.json", content: `{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"sha256:cc","size":3,"annotations":{"io.containerd.image.name":"docker.io/library/victim:1"}}]}`},
		{name: "manifest.json", content: `[{"Config":"blobs/sha256/aa","RepoTags":["victim:1","lugsail-images/other:new-1"],"Layers":["blobs/sha256/bb"]}]`},
		{name: "repositories", content: `{"victim":{"1":"aa"}}`},
		{name: "oci-layout", content: `{"imageLayoutVersion":"1.0.0"}`},
	}, more...)...)
}

// receiveImage takes an image in; what is left afterwards is checked.
func receiveImage(t testing.TB, b []byte) (map[string]string, error) {
	t.Helper()
	dir := t.TempDir()
	d, err := archive.New(archive.Config{Dir: filepath.Join(dir, "uploads"), SourcesDir: filepath.Join(dir, "sources"), LeastFree: 1})
	must(t, err)
	src, err := d.ReceiveImage(t.Context(), bytes.NewReader(b), int64(len(b)), ourName)
	uploads, _ := os.ReadDir(filepath.Join(dir, "uploads"))
	sources, _ := os.ReadDir(filepath.Join(dir, "sources"))
	if len(uploads) != 0 || (len(sources) == 0) != (err != nil) {
		t.Errorf("left behind: %v %v", uploads, sources)
	}
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(src.Dir, archive.ImageFile))
	must(t, err)
	defer func() { must(t, file.Close()) }()
	got := map[string]string{}
	for r := tar.NewReader(file); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		got[h.Name] = string(text)
	}
}

func TestA39_ImageFileHasOnlyTheNameThatTheServerChose(t *testing.T) {
	whole := savedImage(t)
	for name, b := range map[string][]byte{"tar": whole, "tar.gz": gzipOf(t, whole), "tar.zst": zstdOf(t, whole)} {
		got, err := receiveImage(t, b)
		must(t, err)
		var m []struct {
			Config   string
			RepoTags []string
			Layers   []string
		}
		must(t, json.Unmarshal([]byte(got["manifest.json"]), &m))
		if len(m) != 1 || len(m[0].RepoTags) != 1 || m[0].RepoTags[0] != ourName || m[0].Config != "blobs/sha256/aa" || len(m[0].Layers) != 1 {
			t.Errorf("%s: the manifest is %s", name, got["manifest.json"])
		}
		for file, text := range got {
			if strings.Contains(text, "victim") || strings.Contains(text, "other:new") {
				t.Errorf("%s: %s still names another image: %s", name, file, text)
			}
		}
		if _, ok := got["repositories"]; ok || got["blobs/sha256/bb"] != "layer" {
			t.Errorf("%s: it holds %v", name, got)
		}
	}
}

func TestA39_ImageFilesThatAreRefused(t *testing.T) {
	two := `[{"Config":"a","Layers":[]},{"Config":"b","Layers":[]}]`
	for name, c := range map[string]struct {
		file        []byte
		code, names string
	}{
		"source code":   {tarOf(t, item{name: "package.json", content: "{}"}), "image_kind", "docker save"},
		"picture":       {[]byte("\xff\xd8\xff a picture"), "image_kind", "docker save"},
		"zip":           {zipOf(t, item{name: "manifest.json", content: two}), "image_kind", "docker save"},
		"two images":    {tarOf(t, item{name: "manifest.json", content: two}), "image_several", "2 images"},
		"no images":     {tarOf(t, item{name: "manifest.json", content: "[]"}), "image_kind", "docker save"},
		"no JSON":       {tarOf(t, item{name: "manifest.json", content: "x"}), "image_kind", "docker save"},
		"two manifests": {savedImage(t, item{name: "./manifest.json", content: two}), "image_entry_refused", "manifest.json"},
		"dots":          {savedImage(t, item{name: "../evil", content: "x"}), "image_entry_refused", "evil"},
		"root":          {savedImage(t, item{name: "/evil", content: "x"}), "image_entry_refused", "evil"},
		"link out":      {savedImage(t, item{name: "evil", kind: tar.TypeSymlink, link: "../../etc/shadow"}), "image_entry_refused", "evil"},
		"hard link":     {savedImage(t, item{name: "evil", kind: tar.TypeLink, link: "manifest.json"}), "image_entry_refused", "evil"},
		"device":        {savedImage(t, item{name: "evil", kind: tar.TypeBlock}), "image_entry_refused", "evil"},
		"link manifest": {tarOf(t, item{name: "manifest.json", kind: tar.TypeSymlink, link: "x"}, item{name: "x", content: two}), "image_kind", "docker save"},
		"nothing":       {nil, "upload_empty", "empty"},
		"cut":           {savedImage(t)[:2000], "source_unreadable", "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := receiveImage(t, c.file)
			refused(t, err, c.code, c.names)
		})
	}
}

func TestA28_WhatIsLeftOutOfAnImageStopsAtTheLimit(t *testing.T) {
	dir := t.TempDir()
	d, err := archive.New(archive.Config{Dir: filepath.Join(dir, "uploads"), SourcesDir: filepath.Join(dir, "sources"), LeastFree: 1, Image: 1 << 20})
	must(t, err)
	for _, name := range []string{"repositories", ".", "blobs/bomb"} {
		b := gzipOf(t, tarOf(t, item{name: name, content: string(make([]byte, 128<<20)), kind: tar.TypeReg}, item{name: "oci-layout", content: "{}"}))
		_, err := d.ReceiveImage(t.Context(), bytes.NewReader(b), int64(len(b)), ourName)
		refused(t, err, "upload_too_large", "1 MiB")
	}
}

// FuzzReceiveImage holds that what the engine gets names no image but ours.
func FuzzReceiveImage(f *testing.F) {
	f.Add(savedImage(f))
	f.Add(gzipOf(f, savedImage(f)))
	f.Add(savedImage(f, item{name: "./manifest.json", content: "[]"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := receiveImage(t, b)
		var e *platform.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%v is no sentence", err)
		}
		if _, ok := got["repositories"]; ok {
			t.Fatal("names were taken over")
		}
		if text, ok := got["manifest.json"]; ok {
			var m []struct{ RepoTags []string }
			if err := json.Unmarshal([]byte(text), &m); err != nil || len(m) != 1 || len(m[0].RepoTags) != 1 || m[0].RepoTags[0] != ourName {
				t.Fatalf("the manifest is %s", text)
			}
		}
	})
}
