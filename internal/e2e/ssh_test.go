package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// testSSH goes the way of a person with a key: add it, let the remote lead there, push, clone; then
// strangers try theirs (A22), thousands of connections stay silent (A24), and the key is removed (A49).
func testSSH(t *testing.T, s *server) {
	key := filepath.Join(s.home(), "id_ed25519")
	s.must(t, s.home(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada@laptop", "-f", key)
	out := s.lugsail(t, "keys", "add", key+".pub")
	print := regexp.MustCompile(`SHA256:\S{43}\n$`).FindString(out)
	if !strings.Contains(out, "Added ada@laptop") || print == "" {
		t.Fatalf("the key is not added, or the server's fingerprint not told:\n%s", out)
	}
	r := s.open("hello-static")
	s.must(t, r.dir, s.binary(), "remote", "--ssh")
	if address := strings.TrimSpace(r.git(t, "remote", "get-url", "lugsail")); address != fmt.Sprintf("ssh://git@localhost:%d/hello-static.git", sshPort) {
		t.Errorf("the remote leads to %s", address)
	}
	known := filepath.Join(s.home(), "known_hosts")
	r.git(t, "config", "core.sshCommand", strings.Join([]string{
		"ssh", "-F", "/dev/null", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new",
		"-o", "UserKnownHostsFile=" + known, "-o", "GlobalKnownHostsFile=/dev/null",
	}, " "))
	r.edit(t, "index.html", "Hello one", "Hello by SSH")
	got := r.pushed(t, "by SSH")
	t.Logf("push over SSH: %.1f s\n%s", got.took.Seconds(), got.out)
	if !strings.Contains(got.out, "is live") {
		t.Errorf("the pusher does not see the end:\n%s", got.out)
	}
	s.wantPage(t, "hello-static", "/", "Hello by SSH")
	if out := s.must(t, s.home(), "ssh-keygen", "-lf", known); !strings.Contains(out, strings.TrimSpace(print)) {
		t.Errorf("the client met another host key than %s was told:\n%s", print, out)
	}
	if out := s.lugsail(t, "host", "summary"); !strings.Contains(out, strings.TrimSpace(print)) {
		t.Errorf("the summary does not tell the fingerprint:\n%s", out)
	}
	copied := filepath.Join(s.dir, "work", "cloned")
	s.must(t, r.dir, "git", "-c", "core.sshCommand="+strings.TrimSpace(r.git(t, "config", "core.sshCommand")), "clone", "-q", fmt.Sprintf("ssh://git@localhost:%d/hello-static.git", sshPort), copied)
	if text, err := os.ReadFile(filepath.Join(copied, "index.html")); err != nil || !strings.Contains(string(text), "Hello by SSH") {
		t.Errorf("cloned %q, %v", text, err)
	}

	s.silence(t, r)
	s.json(t, &struct{}{}, "keys", "remove", "ada@laptop")
	if got := s.run(t, r.dir, "git", "ls-remote", "lugsail"); got.code == 0 || !strings.Contains(got.out, "does not know your key") {
		t.Errorf("A49: a removed key is answered %d\n%s", got.code, got.out)
	}
	s.must(t, r.dir, s.binary(), "remote", "--https")
	r.git(t, "fetch", "-q", "lugsail")
}

// silence opens 2,000 connections that say nothing (A24). Apps, the console and a key that is right
// go on meanwhile.
func (s *server) silence(t *testing.T, r *repo) {
	t.Helper()
	before := residentKB(t, s.pid(t, "serve"))
	var silent []net.Conn
	defer func() {
		for _, c := range silent {
			_ = c.Close()
		}
	}()
	for i := range 2000 {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", sshPort), 10*time.Second)
		check(t, err)
		if i%2 == 0 {
			_, _ = c.Write([]byte("SSH-2.0-half\r\n")) // and nothing more
		}
		silent = append(silent, c)
	}
	s.wantPage(t, "hello-static", "/", "Hello by SSH")
	s.lugsail(t, "apps")
	if out := r.git(t, "ls-remote", "lugsail"); !strings.Contains(out, "refs/heads/main") {
		t.Errorf("A24: a right key sees %s", out)
	}
	for _, words := range []string{"id", "git-upload-archive hello-static.git", "git-receive-pack 'hello-static.git'; touch " + filepath.Join(s.dir, "canary")} {
		args := append(strings.Fields(strings.TrimSpace(r.git(t, "config", "core.sshCommand"))), "-T", "-p", fmt.Sprint(sshPort), "git@localhost", words)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err == nil {
			t.Errorf("A22: %q is served:\n%s", words, out)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "canary")); err == nil {
		t.Error("A22: a command ran")
	}
	if after := residentKB(t, s.pid(t, "serve")); after > before+64<<10 {
		t.Errorf("A24: the control plane grew from %d to %d MB", before>>10, after>>10)
	}
}
