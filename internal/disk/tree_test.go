package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deep makes directories in one another below dir, with a file in each of so many bytes, and gives what they take.
func deep(t *testing.T, dir string, levels, bytes int) (taken int64) {
	t.Helper()
	at, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	for range levels {
		must(t, unix.Mkdirat(at, "directory", 0o755))
		below, err := unix.Openat(at, "directory", unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		must(t, err)
		must(t, unix.Close(at))
		at = below
		file, err := unix.Openat(at, "file", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
		must(t, err)
		_, err = unix.Write(file, []byte(strings.Repeat("x", bytes)))
		must(t, err)
		must(t, unix.Close(file))
		for _, name := range []string{".", "file"} {
			var s unix.Stat_t
			must(t, unix.Fstatat(at, name, &s, 0))
			taken += s.Blocks * 512
		}
	}
	must(t, unix.Close(at))
	return taken
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fewFiles lets this process open only a few files until the test ends.
func fewFiles(t *testing.T) {
	t.Helper()
	var before unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	few := before
	few.Cur = 256
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &few))
	t.Cleanup(func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before)) })
}

func TestTree_IsMeasuredAndRemovedHoweverDeep(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	must(t, os.Mkdir(tree, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "beside"), []byte("x"), 0o644))
	top := Taken(t.Context(), tree)
	want := top + deep(t, tree, 3_000, 1)
	fewFiles(t)
	if got := Taken(t.Context(), tree); got != want {
		t.Errorf("it takes %d, want %d", got, want)
	}
	must(t, Remove(tree))
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "beside" {
		t.Errorf("there is %v, %v", left, err)
	}
}

func TestRemove_WideAndDeepWithEverythingThatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	outside, tree := filepath.Join(dir, "outside"), filepath.Join(dir, "tree")
	must(t, os.MkdirAll(filepath.Join(outside, "sub"), 0o755))
	must(t, os.WriteFile(filepath.Join(outside, "sub", "file"), nil, 0o644))
	for _, name := range []string{"a", "b", "c/d"} {
		at := filepath.Join(tree, name)
		must(t, os.MkdirAll(at, 0o755))
		deep(t, at, 2*inOneAnother+10, 0)
		must(t, os.Symlink(outside, filepath.Join(at, "link")))
		must(t, os.Symlink("nowhere", filepath.Join(at, "broken")))
		must(t, unix.Mkfifo(filepath.Join(at, "pipe"), 0o644))
		for range namesAtOnce + 10 {
			f, err := os.CreateTemp(at, "")
			must(t, err)
			must(t, f.Close())
		}
	}
	must(t, os.Symlink(outside, filepath.Join(dir, "link")))
	must(t, Remove(filepath.Join(dir, "link")))
	must(t, Remove(tree))
	must(t, Remove(tree))
	must(t, Remove(filepath.Join(tree, "not", "there")))
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("there is %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(outside, "sub", "file")); err != nil {
		t.Errorf("outside: %v", err)
	}
}

// What cannot go does not keep the rest.
func TestRemove_SaysWhatStays(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	must(t, os.MkdirAll(filepath.Join(tree, "mounted"), 0o755))
	must(t, os.WriteFile(filepath.Join(tree, "file"), nil, 0o644))
	if err := unix.Mount("none", filepath.Join(tree, "mounted"), "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("run this test as root, it mounts: %v", err)
	}
	err := Remove(tree)
	must(t, unix.Unmount(filepath.Join(tree, "mounted"), 0))
	if !errors.Is(err, unix.EBUSY) {
		t.Errorf("removing: %v", err)
	}
	if _, err := os.Stat(filepath.Join(tree, "file")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the rest: %v", err)
	}
	must(t, Remove(tree))
}

func TestTaken_CountsAFileWithSeveralNamesOnceAndNoLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), make([]byte, 1<<20), 0o644))
	before := Taken(t.Context(), dir)
	if file := Taken(t.Context(), filepath.Join(dir, "file")); file < 1<<20 || before <= file {
		t.Errorf("the file takes %d, the directory %d", file, before)
	}
	must(t, os.Link(filepath.Join(dir, "file"), filepath.Join(dir, "other")))
	must(t, os.Symlink("/usr", filepath.Join(dir, "link")))
	if got := Taken(t.Context(), dir); got != before {
		t.Errorf("it takes %d, want %d", got, before)
	}
	if got := Taken(t.Context(), filepath.Join(dir, "nothing")); got != 0 {
		t.Errorf("nothing takes %d", got)
	}
}

// A stranger's program swaps directories for links and moves them about as fast as it can.
func TestTree_LeadsNowhereElseWhateverIsMovedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	outside, tree := filepath.Join(dir, "outside"), filepath.Join(dir, "tree")
	must(t, os.MkdirAll(outside, 0o755))
	must(t, os.WriteFile(filepath.Join(outside, "large"), make([]byte, 32<<20), 0o644))
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			at := filepath.Join(tree, "at") // errors are as good as successes
			_ = os.Rename(at, filepath.Join(dir, "aside"))
			_ = os.Symlink(outside, at)
			_ = os.Remove(at)
			_ = os.Rename(filepath.Join(dir, "aside"), at)
			_ = os.Rename(filepath.Join(at, "directory", "directory"), filepath.Join(tree, "moved"))
			_ = os.Rename(filepath.Join(tree, "moved"), filepath.Join(at, "directory", "directory"))
		}
	})
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		_ = os.MkdirAll(filepath.Join(tree, "at", "directory", "directory", "directory", "directory"), 0o755)
		for range 20 {
			if got := Taken(t.Context(), tree); got > 1<<20 {
				t.Fatalf("it takes %d", got)
			}
		}
		_ = Remove(tree) // whatever it says: it is being written to
	}
	close(stop)
	moving.Wait()
	if info, err := os.Stat(filepath.Join(outside, "large")); err != nil || info.Size() != 32<<20 {
		t.Errorf("outside: %v, %v", info, err)
	}
	must(t, Remove(tree))
}
