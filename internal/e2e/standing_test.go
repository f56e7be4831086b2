package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// standing is the installation that tests have one after the other; nil when there is none.
var standing *server

func TestMain(m *testing.M) {
	code := m.Run()
	if standing != nil {
		if err := standing.forget(); err != nil {
			fmt.Println(err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// standingServer is a server with its first account made, for a test that uses it as people do: to install takes a
// minute or two. What the test has made there goes with it, and the next test has the same server; when a test
// fails, it takes the server with it.
func standingServer(t *testing.T) (made *server) {
	t.Helper()
	t.Cleanup(func() {
		if standing == nil && made != nil {
			made.remove(t)
		}
	})
	if standing == nil {
		made = placedServer(t)
		testInstall(t, made)
		testAccount(t, made)
		if t.Failed() {
			t.FailNow()
		}
		standing = made
	}
	made = standing
	t.Cleanup(func() {
		standing = nil
		if _, err := os.Stat(made.binary()); err == nil && !t.Failed() { // the test may have removed it
			made.clear(t)
			if left := made.left(t); left != "" { // TestDockerfileAndTrash judges what is removed for good
				t.Logf("the next test has another server; containers are left of apps that were destroyed:\n%s", left)
				return
			}
			standing = made
		}
	})
	return made
}

// forget removes the standing installation.
func (s *server) forget() error {
	standing = nil
	args := s.installation("--purge", "--yes")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = s.root, s.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install.sh --purge: %w\n%s", err, out)
	}
	return os.RemoveAll(s.dir)
}

// clear takes away what a test has made on a server: apps, add-ons, keys and work trees.
func (s *server) clear(t *testing.T) {
	t.Helper()
	destroy := func(list string, addons bool) {
		var all struct {
			Apps, Addons []struct {
				Name  string
				Addon bool
			}
		}
		s.json(t, &all, list)
		for _, gone := range append(all.Apps, all.Addons...) {
			if addons || !gone.Addon {
				s.lugsail(t, "destroy", "--app", gone.Name, "--confirm", gone.Name, "--now")
			}
		}
	}
	destroy("apps", false) // those that use add-ons
	destroy("addons", true)
	destroy("trash", true)
	var all struct{ Keys []struct{ ID string } }
	s.json(t, &all, "keys")
	for _, key := range all.Keys {
		s.lugsail(t, "keys", "remove", key.ID)
	}
	check(t, os.RemoveAll(filepath.Join(s.dir, "work")))
}

// left waits until the engine has nothing of apps, and gives what it has all the same after a while.
func (s *server) left(t *testing.T) (left string) {
	t.Helper()
	for range 30 {
		if left = s.ours(t, "ps", "-a", "--filter", "label=lugsail.app", "--format", "{{.Names}} {{.Status}} {{.Labels}}"); left == "" {
			return ""
		}
		time.Sleep(time.Second)
	}
	return left
}
