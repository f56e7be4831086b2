package gitserver

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/internal/files"
	"github.com/lugsail/lugsail/internal/sftp"
	"github.com/lugsail/lugsail/platform"
)

// shelf has one volume of the app shop, for whoever the gate knows.
type shelf struct{}

func (shelf) Enter(context.Context, platform.Actor) error            { return nil }
func (shelf) Apps(context.Context, platform.Actor) ([]string, error) { return []string{"shop"}, nil }
func (shelf) Volumes(context.Context, platform.Actor, string) ([]string, error) {
	return []string{"uploads"}, nil
}

func (shelf) Volume(context.Context, platform.Actor, string, string) (string, error) {
	return "uploads", nil
}
func (shelf) Changed(context.Context, platform.Actor, string, string) {}

func withVolume(c *Config) {
	dir := filepath.Join(filepath.Dir(c.Dir), "volumes")
	c.Files = &sftp.Server{Access: shelf{}, Files: files.Files{Directory: func(id string) string { return filepath.Join(dir, id) }}}
}

// sftp runs the real client over SSH, and says in what comes how it is done.
func (w *world) sftp(batch io.Reader) (string, error) {
	w.t.Helper()
	w.door = "ssh"
	_, port, err := net.SplitHostPort(w.sshAddress())
	must(w.t, err)
	words := append([]string{"-P", port, "-b", "-"}, strings.Fields(w.sshCommand())[1:]...)
	var out bytes.Buffer
	err = command.Command{Name: "sftp", Args: append(words, "git@127.0.0.1"), Dir: w.dir, Env: w.env(), Stdin: batch, Stdout: &out, Stderr: &out}.Run(w.t.Context())
	return out.String(), err
}

func TestSFTP_TheRealClientComesByItsKeyAlone(t *testing.T) {
	w := newWorld(t, withVolume)
	must(t, os.WriteFile(filepath.Join(w.dir, "photo"), []byte("photo"), 0o600))
	if out, err := w.sftp(strings.NewReader("put photo /shop/uploads/photo\nls -l /shop/uploads\nget /shop/uploads/photo back\n")); err != nil || !strings.Contains(out, "photo") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, file := range []string{"volumes/uploads/photo", "back"} {
		if text, err := os.ReadFile(filepath.Join(w.dir, file)); string(text) != "photo" || err != nil {
			t.Errorf("%s: %q, %v", file, text, err)
		}
	}
	_, port, err := net.SplitHostPort(w.sshAddress())
	must(t, err)
	words := append([]string{"-P", port}, strings.Fields(w.sshCommand())[1:]...)
	var out bytes.Buffer
	if err := (command.Command{Name: "scp", Args: append(words, "photo", "git@127.0.0.1:/shop/uploads/copied"), Dir: w.dir, Env: w.env(), Stdout: &out, Stderr: &out}).Run(t.Context()); err != nil {
		t.Errorf("scp: %v\n%s", err, out.String())
	}
	w.key = w.newKey("")
	if out, err := w.sftp(strings.NewReader("ls /\n")); err == nil || strings.Contains(out, "shop") {
		t.Errorf("a key that nobody knows: %v\n%s", err, out)
	}
}

func TestA49_RevokedKeyEndsItsSFTP(t *testing.T) {
	w := newWorld(t, withVolume, func(c *Config) { c.Recheck = 10 * time.Millisecond })
	w.door = "ssh"
	hand, in := io.Pipe() // the person at the client
	ended := make(chan error, 1)
	go func() { _, err := w.sftp(hand); ended <- err }()
	_, err := io.WriteString(in, "mkdir /shop/uploads/here\n")
	must(t, err)
	wait(t, "the session", func() bool { _, err := os.Stat(filepath.Join(w.dir, "volumes/uploads/here")); return err == nil })
	w.gate.revoke(true)
	defer w.gate.revoke(false)
	wait(t, "the end of the connection", func() bool {
		w.server.ssh.mu.Lock()
		defer w.server.ssh.mu.Unlock()
		return len(w.server.ssh.inside) == 0
	})
	_, _ = io.WriteString(in, "mkdir /shop/uploads/more\n") // the client may have gone
	must(t, in.Close())
	if err := <-ended; err == nil {
		t.Error("the client ends well")
	}
	if _, err := os.Stat(filepath.Join(w.dir, "volumes/uploads/more")); err == nil {
		t.Error("it was served still")
	}
}

func TestSFTP_AStopOfTheServerDoesNotWaitForIt(t *testing.T) {
	w := newWorld(t, withVolume)
	w.sshAddress()
	client := w.dial(w.key)
	session, err := client.NewSession()
	must(t, err)
	must(t, session.RequestSubsystem("sftp"))
	began := time.Now()
	w.stop()
	if took := time.Since(began); took > stopGrace/2 {
		t.Errorf("the stop took %s", took)
	}
}
