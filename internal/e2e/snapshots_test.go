package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSnapshots makes snapshots of an app that writes all the time and brings them back, with the control plane killed
// in the middle of both, and with a repository that has lost a bit.
func TestSnapshots(t *testing.T) {
	s := standingServer(t)
	r := s.repo(t, "shop", "rows")
	for _, part := range []struct {
		name string
		run  func(*testing.T, *repo)
	}{
		{"something to keep", testSnapshotBegin},
		{"made and restored under writes", testSnapshotRestored},
		{"as a new app", testSnapshotCopied},
		{"killed while a new app is made of one", testCopyKilled},
		{"with the release of then", testSnapshotRelease},
		{"before a deployment", testSnapshotBefore},
		{"killed while one is made", testSnapshotKilled},
		{"killed while one is restored", testRestoreKilled},
		{"of an add-on", testSnapshotAddon},
		{"MariaDB", testSnapshotMariaDB},
		{"one damaged bit", testSnapshotDamaged},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, r) }) {
			break
		}
	}
}

// inShop runs a line for the shell in the app.
func (s *server) inShop(t *testing.T, line string) string {
	t.Helper()
	return s.inApp(t, "shop", line)
}

func (s *server) inApp(t *testing.T, app, line string) string {
	t.Helper()
	return strings.TrimSpace(s.lugsail(t, "exec", "--app", app, "--no-tty", "--", "sh", "-c", line))
}

// sql asks the shop's database.
func (s *server) sql(t *testing.T, query string) string { t.Helper(); return s.sqlOf(t, "shop", query) }

func (s *server) sqlOf(t *testing.T, app, query string) string {
	t.Helper()
	return strings.TrimSpace(s.lugsail(t, "addons", "shell", app+"-db", "--", "-Atc", query))
}

func testSnapshotBegin(t *testing.T, r *repo) {
	s := r.server
	r.pushed(t, "first")
	s.refused(t, "nothing to make a snapshot of", "snapshots", "create", "--app", "shop")
	s.lugsail(t, "addons", "create", "postgresql", "shop-db", "--app", "shop")
	s.lugsail(t, "volumes", "create", "files", "/data", "--app", "shop")
	eventually(t, time.Minute, func() bool { _, body := s.ask("shop", "/add/first"); return body == "kept" }, func() string { return "the app has no database" })
	s.sql(t, "INSERT INTO lines SELECT 'bulk-' || n FROM generate_series(1, 10000) n")
	s.inShop(t, "head -c 3000000 /dev/urandom >'/data/it'\\''s a blob'; mkdir /data/d; echo one >/data/d/one; ln -s ../nowhere /data/d/link")
	if out := s.lugsail(t, "snapshots", "--app", "shop"); !strings.Contains(out, "no snapshots yet") {
		t.Errorf("before the first:\n%s", out)
	}
}

// holding is what the shop keeps, in short.
type holding struct{ rows, tables, files string }

func (s *server) holds(t *testing.T) holding { t.Helper(); return s.holdsOf(t, "shop") }

func (s *server) holdsOf(t *testing.T, app string) holding {
	t.Helper()
	return holding{
		rows:   s.sqlOf(t, app, "SELECT count(*), md5(string_agg(line, ',' ORDER BY line)) FROM lines"),
		tables: s.sqlOf(t, app, "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"),
		files:  s.inApp(t, app, "cd /data && find . -printf '%p %u %m %s %l\\n' | sort && find . -type f -exec sha256sum {} + | sort"),
	}
}

// snapshot makes one and gives its id.
func (s *server) snapshot(t *testing.T, app, message string) string {
	t.Helper()
	var answer struct {
		Snapshot struct {
			ID, State string
			Frozen    bool
			Bytes     int64
		}
	}
	s.json(t, &answer, "snapshots", "create", "--message", message, "--app", app)
	if answer.Snapshot.State != "ready" || !answer.Snapshot.Frozen || answer.Snapshot.Bytes == 0 {
		t.Fatalf("made %+v", answer.Snapshot)
	}
	return answer.Snapshot.ID
}

func (s *server) restored(t *testing.T, app, id string) {
	t.Helper()
	began := time.Now()
	s.lugsail(t, "snapshots", "restore", id, "--confirm", app, "--app", app)
	t.Logf("restored in %s", time.Since(began).Round(100*time.Millisecond))
	s.nothingLeft(t)
}

// nothingLeft looks that no half state is left of what was made or restored.
func (s *server) nothingLeft(t *testing.T) {
	t.Helper()
	left := func() []string {
		var all []string
		for _, pattern := range []string{"volumes/.restore-*", "snapshots/restores/*", "snapshots/staging"} {
			found, err := filepath.Glob(filepath.Join(s.dir, "data", pattern))
			check(t, err)
			all = append(all, found...)
		}
		return all
	}
	eventually(t, 30*time.Second, func() bool { return len(left()) == 0 }, func() string { return fmt.Sprint("left: ", left()) })
	if paused := s.ours(t, "ps", "-q", "--filter", "status=paused"); paused != "" {
		t.Errorf("replicas stand still: %s", paused)
	}
}

func testSnapshotRestored(t *testing.T, r *repo) {
	s := r.server
	w := r.writes(t, "before")
	eventually(t, time.Minute, func() bool { return len(w.kept) > 20 }, func() string { return "the app does not write" })
	sure := len(w.kept)
	began := time.Now()
	id := s.snapshot(t, "shop", "under writes")
	t.Logf("snapshot made in %s", time.Since(began).Round(100*time.Millisecond))
	possible := len(w.kept) + 4 // under way
	eventually(t, time.Minute, func() bool { return len(w.kept) > possible+20 }, func() string { return "the app does not write any more" })
	s.inShop(t, "echo two >/data/d/one; rm '/data/it'\\''s a blob'; echo more >/data/more")
	s.sql(t, "CREATE TABLE extra (a int); CREATE SCHEMA other; CREATE TABLE other.more (a int)")
	s.refused(t, "its name must be given once more", "snapshots", "restore", id, "--confirm", "other", "--app", "shop")
	s.refused(t, "no snapshot", "snapshots", "restore", "lnothing", "--confirm", "shop", "--app", "shop")
	lines := w.end()
	s.restored(t, "shop", id)
	if got := s.sql(t, "SELECT count(*) FROM lines WHERE line LIKE 'bulk-%'"); got != "10000" {
		t.Errorf("%s of 10000 rows are there", got)
	}
	var n int
	if _, err := fmt.Sscan(s.sql(t, "SELECT count(*) FROM lines WHERE line LIKE 'before-%'"), &n); err != nil || n < sure || n > possible {
		t.Errorf("%d rows of what was written meanwhile are there, not %d to %d: %v", n, sure, possible, err)
	}
	if last := s.sql(t, "SELECT max(line) FROM lines WHERE line LIKE 'before-%'"); n > len(lines) || last != lines[n-1] {
		t.Errorf("the rows are not those of one moment: the last of %d is %s", n, last)
	}
	now := s.holds(t)
	if now.tables != "lines" {
		t.Errorf("the tables are %s", now.tables)
	}
	if strings.Contains(now.files, "more") || !strings.Contains(now.files, "a blob") || s.inShop(t, "cat /data/d/one") != "one" {
		t.Errorf("the files are:\n%s", now.files)
	}
	if out := s.lugsail(t, "snapshots", "--app", "shop"); !strings.Contains(out, "before the restore of deployment") {
		t.Errorf("there is no way back:\n%s", out)
	}
	s.wantAdds(t)
}

// wantAdds looks that the app serves and can write into both.
func (s *server) wantAdds(t *testing.T) {
	t.Helper()
	var body string
	eventually(t, time.Minute, func() bool {
		var status int
		status, body = s.ask("shop", "/add/after")
		return status == http.StatusOK && body == "kept"
	}, func() string { return "the app cannot write: " + body })
	s.inShop(t, "echo x >/data/written && rm /data/written")
}

func testSnapshotCopied(t *testing.T, r *repo) {
	s := r.server
	s.lugsail(t, "config", "set", "WHICH=then", "--app", "shop")
	id := s.snapshot(t, "shop", "to be copied")
	then := s.holds(t)
	s.lugsail(t, "config", "unset", "WHICH", "--app", "shop")
	s.sql(t, "DELETE FROM lines WHERE line = 'bulk-1'")
	s.inShop(t, "echo now >/data/now")
	now := s.holds(t)
	s.refused(t, "already", "snapshots", "restore", id, "--as", "shop", "--app", "shop")
	s.refused(t, "no plan", "snapshots", "restore", id, "--as", "shop-copy", "--plan", "tiny", "--app", "shop")
	began := time.Now()
	s.lugsail(t, "snapshots", "restore", id, "--as", "shop-copy", "--plan", "pico", "--app", "shop")
	t.Logf("a new app in %s", time.Since(began).Round(100*time.Millisecond))
	s.copied(t, "shop-copy", then, now)
	if _, body := s.ask("shop-copy", "/vars"); !strings.Contains(body, "WHICH") {
		t.Error("the new app does not have the config var of then")
	}
	if info := s.lugsail(t, "info", "shop-copy"); !strings.Contains(info, "pico") {
		t.Errorf("the plan:\n%s", info)
	}
	s.sqlOf(t, "shop-copy", "DELETE FROM lines")
	s.inApp(t, "shop-copy", "rm -r /data/d")
	if got := s.holds(t); got != now {
		t.Errorf("what the new app does reaches the shop: %+v", got)
	}
	s.inShop(t, "rm /data/now")
	s.sql(t, "INSERT INTO lines VALUES ('bulk-1')")
}

// copied looks that the new app serves what was in the snapshot, that the shop is as it was, and lets the new one go.
func (s *server) copied(t *testing.T, app string, then, now holding) {
	t.Helper()
	var body string
	eventually(t, 2*time.Minute, func() (ok bool) { _, body = s.ask(app, "/"); return strings.Contains(body, "bulk-77\n") }, func() string { return app + " does not serve: " + body })
	if got := s.holdsOf(t, app); got != then {
		t.Errorf("%s keeps\n%+v\nand not\n%+v", app, got, then)
	}
	if got := s.holds(t); got != now {
		t.Errorf("the shop keeps\n%+v\nand not\n%+v", got, now)
	}
	s.nothingLeft(t)
}

// letGo removes an app and the database that it was made with.
func (s *server) letGo(t *testing.T, app string) {
	t.Helper()
	s.lugsail(t, "destroy", app, "--confirm", app, "--now")
	s.lugsail(t, "destroy", app+"-db", "--confirm", app+"-db", "--now")
}

// blow ends a part of the server with SIGKILL some time after something was begun, and waits until it is there again.
type blow struct {
	after  time.Duration
	engine bool // else the control plane
}

func (b blow) String() string {
	if b.engine {
		return fmt.Sprintf("the engine killed after %s", b.after)
	}
	return fmt.Sprintf("the control plane killed after %s", b.after)
}

func (s *server) suffers(t *testing.T, b blow) {
	t.Helper()
	time.Sleep(b.after) // somewhere in the middle
	if b.engine {
		s.killEngine(t)()
	} else {
		s.kill(t, "serve")
	}
	s.answers(t)
}

// deployed waits for the end of the app's newest deployment and gives its kind and state.
func (s *server) deployed(t *testing.T, app string) (kind, state string) {
	t.Helper()
	var answer struct {
		Deployments []struct{ Kind, State string }
	}
	eventually(t, 4*time.Minute, func() bool {
		s.json(t, &answer, "deployments", "--app", app)
		state := answer.Deployments[0].State
		return state != "running" && state != "waiting"
	}, func() string { return "it does not end: " + s.lugsail(t, "deployments", "--app", app) })
	return answer.Deployments[0].Kind, answer.Deployments[0].State
}

func testCopyKilled(t *testing.T, r *repo) {
	s := r.server
	id := s.snapshot(t, "shop", "to be copied")
	then := s.holds(t)
	s.letGo(t, "shop-copy")
	for i, b := range []blow{{after: 200 * time.Millisecond}, {after: 4 * time.Second}, {after: 8 * time.Second}} {
		name := fmt.Sprintf("copy%d", i)
		s.lugsail(t, "snapshots", "restore", id, "--as", name, "--app", "shop", "--detach")
		s.suffers(t, b)
		if kind, state := s.deployed(t, name); state != "live" || kind != "copy" {
			t.Fatalf("%s: %s %s\n%s", b, kind, state, s.lugsail(t, "deployments", "1", "--app", name))
		}
		s.copied(t, name, then, then)
		s.letGo(t, name)
	}
}

func testSnapshotRelease(t *testing.T, r *repo) {
	s := r.server
	s.lugsail(t, "config", "set", "WHICH=one", "--app", "shop")
	id := s.snapshot(t, "shop", "with WHICH")
	s.lugsail(t, "config", "unset", "WHICH", "--app", "shop")
	s.restored(t, "shop", id)
	if _, body := s.ask("shop", "/vars"); !strings.Contains(body, "WHICH") {
		t.Error("the config var of then did not return")
	}
	s.lugsail(t, "snapshots", "remove", id, "--app", "shop")
	if out := s.lugsail(t, "snapshots", "--app", "shop"); strings.Contains(out, id) {
		t.Errorf("it is still there:\n%s", out)
	}
}

func testSnapshotBefore(t *testing.T, r *repo) {
	s := r.server
	ways := func() int { return strings.Count(s.lugsail(t, "snapshots", "--app", "shop"), "before deployment ") }
	s.lugsail(t, "config", "set", "WHICH=two", "--app", "shop")
	if n := ways(); n != 0 {
		t.Errorf("%d made, and nobody wants them yet", n)
	}
	if out := s.lugsail(t, "snapshots", "before-deployments", "on", "--app", "shop"); !strings.Contains(out, "makes a snapshot first") {
		t.Errorf("turned on:\n%s", out)
	}
	s.lugsail(t, "config", "unset", "WHICH", "--app", "shop")
	s.lugsail(t, "restart", "--app", "shop")
	if n := ways(); n != 1 {
		t.Errorf("%d made", n)
	}
	key := filepath.Join(s.dir, "etc", "snapshots.key") // without it none can be made
	check(t, os.Rename(key, key+".away"))
	s.refused(t, "before-deployments off", "config", "set", "WHICH=three", "--app", "shop")
	check(t, os.Rename(key+".away", key))
	s.wantAdds(t)
	if out := s.lugsail(t, "snapshots", "before-deployments", "off", "--app", "shop"); !strings.Contains(out, "make no snapshots") {
		t.Errorf("turned off:\n%s", out)
	}
	s.lugsail(t, "config", "unset", "WHICH", "--app", "shop")
	if n := ways(); n != 1 {
		t.Errorf("%d made", n)
	}
}

func testSnapshotKilled(t *testing.T, r *repo) {
	s := r.server
	for _, b := range []blow{{after: 300 * time.Millisecond}, {after: 700 * time.Millisecond, engine: true}, {after: 4 * time.Second}, {after: 3 * time.Second, engine: true}} {
		s.lugsail(t, "snapshots", "create", "--detach", "--app", "shop")
		s.suffers(t, b)
		var out string
		eventually(t, time.Minute, func() bool {
			out = s.lugsail(t, "snapshots", "--app", "shop")
			return !strings.Contains(out, "making")
		}, func() string { return fmt.Sprintf("%s, one is made for ever:\n%s", b, out) })
		s.nothingLeft(t)
		s.wantAdds(t)
	}
	if out := s.lugsail(t, "snapshots", "--app", "shop"); !strings.Contains(out, "The server was restarted") {
		t.Errorf("none was cut off:\n%s", out)
	}
	s.snapshot(t, "shop", "after all that")
}

func testRestoreKilled(t *testing.T, r *repo) {
	s := r.server
	want := s.holds(t)
	id := s.snapshot(t, "shop", "to be restored")
	for _, b := range []blow{{after: time.Second}, {after: 3 * time.Second, engine: true}, {after: 6 * time.Second}, {after: 8 * time.Second, engine: true}, {after: 10 * time.Second}} {
		s.sql(t, "DELETE FROM lines WHERE line LIKE 'bulk-%'; CREATE TABLE IF NOT EXISTS half (a int)")
		s.inShop(t, "rm -rf /data/d; echo half >/data/half")
		spoilt := s.holds(t)
		s.lugsail(t, "snapshots", "restore", id, "--confirm", "shop", "--app", "shop", "--detach")
		s.suffers(t, b)
		kind, state := s.deployed(t, "shop")
		t.Logf("%s: %s", b, state)
		if kind != "rewind" || state != "live" && !b.engine {
			t.Fatalf("%s: %s %s\n%s", b, kind, state, s.lugsail(t, "deployments", "--app", "shop"))
		}
		if state != "live" { // undone, and done again
			eventually(t, time.Minute, func() bool { status, _ := s.ask("shop", "/"); return status == http.StatusOK }, func() string { return "the app does not answer" })
			if got := s.holds(t); got != spoilt {
				t.Errorf("%s, the app keeps\n%+v\nand not what it had\n%+v", b, got, spoilt)
			}
			s.nothingLeft(t)
			s.restored(t, "shop", id)
		}
		s.wantPage(t, "shop", "/", "bulk-77\n")
		if got := s.holds(t); got != want {
			t.Errorf("%s, the app keeps\n%+v\nand not\n%+v", b, got, want)
		}
		s.nothingLeft(t)
	}
}

func testSnapshotAddon(t *testing.T, r *repo) {
	s := r.server
	id := s.snapshot(t, "shop-db", "of the database alone")
	want := s.sql(t, "SELECT count(*) FROM lines")
	s.sql(t, "DELETE FROM lines")
	s.restored(t, "shop-db", id)
	if got := s.sql(t, "SELECT count(*) FROM lines"); got != want {
		t.Errorf("%s rows and not %s", got, want)
	}
	s.wantAdds(t)
}

func testSnapshotMariaDB(t *testing.T, r *repo) {
	s := r.server
	s.lugsail(t, "addons", "create", "mariadb", "wiki-db")
	ask := func(query string) string {
		return strings.TrimSpace(s.lugsail(t, "addons", "shell", "wiki-db", "--", "-N", "-e", query))
	}
	ask("CREATE TABLE pages (id int); INSERT INTO pages VALUES (1),(2),(3)")
	id := s.snapshot(t, "wiki-db", "of MariaDB")
	ask("DELETE FROM pages; CREATE TABLE extra (id int)")
	s.restored(t, "wiki-db", id)
	if got := ask("SELECT count(*) FROM pages; SHOW TABLES"); got != "3\npages" {
		t.Errorf("it holds %q", got)
	}
	s.lugsail(t, "destroy", "wiki-db", "--confirm", "wiki-db")
}

func testSnapshotDamaged(t *testing.T, r *repo) {
	s := r.server
	id := s.snapshot(t, "shop", "to be damaged")
	want := s.holds(t)
	packs, err := filepath.Glob(filepath.Join(s.dir, "data", "snapshots", "repository", "data", "*", "*"))
	check(t, err)
	for _, pack := range packs {
		content, err := os.ReadFile(pack)
		check(t, err)
		if len(content) < 1<<20 {
			continue
		}
		content[len(content)/2] ^= 1
		check(t, os.Chmod(pack, 0o600))
		check(t, os.WriteFile(pack, content, 0o600))
	}
	s.refused(t, "is damaged", "snapshots", "restore", id, "--confirm", "shop", "--app", "shop")
	if got := s.holds(t); got != want {
		t.Errorf("the app keeps\n%+v\nand not\n%+v", got, want)
	}
	s.nothingLeft(t)
	s.wantAdds(t)
}
