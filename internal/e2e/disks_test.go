package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/testenv/loopback"
)

// TestEngineDisk fills the engine's disk while an app serves. It takes the engine away from everybody else, so
// it runs when all other packages are done (internal/testenv/tests).
func TestEngineDisk(t *testing.T) {
	s := newServer(t)
	images := s.engineDisk(t)
	testInstall(t, s)
	testAccount(t, s)
	r := s.repo(t, "shop", "node")
	r.pushed(t, "first")
	traffic := drive(t, s.client, s.url("shop"), 10)
	t.Run("F22 the engine's disk is full", func(t *testing.T) { testEngineDiskFull(t, r, images) })
	for _, a := range traffic.end() {
		if a.err != nil {
			t.Errorf("a visitor's request failed: %v", a.err)
		}
	}
}

// dataDisk gives the data a disk of its own, which may be filled, or die.
func (s *server) dataDisk(t *testing.T) (data string) {
	t.Helper()
	data = loopback.Ext4(t, 16<<10, 0)
	check(t, os.Chmod(filepath.Dir(data), 0o755)) // the proxy's user passes through
	check(t, os.Symlink(data, filepath.Join(s.dir, "data")))
	return data
}

// engineDisk gives the engine a disk of its own, as long as the test lasts.
func (s *server) engineDisk(t *testing.T) (dir string) {
	t.Helper()
	disk := loopback.Ext4(t, 16<<10, 0)
	out, err := exec.Command("docker", "-H", "unix://"+s.engine, "info", "--format", "{{.DockerRootDir}}").Output()
	check(t, err)
	root := strings.TrimSpace(string(out))
	start := s.endEngine(t, syscall.SIGTERM)
	loopback.Run(t, "mount", "--bind", disk, root)
	t.Cleanup(func() {
		s.remove(t) // as long as the engine that knows its networks is there
		start := s.endEngine(t, syscall.SIGTERM)
		loopback.Run(t, "umount", "-l", root)
		start()
	})
	start()
	return root
}

// fill takes all of a disk, again and again until nothing more is given back.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	check(t, err)
	block := make([]byte, 64<<10)
	for size, step := int64(0), int64(1<<30); step >= 1<<20; {
		if err := syscall.Fallocate(int(f.Fd()), 0, size, step); err != nil {
			step /= 2
			continue
		}
		size += step
	}
	_, err = f.Seek(0, 2)
	check(t, err)
	for err == nil {
		_, err = f.Write(block)
	}
	if closeErr := f.Close(); closeErr != nil || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err, closeErr)
	}
}

// testEngineDiskFull: the app serves, a deployment is refused early, the ballast lets the engine start again, and
// with room all goes on by itself.
func testEngineDiskFull(t *testing.T, r *repo, images string) {
	s := r.server
	ballast := filepath.Join(images, "ballast")
	there := func() bool { _, err := os.Stat(ballast); return err == nil }
	eventually(t, 30*time.Second, there, func() string { return "there is no ballast on the engine's disk" })
	fill(t, filepath.Join(images, "full"))
	eventually(t, 30*time.Second, func() bool { return !there() }, func() string { return "the ballast is not given back" })
	r.edit(t, "server.js", "Hello one", "Hello two")
	r.commit(t, "second")
	push := s.run(t, r.dir, "git", "push", "lugsail", "main")
	if push.code == 0 || !strings.Contains(push.out, "disk is") || !strings.Contains(push.out, "lugsail disk") {
		t.Errorf("a push onto a full disk: exit code %d\n%s", push.code, push.out)
	}
	if found, _ := s.doctor(t); found["disk"].Level != "bad" || !strings.Contains(found["disk"].Hint, "Make room") {
		t.Errorf("doctor says %+v", found["disk"])
	}
	s.endEngine(t, syscall.SIGTERM)()
	s.wantPage(t, "shop", "/", "Hello one\n")
	eventually(t, 30*time.Second, func() bool { return strings.Contains(s.events(t), "were given back") }, func() string { return "nobody is told:\n" + s.events(t) })
	check(t, os.Remove(filepath.Join(images, "full")))
	s.must(t, r.dir, "git", "push", "lugsail", "main")
	s.wantPage(t, "shop", "/", "Hello two\n")
	eventually(t, 30*time.Second, there, func() string { return "no ballast is kept for the next time" })
}

// testDataDiskDies: nothing more is acknowledged, people are told, the app serves; once the disk is repaired what
// was acknowledged is there.
func testDataDiskDies(t *testing.T, r *repo, data string) {
	s := r.server
	traffic := drive(t, s.client, s.url("shop"), 10)
	set := func(n int) result {
		return s.run(t, s.home(), s.binary(), "config", "set", "--app", "shop", fmt.Sprintf("KEY_%d=%d", n, n))
	}
	acknowledged := 0
	for ; acknowledged < 3; acknowledged++ {
		if got := set(acknowledged); got.code != 0 {
			t.Fatal(got.out)
		}
	}
	loopback.Fail(t, data)
	refused := set(acknowledged)
	for range 2 { // the first one may find out in the middle of its work
		refused = set(acknowledged)
	}
	if refused.code == 0 || !strings.Contains(refused.out, "disk") || !strings.Contains(refused.out, "→") || strings.Contains(refused.out, "internal") {
		t.Errorf("a change on a dead disk: exit code %d\n%s", refused.code, refused.out)
	}
	s.wantPage(t, "shop", "/", "Hello one\n")
	answers := traffic.end()
	if i := slices.IndexFunc(answers, func(a answer) bool { return a.err != nil }); i >= 0 {
		t.Errorf("a visitor's request failed: %v", answers[i].err)
	}
	s.lugsail(t, "service", "stop")
	released(t, data)
	loopback.Repair(t, data)
	s.lugsail(t, "service", "start")
	s.answers(t)
	var now struct{ Config map[string]string }
	s.json(t, &now, "config", "--app", "shop", "--show")
	for n := range acknowledged {
		if now.Config[fmt.Sprintf("KEY_%d", n)] != fmt.Sprint(n) {
			t.Errorf("KEY_%d was acknowledged and is lost: %v", n, now.Config)
		}
	}
	if got := set(acknowledged); got.code != 0 {
		t.Errorf("it does not go on:\n%s", got.out)
	}
	s.wantPage(t, "shop", "/", "Hello one\n")
}

// released waits until no process has anything open on a disk.
func released(t *testing.T, dir string) {
	t.Helper()
	done := func(args ...string) bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return exec.CommandContext(ctx, args[0], args[1:]...).Run() == nil
	}
	eventually(t, 60*time.Second, func() bool { return done("umount", dir) }, func() string { return dir + " is in use" })
	eventually(t, 60*time.Second, func() bool { return done("mount", "-o", "loop", filepath.Join(filepath.Dir(dir), "image"), dir) },
		func() string { return dir + " is not mounted" })
}

// events are what happened, as the API tells it.
func (s *server) events(t *testing.T) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.console+"/api/v1/events", nil)
	check(t, err)
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := s.client.Do(request)
	check(t, err)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	check(t, err)
	return string(b)
}
