package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAddons makes each kind of add-on, and does with the rows in one of them what may lose them.
func TestAddons(t *testing.T) {
	s := standingServer(t)
	r := s.repo(t, "shop", "rows")
	for _, part := range []struct {
		name string
		run  func(*testing.T, *repo)
	}{
		{"made and bound", testAddonBound},
		{"refusals", testAddonRefusals},
		{"a new password under writes", testAddonRotated},
		{"killed", testAddonKilled},
		{"nobody else reaches it", testAddonAlone},
		{"out and in", testAddonDumps},
		{"tunnel", testAddonTunnel},
		{"from the internet", testAddonOpen},
		{"MariaDB", testAddonMariaDB},
		{"Valkey", testAddonValkey},
		{"how it is", testAddonStats},
		{"full", testAddonFull},
		{"made anew", testAddonRenewed},
		{"into the trash and back", testAddonTrash},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, r) }) {
			break
		}
	}
}

// writer adds lines to an app until its end, and remembers those that were acknowledged.
type writer struct {
	kept []string
	stop context.CancelFunc
	done sync.WaitGroup
}

func (r *repo) writes(t *testing.T, name string) *writer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &writer{stop: cancel}
	t.Cleanup(func() { cancel(); w.done.Wait() })
	w.done.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			line := fmt.Sprintf("%s-%05d", name, i)
			if status, body := r.server.ask(r.app, "/add/"+line); status == http.StatusOK && body == "kept" {
				w.kept = append(w.kept, line)
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return w
}

func (w *writer) end() []string {
	w.stop()
	w.done.Wait()
	return w.kept
}

// ask is get for what may go wrong.
func (s *server) ask(app, path string) (status int, body string) {
	res, err := s.client.Get(s.url(app) + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, text.String()
}

// wantRows looks for lines in the database of an app.
func (r *repo) wantRows(t *testing.T, lines []string) {
	t.Helper()
	var body string
	eventually(t, 60*time.Second, func() bool {
		var status int
		status, body = r.server.ask(r.app, "/")
		return status == http.StatusOK
	}, func() string { return "the app has no database: " + body })
	there := map[string]bool{}
	for line := range strings.Lines(body) {
		there[strings.TrimSpace(line)] = true
	}
	lost := 0
	for _, line := range lines {
		if !there[line] {
			lost++
		}
	}
	if lost > 0 || len(lines) == 0 {
		t.Fatalf("%d of %d rows are lost", lost, len(lines))
	}
}

var rows []string // what TestAddons has written so far

func testAddonBound(t *testing.T, r *repo) {
	s := r.server
	if out := s.lugsail(t, "addons"); !strings.Contains(out, "no add-ons yet") {
		t.Errorf("before the first: %s", out)
	}
	if out := s.lugsail(t, "blueprints"); !strings.Contains(out, "postgresql") || !strings.Contains(out, "valkey") {
		t.Errorf("blueprints: %s", out)
	}
	r.pushed(t, "first")
	s.wantPage(t, "shop", "/", "no database")
	began := time.Now()
	out := s.lugsail(t, "addons", "create", "postgresql", "shop-db", "--app", "shop")
	t.Logf("PostgreSQL made in %s", time.Since(began).Round(100*time.Millisecond))
	for _, want := range []string{"DATABASE_URL", "DATABASE_PASSWORD", "shop finds shop-db by"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	eventually(t, time.Minute, func() bool { _, body := s.ask("shop", "/vars"); return strings.Contains(body, "DATABASE_URL") }, func() string { return "the app has no DATABASE_URL" })
	w := r.writes(t, "first")
	time.Sleep(time.Second)
	rows = append(rows, w.end()...)
	r.wantRows(t, rows)
	if out := s.lugsail(t, "addons"); !strings.Contains(out, "shop as DATABASE") {
		t.Errorf("the list:\n%s", out)
	}
	if out := s.lugsail(t, "addons", "shell", "shop-db", "--", "-Atc", "SELECT count(*) FROM lines"); strings.TrimSpace(out) != fmt.Sprint(len(rows)) {
		t.Errorf("the shell says %q of %d rows", out, len(rows))
	}
	r.edit(t, "server.js", "// Keeps", "// Still keeps")
	r.pushed(t, "second")
	r.wantRows(t, rows)
}

// docker runs Docker's own command line on the engine of the test.
func (s *server) docker(t *testing.T, args ...string) string {
	t.Helper()
	return s.must(t, s.home(), "docker", append([]string{"-H", "unix://" + s.engine}, args...)...)
}

// refused runs a command that has to be refused with these words and a hint.
func (s *server) refused(t *testing.T, want string, args ...string) {
	t.Helper()
	if got := s.run(t, s.home(), s.binary(), args...); got.code == 0 || !strings.Contains(got.out, want) {
		t.Errorf("lugsail %s (%d): %q is not in\n%s", strings.Join(args, " "), got.code, want, got.out)
	}
}

func testAddonRefusals(t *testing.T, r *repo) {
	s := r.server
	s.refused(t, "There is no blueprint", "addons", "create", "oracle", "ora-db")
	s.refused(t, "already", "addons", "create", "postgresql", "shop-db")
	s.refused(t, "bound to this add-on already", "addons", "bind", "shop-db", "--app", "shop")
	s.refused(t, "cannot be what config vars begin with", "addons", "bind", "shop-db", "--app", "shop", "--as", "a b")
	s.refused(t, "is an app and no add-on", "addons", "rotate", "shop")
	s.refused(t, "is an add-on itself", "addons", "bind", "shop-db", "--app", "shop-db")
	s.refused(t, "shop uses shop-db", "destroy", "shop-db", "--confirm", "shop-db")
	s.refused(t, "shop uses shop-db", "rename", "other-db", "--yes", "--app", "shop-db")
	s.refused(t, "for one replica at a time", "scale", "database=2", "--app", "shop-db")
	s.refused(t, "what the add-on shop-db keeps", "volumes", "remove", "data", "--confirm", "data", "--app", "shop-db")
	s.refused(t, "it takes no code", "deploy", r.dir, "--app", "shop-db")
	r.wantRows(t, rows)
}

func testAddonRotated(t *testing.T, r *repo) {
	s := r.server
	password := func() string {
		var answer struct{ Config map[string]string }
		s.json(t, &answer, "config", "--show", "--app", "shop-db")
		return answer.Config["ADDON_PASSWORD"]
	}
	old := password()
	w := r.writes(t, "rotated")
	s.lugsail(t, "addons", "rotate", "shop-db")
	if fresh := password(); fresh == old || len(fresh) != 32 {
		t.Errorf("the password was %q and is %q", old, fresh)
	}
	enough := len(w.kept)
	eventually(t, time.Minute, func() bool { return len(w.kept) > enough+20 }, func() string { return "the app does not write any more" })
	rows = append(rows, w.end()...)
	r.wantRows(t, rows)
	out := s.run(t, s.home(), s.binary(), "exec", "--app", "shop-db", "--no-tty", "--", "env", "PGPASSWORD="+old, "psql", "-h", "127.0.0.1", "-U", "app", "-d", "app", "-c", "SELECT 1")
	if out.code == 0 {
		t.Error("the old password still logs in")
	}
	// The control plane dies in the middle, and the engine: in the end app and database have one password.
	for _, b := range []blow{{}, {after: 3 * time.Second, engine: true}} {
		s.lugsail(t, "addons", "rotate", "shop-db", "--detach")
		s.suffers(t, b)
		_, state := s.deployed(t, "shop-db")
		t.Logf("%s: %s", b, state)
		w = r.writes(t, "killed")
		eventually(t, 2*time.Minute, func() bool { return len(w.kept) > 50 }, func() string { return b.String() + ": the app does not write any more" })
		rows = append(rows, w.end()...)
		r.wantRows(t, rows)
	}
}

func testAddonKilled(t *testing.T, r *repo) {
	s := r.server
	w := r.writes(t, "kill")
	eventually(t, time.Minute, func() bool { return len(w.kept) > 20 }, func() string { return "the app does not write" })
	container := strings.Fields(s.ours(t, "ps", "-q", "--filter", "label=lugsail.app-name=shop-db"))
	if len(container) != 1 {
		t.Fatalf("the database has the containers %v", container)
	}
	s.docker(t, "kill", "-s", "KILL", container[0])
	enough := len(w.kept)
	eventually(t, 2*time.Minute, func() bool { return len(w.kept) > enough+20 }, func() string { return "the database does not come back" })
	rows = append(rows, w.end()...)
	r.wantRows(t, rows)
}

func testAddonAlone(t *testing.T, r *repo) {
	s := r.server
	other := s.repo(t, "other", "rows")
	other.pushed(t, "first")
	address := s.ours(t, "ps", "-q", "--filter", "label=lugsail.app-name=shop-db")
	addresses := s.docker(t, "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", address)
	for _, host := range append(strings.Fields(addresses), "shop-db") {
		if _, body := s.ask("other", "/reach/"+host+"/5432"); body != "not reached" {
			t.Errorf("an app that is not bound and %s: %s", host, body)
		}
	}
	if _, body := s.ask("shop", "/reach/shop-db/5432"); body != "reached" {
		t.Errorf("the app that is bound: %s", body)
	}
	s.lugsail(t, "addons", "bind", "shop-db", "--app", "other")
	if _, body := s.ask("other", "/reach/shop-db/5432"); body != "reached" {
		t.Errorf("bound too: %s", body)
	}
	other.wantRows(t, rows)
	s.lugsail(t, "addons", "unbind", "shop-db", "--app", "other")
	if _, body := s.ask("other", "/reach/shop-db/5432"); body != "not reached" {
		t.Errorf("no longer bound: %s", body)
	}
	if _, body := s.ask("other", "/vars"); strings.Contains(body, "DATABASE_URL") {
		t.Error("no longer bound, and the config vars are still there")
	}
	s.lugsail(t, "destroy", "other", "--confirm", "other")
	s.lugsail(t, "destroy", "other", "--confirm", "other", "--now")
	r.wantRows(t, rows)
}

func testAddonDumps(t *testing.T, r *repo) {
	s := r.server
	dump, empty, binary, foreign, broken := filepath.Join(s.home(), "shop.sql"), filepath.Join(s.home(), "empty.sql"), filepath.Join(s.home(), "binary"), filepath.Join(s.home(), "maria.sql"), filepath.Join(s.home(), "it's broken.sql")
	s.lugsail(t, "addons", "export", "shop-db", dump)
	check(t, os.WriteFile(empty, nil, 0o600))
	check(t, os.WriteFile(binary, bytes.Repeat([]byte{0, 1, 2, 3}, 50_000), 0o600))
	check(t, os.WriteFile(foreign, []byte("-- MariaDB dump 10.19\nCREATE TABLE `x` (a int);\n"), 0o600))
	check(t, os.WriteFile(broken, []byte("CREATE TABLE half (a int);\nINSERT INTO half VALUES ('no number');\n"), 0o600))
	for file, want := range map[string]string{empty: "nothing in what was sent", binary: "neither SQL nor", foreign: "a dump of MariaDB", broken: "invalid input syntax", "/nowhere": "no such file"} {
		s.refused(t, want, "addons", "import", "shop-db", file)
	}
	if out := s.lugsail(t, "addons", "shell", "shop-db", "--", "-Atc", "SELECT count(*) FROM pg_tables WHERE tablename = 'half'"); strings.TrimSpace(out) != "0" {
		t.Errorf("half a dump is there: %s", out)
	}
	s.lugsail(t, "addons", "shell", "shop-db", "--", "-qc", "DELETE FROM lines")
	s.lugsail(t, "addons", "import", "shop-db", dump)
	r.wantRows(t, rows)
}

func testAddonTunnel(t *testing.T, r *repo) {
	s := r.server
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary(), "addons", "tunnel", "shop-db")
	cmd.Dir, cmd.Env = s.home(), s.env()
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	defer func() { cancel(); _ = cmd.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	check(t, err)
	for range 2 {
		conn, err := net.Dial("tcp", strings.Fields(line)[0])
		check(t, err)
		if !isPostgres(t, conn) {
			t.Error("behind the tunnel is no PostgreSQL")
		}
		check(t, conn.Close())
	}
}

// isPostgres asks for TLS as PostgreSQL's programs do.
func isPostgres(t *testing.T, conn net.Conn) bool {
	t.Helper()
	check(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	answer := make([]byte, 1)
	_, written := conn.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}) // its SSLRequest
	_, err := conn.Read(answer)
	return written == nil && err == nil && (answer[0] == 'N' || answer[0] == 'S')
}

// testAddonOpen opens the database to one address, and to no other, also while the control plane is away and after
// the database has started anew.
func testAddonOpen(t *testing.T, r *repo) {
	const port = 15432
	s := r.server
	reached := func(from string) bool {
		dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close() }()
		return isPostgres(t, conn)
	}
	open := func(from ...string) string {
		args := []string{"addons", "open", "shop-db", "--for", "2h", "--port", fmt.Sprint(port)}
		for _, f := range from {
			args = append(args, "--from", f)
		}
		return s.lugsail(t, args...)
	}
	s.refused(t, "too much of the internet", "addons", "open", "shop-db", "--from", "0.0.0.0/0")
	s.refused(t, "Say who may connect", "addons", "open", "shop-db")
	s.refused(t, "cannot be opened", "addons", "open", "shop-db", "--from", "127.0.0.1", "--port", fmt.Sprint(httpsPort))
	if out := s.lugsail(t, "addons"); strings.Contains(out, "leads to shop-db") || reached("127.0.0.1") {
		t.Errorf("it is open though nobody opened it:\n%s", out)
	}
	if out := open("127.0.0.1"); !strings.Contains(out, fmt.Sprintf(":%d leads to shop-db until ", port)) {
		t.Errorf("it says %s", out)
	}
	if !reached("127.0.0.1") || reached("127.0.0.2") {
		t.Error("the one that may does not reach it, or another one does")
	}
	s.kill(t, "serve")
	if !reached("127.0.0.1") {
		t.Error("it is not reached while the control plane is away")
	}
	s.answers(t)
	s.kill(t, "proxy")
	again := func() {
		eventually(t, 30*time.Second, func() bool { return reached("127.0.0.1") }, func() string { return "it is not reached any more" })
	}
	again()
	s.lugsail(t, "restart", "--app", "shop-db")
	again()
	open("127.0.0.2", "127.0.0.3")
	if reached("127.0.0.1") || !reached("127.0.0.3") {
		t.Error("changed, it is open to those of before")
	}
	if out := s.lugsail(t, "addons"); !strings.Contains(out, "for 127.0.0.2, 127.0.0.3") {
		t.Errorf("the list says\n%s", out)
	}
	s.lugsail(t, "addons", "close", "shop-db")
	if reached("127.0.0.3") {
		t.Error("it is closed and reached")
	}
	s.refused(t, "has no public port", "addons", "close", "shop-db")
}

func testAddonMariaDB(t *testing.T, r *repo) {
	s := r.server
	volumes := s.volumes(t)
	s.lugsail(t, "addons", "create", "mariadb", "wiki-db", "--plan", "db-pico", "--app", "shop", "--as", "WIKI")
	files := s.volumes(t, volumes...)[0]
	eventually(t, time.Minute, func() bool { _, body := s.ask("shop", "/vars"); return strings.Contains(body, "WIKI_URL") }, func() string { return "the app has no WIKI_URL" })
	if _, body := s.ask("shop", "/reach/wiki-db/3306"); body != "reached" {
		t.Errorf("the app and wiki-db: %s", body)
	}
	s.lugsail(t, "addons", "shell", "wiki-db", "--", "-e", "CREATE TABLE pages (id int); INSERT INTO pages VALUES (1),(2),(3)")
	dump := filepath.Join(s.home(), "wiki.sql")
	s.lugsail(t, "addons", "export", "wiki-db", dump)
	broken := filepath.Join(s.home(), "broken.sql")
	check(t, os.WriteFile(broken, []byte("DROP TABLE IF EXISTS pages;\nSELEKT 1;\n"), 0o600))
	s.refused(t, "SQL syntax", "addons", "import", "wiki-db", broken)
	s.refused(t, "a dump of PostgreSQL", "addons", "import", "wiki-db", filepath.Join(s.home(), "shop.sql"))
	count := func() string {
		return strings.TrimSpace(s.lugsail(t, "addons", "shell", "wiki-db", "--", "-N", "-e", "SELECT count(*) FROM pages"))
	}
	if got := count(); got != "3" {
		t.Errorf("after a dump with an error: %s", got)
	}
	s.lugsail(t, "addons", "shell", "wiki-db", "--", "-e", "DELETE FROM pages")
	s.lugsail(t, "addons", "import", "wiki-db", dump)
	s.lugsail(t, "addons", "rotate", "wiki-db")
	if got := count(); got != "3" {
		t.Errorf("after its dump and a new password: %s", got)
	}
	before := s.stats(t, "wiki-db")
	s.lugsail(t, "addons", "shell", "wiki-db", "--", "-e", "SELECT SLEEP(1.2), 'a long one'")
	if after := s.stats(t, "wiki-db"); after.Bytes < 16<<10 || after.Connections < 0 || after.MaxConnections < 20 || after.Slow == nil || *after.Slow != *before.Slow+1 {
		t.Errorf("MariaDB tells %+v, and before a slow query %+v", after, before)
	}
	s.logHas(t, "wiki-db", "a long one")
	s.fullAndBack(t, "wiki-db", files, "read-only", "-e", "INSERT INTO pages VALUES (4)")
	s.lugsail(t, "addons", "unbind", "wiki-db", "--app", "shop")
	s.lugsail(t, "destroy", "wiki-db", "--confirm", "wiki-db")
	s.lugsail(t, "destroy", "wiki-db", "--confirm", "wiki-db", "--now")
}

func testAddonValkey(t *testing.T, r *repo) {
	s := r.server
	s.lugsail(t, "addons", "create", "valkey", "shop-cache", "--app", "shop")
	s.lugsail(t, "addons", "shell", "shop-cache", "--", "SET", "greeting", "hello")
	s.lugsail(t, "restart", "--app", "shop-cache")
	if out := s.lugsail(t, "addons", "shell", "shop-cache", "--", "GET", "greeting"); !strings.Contains(out, "hello") {
		t.Errorf("after a restart: %q", out)
	}
	if _, body := s.ask("shop", "/vars"); !strings.Contains(body, "REDIS_URL") {
		t.Error("the app has no REDIS_URL")
	}
	if got := s.stats(t, "shop-cache"); got.Bytes < 100_000 || got.MaxBytes < 16<<20 || got.Connections < 0 || got.MaxConnections < 100 || got.Slow == nil {
		t.Errorf("Valkey tells %+v", got)
	}
	began := time.Now()
	s.lugsail(t, "addons", "create", "valkey", "second-cache")
	t.Logf("another Valkey, whose image is there, made in %s", time.Since(began).Round(100*time.Millisecond))
	for _, name := range []string{"second-cache", "shop-cache"} {
		if name == "shop-cache" {
			s.lugsail(t, "addons", "unbind", name, "--app", "shop")
		}
		s.lugsail(t, "destroy", name, "--confirm", name)
		s.lugsail(t, "destroy", name, "--confirm", name, "--now")
	}
}

// stats are what an add-on tells of itself.
type stats struct {
	Bytes, Connections int64
	MaxBytes           int64 `json:"max_bytes"`
	MaxConnections     int64 `json:"max_connections"`
	Slow               *int64
	Queries            []slowQuery
}

type slowQuery struct {
	Text           string
	Calls, Longest int64
}

func (s *server) stats(t *testing.T, name string) stats {
	t.Helper()
	var answer struct{ Stats stats }
	check(t, json.Unmarshal([]byte(s.lugsail(t, "addons", "stats", name, "--json")), &answer))
	return answer.Stats
}

// logHas waits until an app's log has a text.
func (s *server) logHas(t *testing.T, name, text string) {
	t.Helper()
	var out string
	eventually(t, 30*time.Second, func() bool {
		out = s.lugsail(t, "logs", "--app", name)
		return strings.Contains(out, text)
	}, func() string { return fmt.Sprintf("the log of %s does not say %q:\n%s", name, text, out) })
}

func testAddonStats(t *testing.T, r *repo) {
	s := r.server
	s.lugsail(t, "addons", "shell", "shop-db", "--", "-c", "SELECT pg_sleep(1.2), 'a secret'")
	got := s.stats(t, "shop-db")
	if got.Bytes < 1<<20 || got.Connections < 0 || got.MaxConnections < 20 || got.Slow != nil {
		t.Errorf("PostgreSQL tells %+v", got)
	}
	if !slices.ContainsFunc(got.Queries, func(q slowQuery) bool {
		return q.Text == "SELECT pg_sleep($1), $2" && q.Calls == 1 && q.Longest >= 1200
	}) {
		t.Errorf("the slow query is not in %+v", got.Queries)
	}
	s.logHas(t, "shop-db", "pg_sleep")
	s.refused(t, "is an app and no add-on", "addons", "stats", "shop")
}

// volumes are the directories of volumes, without those that were known.
func (s *server) volumes(t *testing.T, known ...string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(s.dir, "data", "volumes", "*"))
	check(t, err)
	return slices.DeleteFunc(all, func(dir string) bool { return slices.Contains(known, dir) })
}

// fullAndBack gives an add-on on the smallest plan more files than that holds, and takes them away again.
func (s *server) fullAndBack(t *testing.T, name, files, says string, write ...string) {
	t.Helper()
	write = append([]string{"addons", "shell", name, "--"}, write...)
	filler := filepath.Join(files, "filler")
	t.Cleanup(func() { _ = os.Remove(filler) }) // it is large
	s.must(t, s.dir, "fallocate", "-l", "5G", filler)
	s.measured(t)
	var got result
	eventually(t, 90*time.Second, func() bool {
		got = s.run(t, s.home(), s.binary(), write...)
		return got.code != 0 || strings.Contains(got.out, says)
	}, func() string { return name + " takes writes beyond its plan" })
	if !strings.Contains(got.out, says) {
		t.Errorf("%s refuses to write with %s", name, got.out)
	}
	s.lugsail(t, "restart", "--app", name) // it starts, and is told again
	if out := s.lugsail(t, "activity", name); !strings.Contains(out, "takes no more writes") {
		t.Errorf("the activity of %s does not tell why it takes no more writes:\n%s", name, out)
	}
	check(t, os.Remove(filler))
	s.measured(t)
	eventually(t, 90*time.Second, func() bool {
		got = s.run(t, s.home(), s.binary(), write...)
		return got.code == 0 && !strings.Contains(got.out, says)
	}, func() string { return name + " takes no writes although there is room: " + got.out })
}

// measured lets volumes be measured now: the control plane does so when it begins.
func (s *server) measured(t *testing.T) {
	t.Helper()
	s.kill(t, "serve")
	s.answers(t)
}

func testAddonFull(t *testing.T, r *repo) {
	s := r.server
	volumes := s.volumes(t)
	s.lugsail(t, "addons", "create", "postgresql", "full-db", "--plan", "db-pico")
	s.lugsail(t, "addons", "shell", "full-db", "--", "-c", "CREATE TABLE pages (id int)")
	s.fullAndBack(t, "full-db", s.volumes(t, volumes...)[0], "read-only transaction", "-c", "INSERT INTO pages VALUES (1)")
	s.lugsail(t, "destroy", "full-db", "--confirm", "full-db", "--now")
	s.lugsail(t, "addons", "create", "valkey", "full-cache", "--plan", "db-pico")
	s.fullAndBack(t, "full-cache", s.volumes(t, volumes...)[0], "NOREPLICAS", "SET", "page", "1")
	s.lugsail(t, "destroy", "full-cache", "--confirm", "full-cache", "--now")
}

func testAddonRenewed(t *testing.T, r *repo) {
	r.server.lugsail(t, "addons", "renew", "shop-db")
	r.wantRows(t, rows)
}

func testAddonTrash(t *testing.T, r *repo) {
	s := r.server
	s.lugsail(t, "addons", "unbind", "shop-db", "--app", "shop")
	s.wantPage(t, "shop", "/", "no database")
	s.lugsail(t, "destroy", "shop-db", "--confirm", "shop-db")
	s.refused(t, "trash", "addons", "bind", "shop-db", "--app", "shop")
	s.lugsail(t, "restore", "shop-db")
	s.lugsail(t, "addons", "bind", "shop-db", "--app", "shop")
	r.wantRows(t, rows)
}
