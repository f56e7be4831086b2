package sftp

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/platform"
)

func TestServe_TheRealClientBringsAndTakesFiles(t *testing.T) {
	w := newWorld(t)
	here := filepath.Join(t.TempDir(), "photo.jpg")
	text := strings.Repeat("photo", 100_000)
	must(t, os.WriteFile(here, []byte(text), 0o640))
	w.write("uploads/sub/half.jpg", text[:123_456])
	out, err := w.real(fmt.Sprintf(`
ls -l /
ls /shop
cd /shop/uploads
ls
mkdir new
put %s sub/photo.jpg
put -p %s sub/kept.jpg
rename sub/photo.jpg sub/a.jpg
ls -l sub
get sub/a.jpg back.jpg
chmod 600 sub/a.jpg
reput %s sub/half.jpg
rm sub/kept.jpg
rmdir /shop/uploads/gone
`, here, here, here))
	if err == nil {
		t.Error("what is not there was removed")
	}
	for _, part := range []string{"shop", "other", "uploads", "500000", "a.jpg"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in:\n%s", part, out)
		}
	}
	w.want("uploads/sub/a.jpg", text)
	w.want("uploads/sub/half.jpg", text)
	if info, err := os.Stat(filepath.Join(w.dir, "uploads/sub/a.jpg")); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, err := os.ReadDir(filepath.Join(w.dir, "uploads/sub")); err != nil || len(left) != 2 {
		t.Errorf("%v, %v\n%s", left, err, out)
	}
}

func TestServe_TheRealClientGetsNowhereElse(t *testing.T) {
	w := newWorld(t)
	w.write("uploads/file", "mine")
	w.write("secret", "secret")
	must(t, os.Symlink(filepath.Join(w.dir, "secret"), filepath.Join(w.dir, "uploads/link")))
	must(t, os.Symlink("../..", filepath.Join(w.dir, "uploads/up")))
	for _, line := range []string{
		"get /shop/uploads/link", "get /shop/uploads/up/secret", "cd /shop/uploads/up", "get /shop/uploads/../../secret", "get /../../../../etc/passwd",
		"get /etc/passwd", "ls /blog", "mkdir /new", "mkdir /shop/new", "rm /shop/uploads", "rmdir /shop/uploads", "rename /shop/uploads /shop/mine",
		"rename /shop/uploads/file /shop/other/file", "rename /shop/uploads/file /shop/uploads/up/file", "rename /shop/uploads/file /shop/uploads/../../../stolen",
		"symlink /etc/passwd /shop/uploads/new", "ln /shop/uploads/file /shop/uploads/new", "chmod 777 /shop/uploads/link", "put /etc/hostname /shop/uploads/link",
		"put /etc/hostname /shop/uploads/up/new", "put /etc/hostname /top", "put /etc/hostname /shop/top", "chown 0 /shop/uploads/link",
	} {
		if out, err := w.real(line + "\n"); err == nil {
			t.Errorf("%s is let through:\n%s", line, out)
		}
	}
	if out, err := w.real("ls -la /shop/uploads/up/"); strings.Contains(out, "secret") {
		t.Errorf("%v\n%s", err, out)
	}
	w.want("secret", "secret")
	w.want("uploads/file", "mine")
	if left, err := os.ReadDir(filepath.Join(w.dir, "uploads")); err != nil || len(left) != 3 {
		t.Errorf("%v, %v", left, err)
	}
	if info, err := os.Stat(filepath.Join(w.dir, "secret")); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestServe_ALargeDirectoryIsListedWhole(t *testing.T) {
	w := newWorld(t)
	for i := range 10_000 {
		w.write("uploads/"+strconv.Itoa(i), "")
	}
	client, _, _ := w.connect()
	if found, err := client.ReadDir("/shop/uploads"); err != nil || len(found) != 10_000 {
		t.Errorf("%d files, %v", len(found), err)
	}
	if found, err := client.ReadDir("/shop/other"); err != nil || len(found) != 0 {
		t.Errorf("a volume that nobody had: %v, %v", found, err)
	}
}

func TestServe_WhatDoesNotFitIsRefused(t *testing.T) {
	w := newWorld(t)
	w.door.most = 8 << 20
	client, told, _ := w.connect()
	f, err := client.Create("/shop/uploads/large")
	must(t, err)
	n, err := io.Copy(struct{ io.Writer }{f}, io.LimitReader(zeros{}, 64<<20))
	if err == nil || n > 10<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	_ = f.Close() // it is over
	if info, err := os.Stat(filepath.Join(w.dir, "uploads/large")); err != nil || info.Size() > 8<<20 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	wait(t, "the reason", func() bool { return strings.Contains(told.String(), "The volumes of shop are full.") })
	w.door.set(func() { w.door.held = w.door.most })
	if _, err := client.Create("/shop/uploads/more"); err == nil {
		t.Error("one more is made")
	}
	if client.Truncate("/shop/uploads/large", 1<<40) == nil || client.Mkdir("/shop/uploads/dir") == nil {
		t.Error("it grows otherwise")
	}
	must(t, client.Remove("/shop/uploads/large"))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestServe_WhoMayNoLongerHasToGo(t *testing.T) {
	w := newWorld(t)
	client, _, ended := w.connect()
	f, err := client.Create("/shop/uploads/file")
	must(t, err)
	_, err = f.Write([]byte("before"))
	must(t, err)
	w.door.set(func() { w.door.refused = true })
	if err := <-ended; !platform.IsKind(err, platform.Forbidden) {
		t.Errorf("it ended by %v", err)
	}
	if _, err := f.Write([]byte("after")); err == nil {
		t.Error("it is still written to")
	}
	w.want("uploads/file", "before")
}

// Between two looks at the session, each piece is asked for.
func TestServe_APieceOfAFileIsNotWrittenByWhoMayNot(t *testing.T) {
	w := newWorld(t)
	v := &visit{server: w.server, ctx: t.Context(), who: w.door.who, terminal: io.Discard, recheck: time.Nanosecond, grants: map[place]grant{}, changed: map[place]bool{}}
	w.write("uploads/file", "before")
	opened, err := w.server.Files.OpenFile(t.Context(), "uploads", "file", os.O_RDWR, 0)
	must(t, err)
	f := &file{File: opened, visit: v, place: place{"shop", "uploads"}, id: "uploads", write: true}
	w.door.refused = true
	if _, err := f.WriteAt([]byte("after"), 0); err == nil {
		t.Error("written")
	}
	if _, err := f.ReadAt(make([]byte, 3), 0); err == nil {
		t.Error("read")
	}
	must(t, f.Close())
	w.want("uploads/file", "before")
}

func TestServe_WhoAsksForNothingHasToGo(t *testing.T) {
	w := newWorld(t)
	w.server.Idle = 50 * time.Millisecond
	_, told, ended := w.connect()
	if err := <-ended; platform.AsError(err).Code != "sftp_idle" || !strings.Contains(told.String(), "Connect again.") {
		t.Errorf("it ended by %v, and was told %q", err, told.String())
	}
}

func TestServe_OneHasSoManySessionsAndFiles(t *testing.T) {
	w := newWorld(t)
	for range mostSessionsOfOne {
		if client, _, _ := w.connect(); client == nil {
			t.Fatal("no session")
		}
	}
	if _, _, ended := w.connect(); platform.AsError(<-ended).Code != "sftp_busy" {
		t.Error("one more is let in")
	}
	w = newWorld(t)
	client, _, _ := w.connect()
	for i := range mostOpen {
		_, err := client.Create("/shop/uploads/" + strconv.Itoa(i))
		must(t, err)
	}
	if _, err := client.Create("/shop/uploads/more"); err == nil {
		t.Error("one more is opened")
	}
	if _, err := client.ReadDir("/shop/uploads"); err == nil {
		t.Error("one more is opened")
	}
}

func TestServe_ManyChangesAreOneEvent(t *testing.T) {
	w := newWorld(t)
	client, _, _ := w.connect()
	if _, err := client.Stat("/shop/uploads/nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for i := range 5 {
		f, err := client.Create("/shop/uploads/" + strconv.Itoa(i))
		must(t, err)
		must(t, f.Close())
		must(t, client.Remove("/shop/uploads/"+strconv.Itoa(i)))
	}
	must(t, client.Mkdir("/shop/other/dir"))
	w.door.mu.Lock()
	defer w.door.mu.Unlock()
	if got := strings.Join(w.door.changed, " "); got != "shop/uploads shop/other" {
		t.Errorf("events: %s", got)
	}
}
