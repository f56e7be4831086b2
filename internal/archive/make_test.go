package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/lugsail/lugsail/internal/archive"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// item is one entry, in the shortest form that the tests need.
type item struct {
	name, content string
	kind          byte // of tar; 0 is a file, or a directory when the name ends in a slash
	link          string
	mode          int64
}

func tarOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, it := range items {
		h := &tar.Header{Name: it.name, Typeflag: it.kind, Linkname: it.link, Mode: it.mode, Size: int64(len(it.content))}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
			if strings.HasSuffix(it.name, "/") {
				h.Typeflag = tar.TypeDir
			}
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		must(t, w.WriteHeader(h))
		_, err := io.WriteString(w, it.content)
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

// zipOf makes a zip as a Unix program does; links are files with a mode.
func zipOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, it := range items {
		h := &zip.FileHeader{Name: it.name, Method: zip.Deflate}
		mode := os.FileMode(it.mode)
		content := it.content
		switch it.kind {
		case tar.TypeSymlink:
			mode, content = os.ModeSymlink|0o777, it.link
		case tar.TypeFifo:
			mode = os.ModeNamedPipe | 0o644
		case tar.TypeChar:
			mode = os.ModeDevice | os.ModeCharDevice | 0o644
		}
		if mode == 0 {
			mode = 0o644
		}
		if strings.HasSuffix(it.name, "/") {
			mode = os.ModeDir | 0o755
		}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		must(t, err)
		_, err = io.WriteString(f, content)
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

func gzipOf(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	must(t, errors.Join(err, w.Close()))
	return out.Bytes()
}

func zstdOf(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	must(t, err)
	_, err = w.Write(b)
	must(t, errors.Join(err, w.Close()))
	return out.Bytes()
}

// packers are the kinds of archives, each of the same items.
var packers = map[string]func(testing.TB, ...item) []byte{
	"zip": zipOf, "tar": tarOf,
	"tar.gz":  func(t testing.TB, items ...item) []byte { return gzipOf(t, tarOf(t, items...)) },
	"tar.zst": func(t testing.TB, items ...item) []byte { return zstdOf(t, tarOf(t, items...)) },
}

// unpack unpacks in a directory of its own; what stands beside the tree afterwards is an error.
func unpack(t testing.TB, b []byte, limits source.Limits) (platform.Source, error) {
	t.Helper()
	parent := t.TempDir()
	file := filepath.Join(parent, "upload")
	must(t, os.WriteFile(file, b, 0o600))
	f, err := os.Open(file)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	src, err := archive.Unpack(t.Context(), f, filepath.Join(parent, "tree"), limits)
	left, readErr := os.ReadDir(parent)
	must(t, readErr)
	want := 1
	if err == nil {
		want = 2
	}
	if len(left) != want {
		t.Errorf("left behind: %v", left)
	}
	return src, err
}

// refused wants an error of that code, which names the entry.
func refused(t testing.TB, err error, code, names string) {
	t.Helper()
	var e *platform.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want %s", err, code)
	}
	if e.Code != code || !strings.Contains(e.Message, names) || e.Hint == "" {
		t.Errorf("error %s %q → %q, want %s naming %q, with a hint", e.Code, e.Message, e.Hint, code, names)
	}
}

func holds(t testing.TB, src platform.Source, files map[string]string) {
	t.Helper()
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(src.Dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
		}
	}
	if src.Files != len(files) {
		t.Errorf("%d files, want %d", src.Files, len(files))
	}
	if err := source.Verify(t.Context(), src); err != nil {
		t.Errorf("the tree does not verify: %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
