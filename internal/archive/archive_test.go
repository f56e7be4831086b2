package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/archive"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

func TestUnpack_TakesEachKindByItsContent(t *testing.T) {
	for name, pack := range packers {
		t.Run(name, func(t *testing.T) {
			src, err := unpack(t, pack(t,
				item{name: "bin/start", content: "#!/bin/sh\n", mode: 0o4755},
				item{name: "index.html", content: "hello"},
				item{name: "link", kind: tar.TypeSymlink, link: "bin/../index.html"},
			), source.Limits{})
			must(t, err)
			holds(t, src, map[string]string{"bin/start": "#!/bin/sh\n", "index.html": "hello", "link": "hello"})
			info, err := os.Stat(filepath.Join(src.Dir, "bin/start"))
			must(t, err)
			if info.Mode() != 0o755 {
				t.Errorf("mode %v, want 0755 without setuid", info.Mode())
			}
		})
	}
}

func TestA29_SingleTopFolderIsTheSource(t *testing.T) {
	want := map[string]string{"index.html": "hello", "css/a.css": "x"}
	var digests []string
	for name, pack := range packers {
		wrapped, err := unpack(t, pack(t,
			item{name: "__MACOSX/._shop", content: "junk"}, item{name: ".DS_Store", content: "junk"},
			item{name: "shop/"}, item{name: "shop/index.html", content: "hello"}, item{name: "shop/.DS_Store", content: "junk"},
			item{name: "shop/css/a.css", content: "x"}, item{name: "shop/css/._a.css", content: "junk"},
		), source.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		holds(t, wrapped, want)
		bare, err := unpack(t, pack(t, item{name: "./index.html", content: "hello"}, item{name: "./css/a.css", content: "x"}), source.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		digests = append(digests, wrapped.Digest, bare.Digest)
	}
	for _, d := range digests {
		if d != digests[0] {
			t.Errorf("the same files have the digests %s and %s", d, digests[0])
		}
	}
	beside, err := unpack(t, zipOf(t, item{name: "shop/index.html", content: "hello"}, item{name: "README", content: "x"}), source.Limits{})
	must(t, err)
	holds(t, beside, map[string]string{"shop/index.html": "hello", "README": "x"})
}

func TestA26_ArchiveThatLeavesItsDirectory(t *testing.T) {
	for kind, pack := range packers {
		for _, name := range []string{"../evil", "a/../../evil", "/etc/evil", `..\evil`, `a\..\..\evil`, `C:\evil`, `\\server\share\evil`, "a/\x00/evil"} {
			if strings.Contains(name, "\x00") && kind != "zip" {
				continue // tar's names end there
			}
			_, err := unpack(t, pack(t, item{name: "ok", content: "fine"}, item{name: name, content: "evil"}), source.Limits{})
			refused(t, err, "source_entry_refused", "evil")
		}
	}
}

func TestA26_BackslashesOfWindowsAreFolders(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range map[string]string{`shop\css\a.css`: "x", `shop\index.html`: "hello"} {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name}) // of no system
		must(t, err)
		_, err = f.Write([]byte(content))
		must(t, err)
	}
	must(t, w.Close())
	src, err := unpack(t, b.Bytes(), source.Limits{})
	must(t, err)
	holds(t, src, map[string]string{"css/a.css": "x", "index.html": "hello"})
}

func TestA27_LinksAndSpecialFiles(t *testing.T) {
	link := func(name, to string) item { return item{name: name, kind: tar.TypeSymlink, link: to} }
	cases := map[string][]item{
		"write through":       {link("d", "/tmp"), {name: "d/evil", content: "x"}},
		"write through inner": {{name: "real/x", content: "x"}, link("evil", "real"), {name: "evil/y", content: "x"}},
		"out":                 {link("evil", "../../etc/passwd")},
		"absolute":            {link("evil", "/etc/passwd")},
		"two steps":           {{name: "a/b/x", content: "x"}, link("a/b/up", ".."), link("evil", "a/b/up/../../..")},
		"chain":               {{name: "x", content: "x"}, link("one", "two"), link("two", "three/.."), link("three", "a"), link("a", "."), link("evil", "three/../..")},
		"slash":               {link("evil", "../")},
		"empty":               {link("evil", "")},
		"fifo":                {{name: "evil", kind: tar.TypeFifo}},
		"device":              {{name: "evil", kind: tar.TypeChar}},
		"wrapped out":         {{name: "top/x", content: "x"}, link("top/evil", "../top/x")},
	}
	for name, items := range cases {
		for kind, pack := range packers {
			_, err := unpack(t, pack(t, items...), source.Limits{})
			if err == nil {
				t.Errorf("%s as %s was taken", name, kind)
				continue
			}
			want := "evil"
			if name == "write through" {
				want = "d"
			}
			refused(t, err, "source_entry_refused", want)
		}
	}
	for _, kind := range []string{"tar", "tar.gz", "tar.zst"} { // a zip has no hard links
		for _, to := range []string{"/etc/shadow", "../../etc/shadow", "nowhere"} {
			_, err := unpack(t, packers[kind](t, item{name: "evil", kind: tar.TypeLink, link: to}), source.Limits{})
			refused(t, err, "source_entry_refused", "evil")
		}
	}
}

// flat fails when f needs more memory than an upload may.
func flat(t *testing.T, f func()) {
	t.Helper()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan uint64)
	stop := make(chan struct{})
	go func() {
		most := uint64(0)
		for {
			select {
			case <-stop:
				done <- most
				return
			default:
				runtime.ReadMemStats(&after)
				most = max(most, after.HeapInuse)
				runtime.Gosched()
			}
		}
	}()
	f()
	close(stop)
	if most := <-done; most > before.HeapInuse+64<<20 {
		t.Errorf("%d MiB of memory were needed", (most-before.HeapInuse)>>20)
	}
}

func TestA28_BombsStopAtTheLimit(t *testing.T) {
	limits := source.Limits{Bytes: 32 << 20, Files: 2000}
	zeros := string(make([]byte, 64<<20))
	var many []item
	for i := range 3000 {
		many = append(many, item{name: fmt.Sprintf("d/%d/%d", i%50, i)})
	}
	for _, pack := range packers {
		big, files := pack(t, item{name: "bomb", content: zeros}), pack(t, many...)
		flat(t, func() {
			_, err := unpack(t, big, limits)
			refused(t, err, "source_too_large", "32 MB")
			_, err = unpack(t, files, limits)
			refused(t, err, "source_too_many_files", "2,000")
		})
	}
	nested := zipOf(t, item{name: "inner.zip", content: string(zipOf(t, item{name: "bomb", content: zeros}))})
	src, err := unpack(t, nested, limits)
	must(t, err)
	if src.Files != 1 {
		t.Errorf("the inner archive was unpacked: %d files", src.Files)
	}
}

// What is left out of a source has to be unpacked all the same where one stream holds everything.
func TestA28_BombsThatAreLeftOutStopAtTheLimit(t *testing.T) {
	limits := source.Limits{Bytes: 4 << 20, Files: 500}
	zeros := string(make([]byte, 16<<20))
	many := []item{{name: "app.js", content: "x"}}
	for i := range 20_000 {
		many = append(many, item{name: fmt.Sprintf("__MACOSX/%d", i)})
	}
	for _, kind := range []string{"tar", "tar.gz", "tar.zst"} {
		big := packers[kind](t, item{name: "app.js", content: "x"}, item{name: "__MACOSX/bomb", content: zeros})
		files, after := packers[kind](t, many...), packers[kind](t, item{name: "__MACOSX/bomb", content: zeros}, item{name: "app.js", content: "x"})
		for _, b := range [][]byte{big, files, after} {
			_, err := unpack(t, b, limits)
			refused(t, err, "source_too_large", "4 MB")
		}
	}
	zipped := zipOf(t, item{name: "app.js", content: "x"}, item{name: "__MACOSX/bomb", content: zeros})
	src, err := unpack(t, zipped, limits) // its parts stand for themselves: what is left out is not unpacked
	must(t, err)
	holds(t, src, map[string]string{"app.js": "x"})
}

func TestA28_ListOfAZipIsCountedBeforeItIsRead(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range 300_000 {
		_, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprint("file", i)})
		must(t, err)
	}
	must(t, w.Close())
	upload := b.Bytes()
	flat(t, func() {
		_, err := unpack(t, upload, source.Limits{})
		refused(t, err, "source_too_many_files", "100,000")
	})
}

func TestA28_HeadersThatClaimTooMuch(t *testing.T) {
	small := zipOf(t, item{name: "evil", content: "tiny"})
	at := bytes.LastIndex(small, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(small[at+24:], 0xfffffff0) // the size before compression
	_, err := unpack(t, small, source.Limits{})
	refused(t, err, "source_unreadable", "damaged")

	header := tarOf(t, item{name: "evil", content: "tiny"})
	copy(header[124:136], "\x80\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00") // 4 EiB
	sign(header)
	_, err = unpack(t, header, source.Limits{})
	refused(t, err, "source_unreadable", "damaged")
}

// sign puts the right checksum into a tar header.
func sign(header []byte) {
	copy(header[148:156], "        ")
	sum := 0
	for _, c := range header[:512] {
		sum += int(c)
	}
	copy(header[148:156], fmt.Sprintf("%07o\x00", sum))
}

// sparse is an archive of one file that claims size bytes, and has none of them.
func sparse(t *testing.T, size string) []byte {
	t.Helper()
	size = "GNU.sparse.realsize=" + size + "\n"
	records := "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n" + lengthOf(len(size)) + size
	head := tarOf(t, item{name: "PaxHeaders.0/bomb", content: records})
	head[156] = 'x' // the library does not write sparse files
	sign(head)
	body := tarOf(t, item{name: "bomb", content: "1\n0\n0\n" + string(make([]byte, 506))})
	return append(head[:len(head)-1024], body...)
}

// lengthOf is what stands before a record of rest bytes; it counts itself.
func lengthOf(rest int) string {
	for n := rest + 2; ; n++ {
		if s := fmt.Sprint(n) + " "; len(s)+rest == n {
			return s
		}
	}
}

func TestA28_SparseFileIsCountedByWhatItWouldTake(t *testing.T) {
	flat(t, func() {
		_, err := unpack(t, sparse(t, "1099511627776"), source.Limits{Bytes: 16 << 20})
		refused(t, err, "source_too_large", "16 MB")
	})
}

func TestA29_WhatIsNoArchive(t *testing.T) {
	tarred := tarOf(t, item{name: "a", content: strings.Repeat("hello ", 2000)})
	zipped := zipOf(t, item{name: "a", content: strings.Repeat("hello ", 2000)})
	encrypted := zipOf(t, item{name: "secret", content: "x"})
	encrypted[bytes.LastIndex(encrypted, []byte("PK\x01\x02"))+8] |= 1
	odd := zipOf(t, item{name: "odd", content: "x"})
	odd[bytes.LastIndex(odd, []byte("PK\x01\x02"))+10] = 12 // bzip2
	wrong := append([]byte(nil), zipped...)
	wrong[40] ^= 0xff
	damagedGzip := gzipOf(t, tarred)
	damagedGzip[len(damagedGzip)-6] ^= 0xff
	for name, c := range map[string]struct {
		upload      []byte
		code, names string
	}{
		"nothing":        {nil, "upload_empty", "empty"},
		"rar":            {[]byte("Rar!\x1a\x07\x00"), "upload_kind", "RAR"},
		"7z":             {[]byte("7z\xbc\xaf\x27\x1c"), "upload_kind", "7-Zip"},
		"text":           {[]byte("hello"), "upload_kind", "no archive"},
		"program first":  {append([]byte("MZ\x90\x00"), zipped...), "upload_kind", "Windows program"},
		"page":           {[]byte("<!DOCTYPE html>"), "upload_kind", "web page"},
		"gzip of a file": {gzipOf(t, []byte("console.log(1)")), "upload_kind", "single file"},
		"gzip of a zip":  {gzipOf(t, zipped), "upload_kind", "zip archive"},
		"zstd of a file": {zstdOf(t, []byte("console.log(1)")), "upload_kind", "single file"},
		"empty gzip":     {gzipOf(t, nil), "upload_empty", "empty"},
		"empty zip":      {zipOf(t), "source_empty", "no files"},
		"empty tar":      {tarOf(t), "source_empty", "no files"},
		"only folders":   {zipOf(t, item{name: "a/"}, item{name: "a/b/"}), "source_empty", "no files"},
		"only macOS":     {zipOf(t, item{name: "__MACOSX/._a", content: "x"}, item{name: ".DS_Store", content: "x"}), "source_empty", "no files"},
		"cut zip":        {zipped[:len(zipped)-30], "source_unreadable", "damaged"},
		"wrong zip":      {wrong, "source_unreadable", "damaged"},
		"cut tar":        {tarred[:5000], "source_unreadable", "damaged"},
		"tar at a block": {tarred[:len(tarred)-1024], "source_unreadable", "damaged"},
		"cut gzip":       {gzipOf(t, tarred)[:60], "source_unreadable", "damaged"},
		"wrong gzip":     {damagedGzip, "source_unreadable", "damaged"},
		"cut zstd":       {zstdOf(t, tarred)[:40], "source_unreadable", "damaged"},
		"more behind":    {append(append([]byte(nil), tarred...), bytes.Repeat([]byte("x"), 5<<20)...), "source_unreadable", "damaged"},
		"encrypted":      {encrypted, "upload_locked", "secret"},
		"odd method":     {odd, "upload_method", "odd"},
		"twice":          {zipOf(t, item{name: "same", content: "1"}, item{name: "same", content: "2"}), "source_entry_refused", "same"},
		"file and dir":   {zipOf(t, item{name: "same", content: "1"}, item{name: "same/x", content: "2"}), "source_entry_refused", "same"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(t, c.upload, source.Limits{})
			refused(t, err, c.code, c.names)
		})
	}
}

func TestUnpack_StopsWithItsContext(t *testing.T) {
	parent := t.TempDir()
	file := filepath.Join(parent, "upload")
	must(t, os.WriteFile(file, tarOf(t, item{name: "a", content: "x"}), 0o600))
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := archive.Unpack(ctx, f, filepath.Join(parent, "tree"), source.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
	if left, _ := os.ReadDir(parent); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// FuzzUnpack holds that nothing is written outside the tree, whatever comes, and that every
// refusal is a sentence.
func FuzzUnpack(f *testing.F) {
	items := []item{
		{name: "top/a.txt", content: "hello"},
		{name: "top/d/"},
		{name: "top/l", kind: tar.TypeSymlink, link: "a.txt"},
		{name: "__MACOSX/._a", content: "x"},
		{name: `C:\x`, content: "x"},
		{name: "../evil", content: "x"},
	}
	for _, pack := range packers {
		f.Add(pack(f, items[:4]...))
		f.Add(pack(f, items...))
	}
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		src, err := unpack(t, b, source.Limits{Bytes: 1 << 20, Files: 200})
		var e *platform.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%v is no sentence", err)
		}
		if err == nil {
			if err := source.Verify(t.Context(), src); err != nil {
				t.Fatal(err)
			}
		}
	})
}
