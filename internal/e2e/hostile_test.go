package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestHostile goes round an installed server as somebody who wants to break it, while an app has visitors:
// release commands that hang and fork, settings that change under a command, keys and tokens taken away in the
// middle, and attacks on a control plane in safe mode.
func TestHostile(t *testing.T) {
	s := standingServer(t)
	shop := s.repo(t, "shop", "process")
	shop.pushed(t, "first")
	tr := drive(t, s.client, s.url("shop"), 5)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *repo)
	}{
		{"A37 release commands", testHostileRelease},
		{"plan, scale and restart under a run", testChangesUnderRun},
		{"A49 keys and tokens taken away", testTakenAway},
		{"F10 safe mode", testSafeModeAttacked},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, shop) })
	}
	checkTraffic(t, tr.end())
}

// background runs a program as the owner would and gives its end.
func (s *server) background(t *testing.T, dir, name string, args ...string) (ended func(limit time.Duration) result) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, s.env(), &out, &out
	cmd.WaitDelay = time.Second
	check(t, cmd.Start())
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }() // its state tells
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-done })
	return func(limit time.Duration) result {
		t.Helper()
		select {
		case <-done:
		case <-time.After(limit):
			t.Fatalf("%s %s does not end", name, strings.Join(args, " "))
		}
		return result{out: out.String(), code: cmd.ProcessState.ExitCode()}
	}
}

func testHostileRelease(t *testing.T, shop *repo) {
	s := shop.server
	whole, err := os.ReadFile(filepath.Join(shop.dir, "Procfile"))
	check(t, err)
	for name, line := range map[string]string{
		"hangs in two":      "sleep 1000 & sleep 1000",
		"ignores SIGTERM":   "trap '' TERM HUP INT; while :; do sleep 1; done",
		"forks without end": "bomb() { bomb | bomb & }; bomb; while :; do sleep 1; done",
	} {
		shop.write(t, "Procfile", strings.Replace(string(whole), "node release.js", line, 1))
		shop.commit(t, name)
		push := s.background(t, shop.dir, "git", "push", "lugsail", "main")
		running := func() bool { return s.ours(t, "ps", "-q", "--filter", "label=lugsail.run-kind=release") != "" }
		eventually(t, 2*time.Minute, running, func() string { return name + ": no release command" })
		time.Sleep(2 * time.Second) // it does its worst
		began := time.Now()
		s.lugsail(t, "cancel", "--app", "shop")
		if got := push(time.Minute); got.code == 0 || !strings.Contains(got.out, "cancelled") {
			t.Errorf("%s: the push ends with %d:\n%s", name, got.code, got.out)
		}
		s.noRuns(t, 20*time.Second)
		t.Logf("%s: gone after %.1f s", name, time.Since(began).Seconds())
		s.wantPage(t, "shop", "/", `"release":"v1"`)
	}
	shop.write(t, "Procfile", strings.Replace(string(whole), "node release.js", "(trap '' TERM HUP; sleep 1000 &); echo forked", 1))
	if got := shop.pushed(t, "leaves a child"); !strings.Contains(got.out, "release | forked") {
		t.Errorf("a release command that leaves a child:\n%s", got.out)
	}
	s.noRuns(t, 10*time.Second)
	shop.write(t, "Procfile", string(whole))
	shop.pushed(t, "as before")
}

// testChangesUnderRun lets a command go on by itself while everything around it changes.
func testChangesUnderRun(t *testing.T, shop *repo) {
	s := shop.server
	s.lugsail(t, "run", "--app", "shop", "--detach", "--", "n=0; while :; do n=$((n+1)); echo tick-$n; sleep 1; done")
	id := s.ours(t, "ps", "-q", "--no-trunc", "--filter", "label=lugsail.run-kind=run")
	if id == "" {
		t.Fatal("no command runs")
	}
	limit := func() string {
		return strings.TrimSpace(s.must(t, s.dir, "docker", "-H", "unix://"+s.engine, "inspect", "-f", "{{.HostConfig.Memory}}", id))
	}
	before := limit()
	for _, change := range [][]string{{"scale", "--plan", "nano"}, {"scale", "web=2"}, {"restart"}, {"config", "set", "OTHER=1"}, {"rollback"}, {"scale", "web=1"}} {
		s.lugsail(t, append(change, "--app", "shop")...)
	}
	if now := s.ours(t, "ps", "-q", "--no-trunc", "--filter", "label=lugsail.run-kind=run"); now != id {
		t.Errorf("the command was %.12s and is %.12s", id, now)
	}
	if now := limit(); now != before {
		t.Errorf("its memory was %s and is %s: a command keeps the plan that it began with", before, now)
	}
	var name string
	for line := range strings.Lines(s.lugsail(t, "ps", "shop")) {
		if fields := strings.Fields(line); len(fields) > 0 && strings.HasPrefix(fields[0], "run.") {
			name = fields[0]
		}
	}
	eventually(t, 20*time.Second, func() bool { return strings.Contains(s.lugsail(t, "logs", "shop"), "tick-5") }, func() string { return s.lugsail(t, "logs", "shop") })
	s.lugsail(t, "run", "--app", "shop", "--stop", name)
	s.noRuns(t, 20*time.Second)
}

// gits are the processes of git that the control plane has begun.
func (s *server) gits(t *testing.T) (found []string) {
	t.Helper()
	serve := strconv.Itoa(s.pid(t, "serve"))
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	check(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); strings.Contains(string(text), "(git") && len(fields) > 1 && fields[1] == serve && fields[0] != "Z" {
			found = append(found, string(text))
		}
	}
	return found
}

// newToken makes a token and gives its secret.
func (s *server) newToken(t *testing.T, scope string) string {
	t.Helper()
	var answer struct{ Secret string }
	s.json(t, &answer, "tokens", "create", "taken", "--scope", scope, "--app", "shop")
	if answer.Secret == "" {
		t.Fatal("no token")
	}
	return answer.Secret
}

// revoke takes it back; its id stands in it.
func (s *server) revoke(t *testing.T, secret string) {
	t.Helper()
	s.lugsail(t, "tokens", "revoke", secret[4:12])
}

func testTakenAway(t *testing.T, shop *repo) {
	s := shop.server
	noise := make([]byte, 24<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise) // it never fails
	shop.git(t, "config", "core.compression", "0")
	shop.git(t, "checkout", "-q", "-b", "large")
	check(t, os.WriteFile(filepath.Join(shop.dir, "noise"), noise, 0o644))
	shop.commit(t, "Noise")
	shop.git(t, "push", "-q", "lugsail", "large")
	_, _ = random.Read(noise) // nothing of it is in the first, so git sends it whole
	check(t, os.WriteFile(filepath.Join(shop.dir, "noise"), noise, 0o644))
	shop.commit(t, "Other noise")
	refs := shop.git(t, "ls-remote", "lugsail")
	for _, what := range []string{"clone", "push"} {
		t.Run("token during a "+what, func(t *testing.T) {
			secret := s.newToken(t, "deploy")
			strait := open(t, what, httpsPort, true)
			remote := fmt.Sprintf("https://x:%s@console.localhost:%d/git/shop.git", secret, httpsPort)
			args := []string{"-c", "credential.helper=", "-c", "http.sslCAInfo=" + s.ca, "-c", "http.proxy=http://" + strait.address}
			s.cut(t, shop, what, strait, args, remote, func() { s.revoke(t, secret) })
		})
		t.Run("key during a "+what, func(t *testing.T) {
			key := filepath.Join(s.home(), "id_"+what)
			s.must(t, s.home(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", what+"@laptop", "-f", key)
			s.lugsail(t, "keys", "add", key+".pub")
			strait := open(t, what, sshPort, false)
			_, port, err := net.SplitHostPort(strait.address)
			check(t, err)
			ssh := "ssh -F /dev/null -i " + key + " -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
			s.cut(t, shop, what, strait, []string{"-c", "core.sshCommand=" + ssh}, "ssh://git@localhost:"+port+"/shop.git", func() {
				s.lugsail(t, "keys", "remove", what+"@laptop")
			})
		})
	}
	if now := shop.git(t, "ls-remote", "lugsail"); now != refs {
		t.Errorf("refs were\n%s and are\n%s", refs, now)
	}
	shop.git(t, "checkout", "-q", "main")
	t.Run("token during a log stream", func(t *testing.T) { s.streamEnds(t) })
	t.Run("token during an upload", func(t *testing.T) { s.uploadEnds(t) })
}

func open(t *testing.T, what string, port int, proxy bool) *strait {
	if what == "clone" {
		return straitFrom(t, port, proxy, 4<<20)
	}
	return straitTo(t, port, proxy, 4<<20)
}

// cut begins, takes the right away in the middle, and wants that git on the server ends soon, and so does the
// client, without success.
func (s *server) cut(t *testing.T, shop *repo, what string, strait *strait, args []string, remote string, take func()) {
	t.Helper()
	words := append(args, "push", "-q", remote, "large")
	if what == "clone" {
		words = append(args, "clone", "-q", "--no-checkout", remote, filepath.Join(s.dir, "work", "taken-"+strconv.FormatInt(time.Now().UnixNano(), 36)))
	}
	client := s.background(t, shop.dir, "git", words...)
	select {
	case <-strait.reached:
	case <-time.After(time.Minute):
		t.Fatalf("the %s does not get to its middle: %+v", what, client(time.Second))
	}
	take()
	began := time.Now()
	eventually(t, 30*time.Second, func() bool { return len(s.gits(t)) == 0 }, func() string { return fmt.Sprintf("git goes on: %v", s.gits(t)) })
	t.Logf("git ended after %.1f s", time.Since(began).Seconds())
	strait.close()
	if got := client(time.Minute); got.code == 0 {
		t.Errorf("the %s succeeded:\n%s", what, got.out)
	}
	s.wantPage(t, "shop", "/", `"release"`)
}

func (s *server) streamEnds(t *testing.T) {
	secret := s.newToken(t, "read")
	request, err := http.NewRequest(http.MethodGet, s.console+"/api/v1/apps/shop/logs?follow=true", http.NoBody)
	check(t, err)
	request.Header.Set("Authorization", "Bearer "+secret)
	response, err := s.client.Do(request)
	check(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the stream is answered %s", response.Status)
	}
	s.revoke(t, secret)
	began := time.Now()
	text, err := io.ReadAll(response.Body)
	if took := time.Since(began); err != nil || took > 10*time.Second || !strings.Contains(string(text), "token_wrong") {
		t.Errorf("after %v: %v, %.200q", took, err, text)
	}
}

// uploadEnds sends an upload slowly.
func (s *server) uploadEnds(t *testing.T) {
	secret := s.newToken(t, "deploy")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body, drip := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.console+"/api/v1/apps/shop/uploads", body)
	check(t, err)
	request.Header.Set("Authorization", "Bearer "+secret)
	request.Header.Set("Content-Type", "application/x-tar")
	go func() {
		for range 600 {
			if _, err := drip.Write(make([]byte, 16<<10)); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		_ = drip.Close()
	}()
	time.AfterFunc(2*time.Second, func() { s.run(t, s.home(), s.binary(), "tokens", "revoke", secret[4:12]) })
	began := time.Now()
	response, err := s.client.Do(request)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the upload went on for %v", took)
	}
	if err != nil {
		return // its connection was cut
	}
	defer response.Body.Close()
	var answer struct{ Code string }
	_ = json.NewDecoder(response.Body).Decode(&answer) // an empty answer is told by the status
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the upload is answered %s %s", response.Status, answer.Code)
	}
}

// testSafeModeAttacked damages the database and then attacks both doors of what runs instead.
func testSafeModeAttacked(t *testing.T, shop *repo) {
	s := shop.server
	copied := strings.TrimSpace(s.db(t, "copy"))
	path := filepath.Join(s.dir, "data", "lugsail.db")
	whole, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, bytes.Repeat([]byte("x"), len(whole)), 0o600))
	s.kill(t, "serve")
	status := func() string { return s.run(t, s.dir, s.binary(), "service", "status", "--config", s.config).out }
	eventually(t, 90*time.Second, func() bool { return strings.Contains(status(), "Safe mode since") }, status)
	before := residentKB(t, s.pid(t, "serve"))

	for _, c := range []struct{ method, path, host, body string }{
		{"GET", "/", "", ""},
		{"POST", "/api/v1/setup", "", `{"token":"x"}`},
		{"POST", "/login", "", "email=a&password=b"},
		{"DELETE", "/api/v1/apps/shop", "", `{"confirm":"shop"}`},
		{"GET", "/git/shop.git/info/refs?service=git-receive-pack", "", ""},
		{"GET", "/assets/../../../../etc/passwd", "", ""},
		{"GET", "/assets/..%2f..%2f..%2flugsail.db", "", ""},
		{"GET", "/restart", "", ""},
		{"POST", "/restart", "", ""},
		{"POST", "/setup-link", "", ""},
		{"TRACE", "/", "", ""},
		{"GET", "/", "evil.example", ""},
		{"POST", "/api/v1/apps/shop/uploads", "", strings.Repeat("x", 8<<20)},
		{"GET", "/hooks/" + strings.Repeat("a", 4000), "", ""},
		{"GET", "/api/v1/openapi.json", "", ""},
	} {
		request, err := http.NewRequest(c.method, s.console+c.path, strings.NewReader(c.body))
		check(t, err)
		if c.host != "" {
			request.Host = c.host
		}
		request.Header.Set("Authorization", "Bearer "+s.token)
		response, err := s.client.Do(request)
		if err != nil {
			t.Errorf("%s %.40s: %v", c.method, c.path, err)
			continue
		}
		text, err := io.ReadAll(response.Body)
		check(t, err)
		check(t, response.Body.Close())
		if response.StatusCode < 400 || response.StatusCode >= 500 && response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s %.40s is answered %s", c.method, c.path, response.Status)
		}
		for _, secret := range []string{"SQLite", s.dir, "root:x:", "lugsail.db", s.token} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s %.40s tells %q", c.method, c.path, secret)
			}
		}
	}
	s.attackAdmin(t)
	if got := shop.push(t); got.code == 0 && !strings.Contains(got.out, "up-to-date") {
		t.Errorf("a push is taken in safe mode:\n%s", got.out)
	}
	s.wantPage(t, "shop", "/", `"release"`)
	if after := residentKB(t, s.pid(t, "serve")); after > before+48<<10 {
		t.Errorf("safe mode grew from %d to %d MB", before>>10, after>>10)
	}
	if out := status(); !strings.Contains(out, "Safe mode since") || !strings.Contains(out, "lugsail db restore "+copied) {
		t.Errorf("the reason is not told any more:\n%s", out)
	}
	s.db(t, "restore", copied, "--yes")
	s.answers(t)
	s.lugsail(t, "apps")
	shop.pushed(t, "after safe mode")
}

// attackAdmin is about the socket of root. Nobody else may speak there; who may and speaks nonsense harms nobody.
func (s *server) attackAdmin(t *testing.T) {
	t.Helper()
	sockets, err := filepath.Glob(filepath.Join(s.dir, "run", "admin*"))
	check(t, err)
	if len(sockets) != 1 {
		t.Fatalf("sockets of root: %v", sockets)
	}
	info, err := os.Stat(sockets[0])
	check(t, err)
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("A81: the socket of root has mode %v", info.Mode())
	}
	for range 3 { // a new start of safe mode may come in between
		for _, text := range []string{
			"\x00\x01\x02", "GET / HTTP/1.1\r\n\r\n", "POST /setup-link?email=x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "POST /../restart HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST /db/migrate HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n{\"address\":\"postgres://evil/\"}", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
			"POST /" + strings.Repeat("x", 2<<20) + " HTTP/1.1\r\n\r\n",
		} {
			conn, err := net.DialTimeout("unix", sockets[0], 5*time.Second)
			if err != nil {
				time.Sleep(500 * time.Millisecond)
				continue
			}
			_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
			_, _ = io.WriteString(conn, text) // it may be cut in the middle
			answer, _ := io.ReadAll(conn)
			_ = conn.Close()
			if strings.Contains(string(answer), " 200 ") || strings.Contains(string(answer), " 500 ") {
				t.Errorf("%.30q is answered %.60q", text, answer)
			}
		}
	}
	var idle []net.Conn
	for range 500 {
		if conn, err := net.DialTimeout("unix", sockets[0], 5*time.Second); err == nil {
			idle = append(idle, conn)
		}
	}
	for _, words := range [][]string{{"setup-link"}, {"db", "status"}} {
		got := s.run(t, s.dir, s.binary(), append(words, "--config", s.config)...)
		if !strings.Contains(got.out, "safe mode") && !strings.Contains(got.out, "SQLite database") {
			t.Errorf("lugsail %s says %d:\n%s", strings.Join(words, " "), got.code, got.out)
		}
	}
	for _, conn := range idle {
		_ = conn.Close()
	}
}
