package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// strait is a way to a port that lets so much through in one direction, and then holds it until it is closed.
type strait struct {
	address string
	reached chan struct{}
	close   func()
}

// straitTo opens one for what is sent. As a proxy for HTTPS it is asked where to go first.
func straitTo(t *testing.T, port int, proxy bool, most int64) *strait {
	t.Helper()
	return newStrait(t, port, proxy, most, math.MaxInt64)
}

// straitFrom opens one for what is answered.
func straitFrom(t *testing.T, port int, proxy bool, most int64) *strait {
	t.Helper()
	return newStrait(t, port, proxy, math.MaxInt64, most)
}

func newStrait(t *testing.T, port int, proxy bool, up, down int64) *strait {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	s := &strait{address: listener.Addr().String(), reached: make(chan struct{})}
	var mu sync.Mutex
	open := []io.Closer{listener}
	s.close = sync.OnceFunc(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
	})
	t.Cleanup(s.close)
	var once sync.Once
	pass := func(client net.Conn) {
		from := bufio.NewReader(client)
		if proxy {
			if _, err := http.ReadRequest(from); err != nil {
				return
			}
			_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n") // whoever asked sees what is missing
		}
		server, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			return
		}
		mu.Lock()
		open = append(open, client, server)
		mu.Unlock()
		held := func(to io.Writer, from io.Reader, most int64) bool {
			n, err := io.CopyN(to, from, most)
			if err == nil && n == most {
				once.Do(func() { close(s.reached) })
				return true
			}
			return false
		}
		go func() {
			if !held(client, server, down) {
				_ = client.Close()
			}
		}()
		if held(server, from, up) {
			return
		}
		_ = server.(*net.TCPConn).CloseWrite()
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go pass(client)
		}
	}()
	return s
}

// large cuts a push of 200 MB at half by a client that dies; then the same push goes through, and what
// runs can be cloned and pulled (A25).
func (d *door) large(t *testing.T) {
	t.Helper()
	const whole = 200 << 20
	d.git(t, "config", "core.compression", "0")
	noise := make([]byte, whole)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(noise); i += 8 {
		copy(noise[i:], strconv.FormatUint(r.Uint64()|1<<63, 36)[:8])
	}
	d.git(t, "checkout", "-q", "-b", "large")
	check(t, os.WriteFile(filepath.Join(d.dir, "noise.txt"), noise, 0o644))
	d.commit(t, "Two hundred megabytes")
	old := d.git(t, "ls-remote", "lugsail")

	s := straitTo(t, d.own, d.name == "https", whole/2)
	_, port, err := net.SplitHostPort(s.address)
	check(t, err)
	at, err := strconv.Atoi(port)
	check(t, err)
	args := []string{"-c", "http.proxy=http://" + s.address, "push", d.remote(d.own), "large:refs/heads/main"}
	if d.name == "ssh" {
		args = []string{"push", d.remote(at), "large:refs/heads/main"}
	}
	client := exec.CommandContext(t.Context(), "git", args...)
	client.Dir, client.Env = d.dir, d.server.env()
	check(t, client.Start())
	select {
	case <-s.reached:
	case <-time.After(5 * time.Minute):
		t.Error("A25: half of a push does not come")
	}
	_ = client.Process.Kill() // it may have ended, which is seen below
	s.close()
	if client.Wait() == nil {
		t.Fatal("A25: the push went through")
	}
	if now := d.git(t, "ls-remote", "lugsail"); now != old {
		t.Errorf("A25: a cut push moved\n%s to\n%s", old, now)
	}
	d.server.wantPage(t, d.app, "/", "Hello other history")
	d.whole(t)
}

// whole pushes it to a branch that does not deploy, brings a change live, and fetches both.
func (d *door) whole(t *testing.T) {
	t.Helper()
	took := time.Now()
	d.git(t, "push", "-q", "lugsail", "large")
	t.Logf("200 MB by %s in %.1f s", d.name, time.Since(took).Seconds())
	copied := d.dir + "-copy"
	d.git(t, "clone", "-q", "--config", "core.sshCommand="+d.setting(t, "core.sshCommand"), "--config", "http.sslCAInfo="+d.server.ca, d.remote(d.own), copied)
	rev := func(dir, name string) string {
		return strings.TrimSpace(d.server.must(t, dir, "git", "rev-parse", name))
	}
	if a, b := rev(d.dir, "large:noise.txt"), rev(copied, "origin/large:noise.txt"); a != b {
		t.Errorf("A25: %s was pushed, %s cloned", a, b)
	}
	d.git(t, "checkout", "-q", "main")
	d.edit(t, "index.html", "Hello other history", "Hello after the cut")
	d.pushed(t, "after the cut")
	d.server.wantPage(t, d.app, "/", "Hello after the cut")
	d.server.must(t, copied, "git", "pull", "-q", "origin", "main")
	if a, b := rev(d.dir, "main"), rev(copied, "HEAD"); a != b {
		t.Errorf("A25: %s runs, %s was pulled", a, b)
	}
	if out := d.server.run(t, d.server.dir, "find", filepath.Join(d.server.dir, "data"), "-name", "tmp_objdir-*"); out.out != "" {
		t.Errorf("A25: a cut push left %s", fmt.Sprint(out.out))
	}
}
