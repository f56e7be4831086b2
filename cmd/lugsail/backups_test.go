package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/config"
	"github.com/lugsail/lugsail/platform"
)

// sftpServer is an sshd of the test's own, which lets one key in.
type sftpServer struct {
	dir  string
	port int
	user string
	stop func()
}

func (s *sftpServer) start(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd does not start without it
		t.Fatal(err)
	}
	settings := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %[2]s/host\nAuthorizedKeysFile %[2]s/authorized\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n", s.port, s.dir)
	s.write(t, "config", settings)
	s.write(t, "authorized", "")
	s.newHostKey(t)
	ctx, cancel := context.WithCancel(t.Context())
	cmd, err := command.Command{Name: "/usr/sbin/sshd", Args: []string{"-D", "-e", "-f", filepath.Join(s.dir, "config")}}.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.stop = func() { cancel(); _ = cmd.Wait() }
	t.Cleanup(func() { s.stop() })
	for range 200 {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.port)); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("sshd does not answer")
}

func (s *sftpServer) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *sftpServer) newHostKey(t *testing.T) {
	t.Helper()
	_ = os.Remove(filepath.Join(s.dir, "host"))
	made := command.Command{Name: "ssh-keygen", Args: []string{"-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.dir, "host")}}
	if err := made.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestBackupRepository_BySFTPWithAKeyOfItsOwn(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &sftpServer{dir: t.TempDir(), port: freePort(t), user: me.Username}
	s.start(t)
	data, to := t.TempDir(), filepath.Join(t.TempDir(), "there")
	target := platform.BackupTarget{Address: fmt.Sprintf("sftp://%s@127.0.0.1:%d/%s", s.user, s.port, to), Password: "correct horse battery"}
	wants := func(code string) {
		t.Helper()
		r, err := backupRepository(data, target)
		if err == nil {
			err = r.Init(t.Context())
		}
		if got := platform.AsError(err); code == "" && err != nil || code != "" && (err == nil || got.Code != code) {
			t.Fatalf("got %v, want %q", err, code)
		}
	}
	wants("backup_denied")
	key, err := os.ReadFile(filepath.Join(backupDir(data), "ssh", "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "authorized", string(key))
	wants("")
	r, err := backupRepository(data, target)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "kept", "what is kept")
	stored, err := r.Keep(t.Context(), s.dir, []string{"kept"}, []string{"files"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := r.RestoreVerified(t.Context(), stored.ID, out); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(out, "kept")); err != nil || string(text) != "what is kept" {
		t.Errorf("what came back is %q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(to, "config")); err != nil {
		t.Errorf("it is not where the address says: %v", err)
	}

	known, err := os.ReadFile(knownHosts(data))
	if err != nil || !strings.Contains(string(known), "ed25519") {
		t.Fatalf("the host key is not kept: %q, %v", known, err)
	}
	s.stop()
	s.start(t) // with another host key
	s.write(t, "authorized", string(key))
	wants("backup_host_changed")
	if err := (backupFiles{&control{cfg: config.Config{DataDir: data}}}).ForgetHost(); err != nil {
		t.Fatal(err)
	}
	wants("")
	s.stop()
	wants("backup_unreachable")
}
