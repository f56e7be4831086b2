package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/testenv/pgtest"
)

const databasePassword = "s3cret-canary"

// TestDatabase takes a server with an app through a damaged database, a copy, PostgreSQL and back, and a disk that
// dies, while the app serves.
func TestDatabase(t *testing.T) {
	s := newServer(t)
	data := s.dataDisk(t)
	testInstall(t, s)
	testAccount(t, s)
	r := s.repo(t, "shop", "node")
	r.pushed(t, "first")
	traffic := drive(t, s.client, s.url("shop"), 10)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *server)
	}{
		{"F08 a second control plane", testSecondServe},
		{"F26 a damaged database", testDamagedDatabase},
		{"F27 killed while it writes", testKilledWrites},
		{"PostgreSQL and back", testPostgres},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, s) })
	}
	answers := traffic.end()
	for _, a := range answers {
		if a.err != nil {
			t.Errorf("a visitor's request failed: %v", a.err)
		}
	}
	t.Logf("%d requests of visitors", len(answers))
	t.Run("F24 the disk of the data dies", func(t *testing.T) { testDataDiskDies(t, r, data) })
}

func testSecondServe(t *testing.T, s *server) {
	second := s.run(t, s.dir, s.binary(), "serve", "--config", s.config)
	if second.code == 0 || !strings.Contains(second.out, fmt.Sprintf("already running (pid %d)", s.pid(t, "serve"))) {
		t.Errorf("exit code %d: %s", second.code, second.out)
	}
	s.lugsail(t, "apps")
}

func (s *server) db(t *testing.T, args ...string) string {
	t.Helper()
	return s.must(t, s.dir, s.binary(), append([]string{"db", "--config", s.config}, args...)...)
}

// testDamagedDatabase is F26 and F10: the control plane says why it does not start, on the server;
// the console says that it is in safe mode; the app serves; a copy brings everything back.
func testDamagedDatabase(t *testing.T, s *server) {
	copied := strings.TrimSpace(s.db(t, "copy"))
	path := filepath.Join(s.dir, "data", "lugsail.db")
	whole, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, bytes.Repeat([]byte("x"), len(whole)), 0o600))
	s.kill(t, "serve")
	status := ""
	eventually(t, 60*time.Second, func() bool {
		status = s.run(t, s.dir, s.binary(), "service", "status", "--config", s.config).out
		return strings.Contains(status, "Safe mode since")
	}, func() string { return status })
	for _, want := range []string{"does not start like a SQLite database", "lugsail db restore " + copied} {
		if !strings.Contains(status, want) {
			t.Errorf("status does not say %q:\n%s", want, status)
		}
	}
	response, err := s.client.Get(s.console + "/api/v1/apps")
	check(t, err)
	check(t, response.Body.Close())
	if response.StatusCode != 503 {
		t.Errorf("the API answers %d in safe mode", response.StatusCode)
	}
	s.wantPage(t, "shop", "/", "")
	if out := s.run(t, s.dir, s.binary(), "db", "--config", s.config, "restore", copied); out.code == 0 {
		t.Errorf("it restores without being told yes: %s", out.out)
	}
	out := s.db(t, "restore", copied, "--yes")
	if !strings.Contains(out, "1 apps") {
		t.Errorf("restore says:\n%s", out)
	}
	s.answers(t)
	if out := s.lugsail(t, "apps"); !strings.Contains(out, "shop") {
		t.Errorf("the app is not there again:\n%s", out)
	}
	if status := s.must(t, s.dir, s.binary(), "service", "status", "--config", s.config); strings.Contains(status, "Safe mode") {
		t.Errorf("still:\n%s", status)
	}
	s.db(t, "check")
}

// testKilledWrites is F27 as one machine can: the control plane is killed at random moments while
// config vars are set, and every one that was acknowledged is there afterwards; so is it in a
// copy of the database's two files, as a power cut leaves them.
func testKilledWrites(t *testing.T, s *server) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	acknowledged := map[string]string{}
	for round := range 5 {
		killed := make(chan struct{})
		pid := s.pid(t, "serve")
		timer := time.AfterFunc(time.Duration(random.IntN(1500))*time.Millisecond, func() {
			defer close(killed)
			_ = syscall.Kill(pid, syscall.SIGKILL) // a pid of ours
		})
		for n := 0; ; n++ {
			name, value := fmt.Sprintf("KEY_%d", round), fmt.Sprintf("%d", n)
			if s.run(t, s.home(), s.binary(), "config", "set", "--app", "shop", name+"="+value).code != 0 {
				break
			}
			acknowledged[name] = value
			select {
			case <-killed:
			default:
				continue
			}
			break
		}
		timer.Stop()
		s.answers(t)
	}
	var now struct{ Config map[string]string }
	s.json(t, &now, "config", "--app", "shop", "--show")
	for name, value := range acknowledged {
		next := fmt.Sprint(asNumber(t, value) + 1) // it may have got through although nobody could be told
		if got := now.Config[name]; got != value && got != next {
			t.Errorf("%s=%s was acknowledged and is lost: it is %q", name, value, got)
		}
	}
	s.db(t, "check")
}

func testPostgres(t *testing.T, s *server) {
	server, err := pgtest.Start(t.Context())
	check(t, err)
	t.Cleanup(func() { check(t, server.Close()) })
	address, err := server.Database(t.Context())
	check(t, err)
	before := s.lugsail(t, "releases", "--app", "shop", "--json")
	out := s.db(t, "migrate-to", address, "--yes")
	t.Logf("%s", out)
	if !strings.Contains(out, "PostgreSQL at 127.0.0.1") || strings.Contains(out, databasePassword) {
		t.Errorf("migrate-to says:\n%s", out)
	}
	if after := s.lugsail(t, "releases", "--app", "shop", "--json"); after != before {
		t.Errorf("releases differ:\n%s\n%s", before, after)
	}
	s.noPassword(t)
	if out := s.must(t, s.dir, s.binary(), "host", "settings", "--config", s.config); strings.Contains(out, databasePassword) || !strings.Contains(out, "(hidden)") {
		t.Errorf("settings show:\n%s", out)
	}
	s.lugsail(t, "config", "set", "--app", "shop", "AFTER=move")
	s.databaseGone(t, server)
	s.db(t, "check")
	t.Logf("%s", s.db(t, "status"))
	s.must(t, s.dir, s.binary(), "service", "restart", "--config", s.config)
	s.answers(t)
	t.Logf("%s", s.db(t, "migrate-to", "sqlite", "--yes"))
	if out := s.lugsail(t, "config", "--app", "shop"); !strings.Contains(out, "AFTER") {
		t.Errorf("what was set on PostgreSQL is lost:\n%s", out)
	}
	if out := s.db(t, "status"); !strings.Contains(out, "SQLite in") {
		t.Errorf("status says:\n%s", out)
	}
	s.noPassword(t)
}

// databaseGone is the database server's restart: a sentence meanwhile, and all goes on by itself.
func (s *server) databaseGone(t *testing.T, server *pgtest.Server) {
	pid := s.pid(t, "serve")
	check(t, server.Down(syscall.SIGQUIT))
	if out := s.run(t, s.home(), s.binary(), "apps"); out.code == 0 || !strings.Contains(out.out, "cannot reach its database") {
		t.Errorf("without its database: exit code %d, %s", out.code, out.out)
	}
	s.wantPage(t, "shop", "/", "")
	check(t, server.Up(t.Context()))
	eventually(t, 30*time.Second, func() bool {
		return s.run(t, s.home(), s.binary(), "config", "set", "--app", "shop", "BACK=again").code == 0
	}, func() string { return "no write gets through after the database came back" })
	if now := s.pid(t, "serve"); now != pid {
		t.Errorf("the control plane was started anew: %d, %d", pid, now)
	}
}

// noPassword looks for the database's password in settings, logs and process lists.
func (s *server) noPassword(t *testing.T) {
	t.Helper()
	found := 0
	for _, dir := range []string{"etc", "log", "data/logs", "run"} {
		check(t, filepath.Walk(filepath.Join(s.dir, dir), func(path string, info os.FileInfo, err error) error {
			if err != nil || !info.Mode().IsRegular() {
				return err
			}
			found++
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(databasePassword)) {
				t.Errorf("%s tells the database's password", path)
			}
			return err
		}))
	}
	for _, part := range []string{"serve", "proxy"} {
		for _, file := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.pid(t, part), file))
			check(t, err)
			if bytes.Contains(b, []byte(databasePassword)) {
				t.Errorf("%s of %s tells the database's password", file, part)
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d files were looked at", found)
	}
}

func asNumber(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	check(t, err)
	return n
}
