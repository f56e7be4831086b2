package source_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// item is one tar entry, in the shortest form that the tests need.
type item struct {
	name, content string
	kind          byte // 0 means a file, or a directory when the name ends in a slash
	link          string
	mode          int64
}

func archive(t testing.TB, items ...item) *bytes.Buffer {
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
		if it.kind == tar.TypeXGlobalHeader {
			h = &tar.Header{Typeflag: it.kind, PAXRecords: map[string]string{"comment": it.content}}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, it.content[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func unpack(t testing.TB, limits source.Limits, r io.Reader) (platform.Source, string, error) {
	t.Helper()
	parent := t.TempDir()
	src, err := source.Unpack(t.Context(), r, filepath.Join(parent, "tree"), limits)
	return src, parent, err
}

func wantEmpty(t testing.TB, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnpack_KeepsFilesModesAndLinks(t *testing.T) {
	src, _, err := unpack(t, source.Limits{}, archive(t,
		item{content: "1a2b3c", kind: tar.TypeXGlobalHeader},
		item{name: "./"},
		item{name: "bin/start", content: "#!/bin/sh\n", mode: 0o4755},
		item{name: "a.txt", content: "hello"},
		item{name: "empty/", mode: 0o777},
		item{name: "deep/er/link", kind: tar.TypeSymlink, link: "../../a.txt"},
		item{name: "dangling", kind: tar.TypeSymlink, link: "nowhere/at/all"},
		item{name: "self", kind: tar.TypeSymlink, link: "self"},
		item{name: "hard", kind: tar.TypeLink, link: "a.txt"},
	))
	if err != nil {
		t.Fatal(err)
	}
	if src.Files != 6 || src.Bytes != 20 {
		t.Errorf("files %d bytes %d, want 6 and 20", src.Files, src.Bytes)
	}
	for name, want := range map[string]fs.FileMode{
		"bin/start": 0o755, "a.txt": 0o644, "hard": 0o644,
		"bin": fs.ModeDir | 0o755, "empty": fs.ModeDir | 0o755, ".": fs.ModeDir | 0o755,
	} {
		info, err := os.Lstat(filepath.Join(src.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	text, err := os.ReadFile(filepath.Join(src.Dir, "deep/er/link"))
	if err != nil || string(text) != "hello" {
		t.Errorf("through the link: %q, %v", text, err)
	}
	if err := source.Verify(t.Context(), src); err != nil {
		t.Errorf("a fresh tree does not verify: %v", err)
	}
}

func TestUnpack_DigestDependsOnTheTreeOnly(t *testing.T) {
	digest := func(items ...item) string {
		src, _, err := unpack(t, source.Limits{}, archive(t, items...))
		if err != nil {
			t.Fatal(err)
		}
		return src.Digest
	}
	base := digest(item{name: "d/a", content: "1"}, item{name: "b", content: "2"})
	if !strings.HasPrefix(base, "sha256:") || len(base) != 7+64 {
		t.Fatalf("digest %q", base)
	}
	if again := digest(item{name: "b", content: "2"}, item{name: "d/"}, item{name: "./d/a", content: "1"}); again != base {
		t.Error("order and explicit directories change the digest")
	}
	for name, items := range map[string][]item{
		"content":    {{name: "d/a", content: "x"}, {name: "b", content: "2"}},
		"mode":       {{name: "d/a", content: "1", mode: 0o755}, {name: "b", content: "2"}},
		"name":       {{name: "d/c", content: "1"}, {name: "b", content: "2"}},
		"place":      {{name: "a", content: "1"}, {name: "d/b", content: "2"}},
		"kind":       {{name: "d/a", content: "1"}, {name: "b", kind: tar.TypeSymlink, link: "2"}},
		"empty dir":  {{name: "d/a", content: "1"}, {name: "b", content: "2"}, {name: "e/"}},
		"one less":   {{name: "d/a", content: "1"}},
		"moved byte": {{name: "d/a", content: ""}, {name: "b", content: "12"}},
	} {
		if digest(items...) == base {
			t.Errorf("another %s does not change the digest", name)
		}
	}
}

func TestUnpack_RefusesWhatLeavesTheTree(t *testing.T) {
	cases := map[string][]item{
		"dot dot":           {{name: "../x", content: "1"}},
		"dot dot inside":    {{name: "a/../../x", content: "1"}},
		"backslashes":       {{name: `a\..\..\x`, content: "1"}},
		"absolute":          {{name: "/etc/x", content: "1"}},
		"drive":             {{name: `C:\x`, content: "1"}},
		"link up":           {{name: "l", kind: tar.TypeSymlink, link: "../x"}},
		"link absolute":     {{name: "l", kind: tar.TypeSymlink, link: "/etc/passwd"}},
		"link up from deep": {{name: "a/b/l", kind: tar.TypeSymlink, link: "../../../x"}},
		"link by a link":    {{name: "d/up", kind: tar.TypeSymlink, link: ".."}, {name: "e", kind: tar.TypeSymlink, link: "d/up/../x"}},
		"link before the link that it uses": {
			{name: "e", kind: tar.TypeSymlink, link: "d/up/../x"}, {name: "d/up", kind: tar.TypeSymlink, link: ".."},
		},
		"write through a link": {{name: "l", kind: tar.TypeSymlink, link: "d"}, {name: "d/"}, {name: "l/x", content: "1"}},
		"slash after a link":   {{name: "l", kind: tar.TypeSymlink, link: "."}, {name: "l/"}},
		"hard link out":        {{name: "l", kind: tar.TypeLink, link: "../x"}},
		"hard link absolute":   {{name: "l", kind: tar.TypeLink, link: "/etc/shadow"}},
		"hard link to nothing": {{name: "l", kind: tar.TypeLink, link: "x"}},
		"hard link to a link":  {{name: "s", kind: tar.TypeSymlink, link: "x"}, {name: "l", kind: tar.TypeLink, link: "s"}},
		"twice":                {{name: "a", content: "1"}, {name: "./a", content: "2"}},
		"file then directory":  {{name: "a", content: "1"}, {name: "a/b", content: "2"}},
		"character device":     {{name: "null", kind: tar.TypeChar}},
		"block device":         {{name: "sda", kind: tar.TypeBlock}},
		"pipe":                 {{name: "p", kind: tar.TypeFifo}},
	}
	for name, items := range cases {
		t.Run(name, func(t *testing.T) {
			_, parent, err := unpack(t, source.Limits{}, archive(t, items...))
			wantCode(t, err, "source_entry_refused")
			wantEmpty(t, parent)
		})
	}
}

func TestUnpack_StopsAtItsLimits(t *testing.T) {
	many := make([]item, 0, 20)
	for i := range 20 {
		many = append(many, item{name: fmt.Sprintf("%d/f", i)})
	}
	cases := map[string]struct {
		limits source.Limits
		items  []item
		code   string
		says   string
	}{
		"bytes":      {source.Limits{Bytes: 2048}, []item{{name: "a", content: strings.Repeat("x", 1500)}, {name: "b", content: strings.Repeat("x", 600)}}, "source_too_large", "2 KB"},
		"hard links": {source.Limits{Bytes: 2048}, []item{{name: "a", content: strings.Repeat("x", 1500)}, {name: "b", kind: tar.TypeLink, link: "a"}}, "source_too_large", "2 KB"},
		"files":      {source.Limits{Files: 30}, many, "source_too_many_files", "30"},
		"depth":      {source.Limits{Depth: 3}, []item{{name: "a/b/c/d/e", content: "1"}}, "source_too_deep", "3 directories"},
		"path":       {source.Limits{Name: 20}, []item{{name: "a/" + strings.Repeat("b", 20)}}, "source_name_too_long", "20 bytes"},
		"name":       {source.Limits{}, []item{{name: strings.Repeat("b", 256)}}, "source_name_too_long", "255 bytes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, parent, err := unpack(t, c.limits, archive(t, c.items...))
			wantCode(t, err, c.code)
			if e := platform.AsError(err); !strings.Contains(e.Message, c.says) || e.Hint == "" {
				t.Errorf("says %q / %q, want %q", e.Message, e.Hint, c.says)
			}
			wantEmpty(t, parent)
		})
	}
}

func TestUnpack_LeavesNothingWhenTheStreamIsCut(t *testing.T) {
	whole := archive(t, item{name: "a", content: strings.Repeat("x", 4096)}, item{name: "b", content: strings.Repeat("y", 4096)}).Bytes()
	for _, n := range []int{100, 600, 3000, 5000, 6000} {
		_, parent, err := unpack(t, source.Limits{}, bytes.NewReader(whole[:n]))
		wantCode(t, err, "source_unreadable")
		wantEmpty(t, parent)
	}
}

func TestUnpack_StopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	parent := t.TempDir()
	endless := io.MultiReader(archive(t, item{name: "a", content: "1"}), readFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	}))
	whole := archive(t, item{name: "big", content: strings.Repeat("x", 1<<20)})
	_, err := source.Unpack(ctx, io.MultiReader(io.LimitReader(whole, 5000), endless), filepath.Join(parent, "tree"), source.Limits{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	wantEmpty(t, parent)
}

func TestUnpack_RefusesADirectoryThatIsThere(t *testing.T) {
	dir := t.TempDir()
	if _, err := source.Unpack(t.Context(), archive(t, item{name: "a"}), dir, source.Limits{}); err == nil {
		t.Error("no error")
	}
	wantEmpty(t, dir)
}

func TestVerify_SeesEveryChange(t *testing.T) {
	changes := map[string]func(dir string) error{
		"content": func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o644) },
		"cut":     func(dir string) error { return os.Truncate(filepath.Join(dir, "a"), 0) },
		"more":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "b"), nil, 0o644) },
		"less":    func(dir string) error { return os.Remove(filepath.Join(dir, "a")) },
		"gone":    os.RemoveAll,
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			src, _, err := unpack(t, source.Limits{}, archive(t, item{name: "a", content: "1"}))
			if err != nil {
				t.Fatal(err)
			}
			if err := change(src.Dir); err != nil {
				t.Fatal(err)
			}
			wantCode(t, source.Verify(t.Context(), src), "source_gone")
		})
	}
}

func TestClean_RemovesUnfinishedTreesOnly(t *testing.T) {
	parent := t.TempDir()
	for _, dir := range []string{".unpack-1/x", "whole/x"} {
		if err := os.MkdirAll(filepath.Join(parent, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := source.Clean(parent); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) != 1 || left[0].Name() != "whole" {
		t.Errorf("left %v, %v", left, err)
	}
}

// FuzzUnpack holds that no stream writes outside its directory, leaves a link that leads
// out, or leaves anything after an error.
func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, item{name: "a/b", content: "x"}, item{name: "l", kind: tar.TypeSymlink, link: "a"}).Bytes())
	f.Add(archive(f, item{name: "d/up", kind: tar.TypeSymlink, link: ".."}, item{name: "e", kind: tar.TypeSymlink, link: "d/up/../x"}).Bytes())
	f.Add(archive(f, item{name: "../x"}, item{name: "h", kind: tar.TypeLink, link: "/etc/shadow"}).Bytes())
	f.Fuzz(func(t *testing.T, stream []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "in", "tree")
		if err := os.Mkdir(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		src, err := source.Unpack(t.Context(), bytes.NewReader(stream), dir, source.Limits{Bytes: 1 << 20, Files: 100, Depth: 10})
		if outside, _ := os.ReadDir(parent); len(outside) != 1 {
			t.Fatalf("outside: %v", outside)
		}
		if err != nil {
			wantEmpty(t, filepath.Dir(dir))
			return
		}
		if err := source.Verify(t.Context(), src); err != nil {
			t.Fatal(err)
		}
		wantLinksInside(t, dir)
	})
}

func wantLinksInside(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() != fs.ModeSymlink {
			return err
		}
		if real, err := filepath.EvalSymlinks(path); err == nil && real != dir && !strings.HasPrefix(real, dir+"/") {
			t.Errorf("%s leads to %s", path, real)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *platform.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
