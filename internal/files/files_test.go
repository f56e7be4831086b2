package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

// volume makes files over one directory, and gives that.
func volume(t testing.TB) (Files, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "volume")
	must(t, os.Mkdir(dir, 0o755))
	return Files{Directory: func(string) string { return dir }}, dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	known := new(platform.Error)
	if !errors.As(err, &known) || known.Code != code || known.Message == "" {
		t.Errorf("got %v, want %s", err, code)
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
}

func (f Files) text(t testing.TB, name string) (string, error) {
	t.Helper()
	file, _, err := f.Open(t.Context(), "v", name)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(file)
	return string(text), errors.Join(err, file.Close())
}

func names(all []platform.VolumeFile) string {
	var told []string
	for _, v := range all {
		told = append(told, fmt.Sprintf("%q %s %d", v.Name, v.Kind, v.Bytes))
	}
	return strings.Join(told, ", ")
}

func TestList_DirectoriesFirstThenByName(t *testing.T) {
	f, dir := volume(t)
	write(t, dir, "b.txt", "hello")
	write(t, dir, "a\nb", "")
	write(t, dir, "\x1b[31mred", "x")
	write(t, dir, "zoo/deep", "x")
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	all, err := f.List(t.Context(), "v", "/", "", 100)
	must(t, err)
	want := `"zoo" directory 0, "\x1b[31mred" file 1, "a\nb" file 0, "b.txt" file 5, "link" link 0, "pipe" other 0`
	if names(all) != want {
		t.Errorf("got %s\nwant %s", names(all), want)
	}
	if all, err = f.List(t.Context(), "v", "zoo/../zoo/.", "", 100); err != nil || names(all) != `"deep" file 1` {
		t.Errorf("%s, %v", names(all), err)
	}
}

func TestList_GoesOnBehindAName(t *testing.T) {
	f, dir := volume(t)
	for i := range 10_000 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d", i)), nil, 0o644))
	}
	var all []string
	for after := ""; ; {
		part, err := f.List(t.Context(), "v", "", after, 999)
		must(t, err)
		if len(part) == 0 {
			break
		}
		for _, v := range part {
			all = append(all, v.Name)
		}
		after = part[len(part)-1].Order()
	}
	if len(all) != 10_000 || all[0] != "00000" || all[9999] != "09999" {
		t.Errorf("%d names, %v to %v", len(all), all[0], all[len(all)-1])
	}
}

func TestList_OfAVolumeThatNobodyHadYet(t *testing.T) {
	f := Files{Directory: func(string) string { return filepath.Join(t.TempDir(), "none") }}
	all, err := f.List(t.Context(), "v", "", "", 10)
	if err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	_, err = f.List(t.Context(), "v", "sub", "", 10)
	wantCode(t, err, "file_not_found")
}

func TestPaths_NothingLeadsOutside(t *testing.T) {
	f, dir := volume(t)
	write(t, filepath.Dir(dir), "secret", "outside")
	for link, to := range map[string]string{
		"passwd": "/etc/passwd", "etc": "/etc", "up": "..", "root": "/", "chain": "up/secret", "circle": "circle", "proc": "/proc/self/root",
	} {
		must(t, os.Symlink(to, filepath.Join(dir, link)))
	}
	for _, p := range []string{
		"passwd", "etc/passwd", "up/secret", "../secret", "../../../../../../etc/passwd", "/etc/passwd", "root/etc/passwd", "chain", "circle", "circle/x",
		"proc/etc/passwd", "a/../../secret", "up/../secret", "",
	} {
		text, err := f.text(t, p)
		if err == nil || text != "" {
			t.Errorf("%q is read: %q", p, text)
		}
		if platform.AsError(err).Code == "internal" {
			t.Errorf("%q: %v", p, err)
		}
	}
	for _, p := range []string{"passwd", "etc/evil", "up/evil", "root/tmp/evil", "up/volume/x", "circle/x", "etc", "proc/tmp/evil", ""} {
		if err := f.Save(t.Context(), "v", p, strings.NewReader("x"), 1, 0); err == nil || platform.AsError(err).Code == "internal" {
			t.Errorf("saved %q: %v", p, err)
		}
	}
	for _, p := range []string{"etc/passwd", "up/secret", "root/etc/passwd", "", ".", "/", "a/.."} {
		if err := f.Remove(t.Context(), "v", p, true); err == nil || platform.AsError(err).Code == "internal" {
			t.Errorf("removed %q: %v", p, err)
		}
	}
	if _, err := f.List(t.Context(), "v", "etc", "", 10); err == nil {
		t.Error("/etc is listed")
	}
	must(t, f.Save(t.Context(), "v", "../../../up-and-in", strings.NewReader("x"), 1, 0)) // "/" is the volume
	if text, err := f.text(t, "up-and-in"); err != nil || text != "x" {
		t.Errorf("%q, %v", text, err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 2 {
		t.Errorf("beside the volume lie %v, %v", left, err)
	}
}

func TestPaths_LinksThatStayInsideAreFollowedOnTheWay(t *testing.T) {
	f, dir := volume(t)
	write(t, dir, "real/file", "hello")
	must(t, os.Symlink("real", filepath.Join(dir, "current")))
	if text, err := f.text(t, "current/file"); err != nil || text != "hello" {
		t.Errorf("%q, %v", text, err)
	}
	must(t, f.Save(t.Context(), "v", "current/sub/new", strings.NewReader("x"), 1, 0))
	if text, err := os.ReadFile(filepath.Join(dir, "real/sub/new")); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestPaths_ThatCannotBeAreRefused(t *testing.T) {
	f, _ := volume(t)
	for _, p := range []string{"a\x00b", strings.Repeat("a/", 2049), strings.Repeat("a", 256), "x/" + strings.Repeat("ä", 128)} {
		_, _, err := f.Open(t.Context(), "v", p)
		wantCode(t, err, "file_path_invalid")
		wantCode(t, f.Save(t.Context(), "v", p, strings.NewReader(""), 0, 0), "file_path_invalid")
		wantCode(t, f.Remove(t.Context(), "v", p, true), "file_path_invalid")
		_, err = f.List(t.Context(), "v", p, "", 1)
		wantCode(t, err, "file_path_invalid")
	}
}

func TestOpen_OnlyRegularFilesAndNothingBlocks(t *testing.T) {
	f, dir := volume(t)
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666))
	must(t, os.Mkdir(filepath.Join(dir, "dir"), 0o755))
	must(t, os.Symlink("pipe", filepath.Join(dir, "link")))
	if err := syscall.Mknod(filepath.Join(dir, "device"), syscall.S_IFCHR|0o666, 1<<8|5); err != nil { // /dev/zero
		write(t, dir, "device/x", "") // not root: a directory does
	}
	for _, p := range []string{"pipe", "dir", "link", "device"} {
		_, err := f.text(t, p)
		wantCode(t, err, "file_not_regular")
		wantCode(t, f.Save(t.Context(), "v", p, strings.NewReader("x"), 1, 0), "file_not_regular")
	}
	for _, p := range []string{"pipe", "pipe/x", "link/x"} {
		_, err := f.List(t.Context(), "v", p, "", 1)
		wantCode(t, err, "file_not_found")
		wantCode(t, f.Remove(t.Context(), "v", p+"/y", true), "file_not_found")
	}
	_, err := f.text(t, "none")
	wantCode(t, err, "file_not_found")
}

func TestOpen_EmptyAndLargeFiles(t *testing.T) {
	f, _ := volume(t)
	large := bytes.Repeat([]byte("0123456789abcdef"), 4<<16)
	must(t, f.Save(t.Context(), "v", "large", bytes.NewReader(large), -1, 0))
	must(t, f.Save(t.Context(), "v", "empty", strings.NewReader(""), 0, 0))
	if text, err := f.text(t, "large"); err != nil || text != string(large) {
		t.Errorf("%d bytes of %d, %v", len(text), len(large), err)
	}
	if text, err := f.text(t, "empty"); err != nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestSane_TimesThatCannotBeWrittenDown(t *testing.T) {
	for _, at := range []time.Time{time.Unix(1<<55, 0), time.Unix(-1<<55, 0), {}} {
		text, err := sane(at).MarshalJSON()
		if err != nil {
			t.Errorf("%v: %s, %v", at, text, err)
		}
	}
	if now := time.Now(); !sane(now).Equal(now) {
		t.Error("a plain time is changed")
	}
}

func TestRemove_ADirectoryDeeperThanFilesMayBeOpen(t *testing.T) {
	f, dir := volume(t)
	must(t, os.MkdirAll(filepath.Join(dir, "deep", strings.Repeat("d/", 400)), 0o755))
	var before unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	few := before
	few.Cur = 200
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &few))
	err := f.Remove(t.Context(), "v", "deep", true)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before))
	if left, readErr := os.ReadDir(dir); err != nil || readErr != nil || len(left) > 0 {
		t.Errorf("%v; left are %v, %v", err, left, readErr)
	}
}

func TestRemove_ADirectoryWithSomethingInItOnlyWhenSaid(t *testing.T) {
	f, dir := volume(t)
	write(t, dir, "dir/sub/file", "x")
	write(t, dir, "kept/file", "x")
	must(t, os.Symlink("../kept", filepath.Join(dir, "dir/link")))
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666))
	wantCode(t, f.Remove(t.Context(), "v", "dir", false), "directory_not_empty")
	for _, p := range []string{"dir/link", "empty", "pipe"} {
		must(t, f.Remove(t.Context(), "v", p, false))
	}
	must(t, os.Symlink("../kept", filepath.Join(dir, "dir/link")))
	must(t, f.Remove(t.Context(), "v", "dir", true))
	for _, all := range []bool{true, false} {
		wantCode(t, f.Remove(t.Context(), "v", "dir", all), "file_not_found")
		wantCode(t, f.Remove(t.Context(), "v", "none/x", all), "file_not_found")
	}
	if _, err := os.Stat(filepath.Join(dir, "kept/file")); err != nil {
		t.Errorf("what a link led to is gone: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestErrors_ShowNamesSafely(t *testing.T) {
	f, _ := volume(t)
	_, err := f.text(t, "a\n\x1b[31m\u202egnp.exe"+strings.Repeat("x", 100))
	message := platform.AsError(err).Message
	if strings.ContainsAny(message, "\n\x1b\u202e") || len([]rune(message)) > 200 {
		t.Errorf("%q", message)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cause is lost: %v", err)
	}
}
