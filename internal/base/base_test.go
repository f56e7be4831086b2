package base

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

type entry struct {
	name, text string
	kind       byte
}

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Typeflag: e.kind, Size: int64(len(e.text)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWithUser_AddsTheUserAndLeavesOutWhatDiffers(t *testing.T) {
	in := archive(t,
		entry{"./", "", tar.TypeDir}, entry{"./etc/passwd", "root:x:0:0::/root:/bin/sh\n", tar.TypeReg}, entry{"./etc/group", "root:x:0:\n", tar.TypeReg},
		entry{"./home/", "", tar.TypeDir}, entry{"./var/log/", "", tar.TypeDir}, entry{"./var/log/dpkg.log", "now", tar.TypeReg},
		entry{"./var/cache/apt/pkgcache.bin", "x", tar.TypeReg}, entry{"./var/lib/dpkg/status-old", "x", tar.TypeReg}, entry{"./var/lib/dpkg/status", "x", tar.TypeReg},
		entry{"./dev/null", "", tar.TypeChar},
	)
	var out bytes.Buffer
	if err := withUser(bytes.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	r := tar.NewReader(&out)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = string(text)
		if header.Name == "./home/" && header.Uid != UserID {
			t.Errorf("%s belongs to %d", header.Name, header.Uid)
		}
	}
	if !strings.HasSuffix(found["./etc/passwd"], "\napp:x:1000:1000::/home:/bin/sh\n") || found["./etc/group"] != "root:x:0:\napp:x:1000:\n" {
		t.Errorf("passwd %q, group %q", found["./etc/passwd"], found["./etc/group"])
	}
	for _, name := range []string{"./var/log/dpkg.log", "./var/cache/apt/pkgcache.bin", "./var/lib/dpkg/status-old", "./dev/null"} {
		if _, ok := found[name]; ok {
			t.Errorf("%s is there", name)
		}
	}
	for _, name := range []string{"./var/log/", "./var/lib/dpkg/status", "./"} {
		if _, ok := found[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestWithUser_RefusesAnArchiveThatIsNoSystem(t *testing.T) {
	for name, in := range map[string][]byte{"empty": archive(t), "no tar": []byte("hello"), "no passwd": archive(t, entry{"./etc/group", "x", tar.TypeReg})} {
		if err := withUser(bytes.NewReader(in), io.Discard); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestExplain_SaysWhatToDo(t *testing.T) {
	for text, code := range map[string]string{
		"E: Could not resolve 'x'": "debian_unreachable", "The following signatures: NO_PUBKEY 6ED0": "debian_keyring", "tar: No space left on device": "disk_full",
	} {
		var e *platform.Error
		if err := explain(errors.New(text)); !errors.As(err, &e) || e.Code != code || e.Hint == "" {
			t.Errorf("%q becomes %v", text, err)
		}
	}
}

func TestTools_MakesAFileSystemWithTheProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tools.tar")
	if err := (Maker{}).Tools(t.Context(), file, "base-files", "hello"); err != nil {
		t.Fatal(err)
	}
	names := listing(t, file)
	if !strings.Contains(names, "./usr/bin/hello\n") || !strings.Contains(names, "./lib\n") {
		t.Errorf("it has %d bytes of names without the program or the loader's link", len(names))
	}
}

func TestPipe_SaysWhyNobodyListened(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mmdebstrap"), []byte("#!/bin/sh\nexec /bin/cat /dev/zero\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	full := func(io.Reader) error { return &os.PathError{Op: "write", Path: "rootfs.tar", Err: syscall.ENOSPC} }
	if err := (Maker{}).pipe(t.Context(), dir, nil, full); !platform.IsKind(err, platform.NoRoom) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mmdebstrap"), []byte("#!/bin/sh\necho 'E: Could not resolve x' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	all := func(r io.Reader) error { return withUser(r, io.Discard) }
	if err := (Maker{}).pipe(t.Context(), dir, nil, all); !platform.IsKind(err, platform.Unavailable) {
		t.Errorf("got %v", err)
	}
}
