package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestBackups backs a server up to a directory elsewhere, with the control plane killed in the middle, lets rehearsals
// find what is damaged, and brings everything back on a server that has nothing, in other places.
func TestBackups(t *testing.T) {
	s := standingServer(t)
	b := &backedUp{whole: t, repo: s.repo(t, "shop", "rows"), to: filepath.Join(s.dir, "elsewhere", "backups")}
	for _, part := range []struct {
		name string
		run  func(*testing.T, *backedUp)
	}{
		{"something to lose", func(t *testing.T, b *backedUp) { testSnapshotBegin(t, b.repo) }},
		{"set up", testBackupSet},
		{"killed while one is made", testBackupKilled},
		{"one damaged byte", testBackupDamaged},
		{"all lost, and brought back", testBackupRestored},
		{"goes on", testBackupGoesOn},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, b) }) {
			break
		}
	}
}

// backedUp is a server with backups.
type backedUp struct {
	*repo
	whole    *testing.T // the second server stays to its end
	to       string
	password string
	want     holding
}

type backupRow struct {
	ID, State, Proof, Fault, Failure, Gaps string
	Proven                                 bool
	Apps                                   []string
}

func (s *server) backups(t *testing.T) []backupRow {
	t.Helper()
	var answer struct{ Backups []backupRow }
	s.json(t, &answer, "backups")
	return answer.Backups
}

var backupPassword = regexp.MustCompile(`\n    ([a-z0-9-]{26,})\n`)

func testBackupSet(t *testing.T, b *backedUp) {
	s := b.server
	if out := s.lugsail(t, "backups"); !strings.Contains(out, "when this server's disk is lost, everything is") {
		t.Errorf("without any:\n%s", out)
	}
	s.refused(t, "Nobody has said where backups go", "backups", "create")
	s.refused(t, "is no address for backups", "backups", "set", "ftp://example.com/x")
	s.refused(t, "the root directory", "backups", "set", "/")
	s.refused(t, "There is no directory", "backups", "set", b.to)
	s.refused(t, "lies in Lugsail's own directory", "backups", "set", filepath.Join(s.dir, "data", "repositories"))
	s.refused(t, "S3 needs an access key", "backups", "set", "s3://bucket/directory")
	s.refused(t, "without a password", "backups", "set", "sftp://ada:secret@127.0.0.1/x")
	s.refused(t, "does not answer", "backups", "set", "sftp://ada@127.0.0.1:1/x")
	if key := s.lugsail(t, "backups", "key"); !strings.HasPrefix(key, "ssh-ed25519 ") {
		t.Errorf("the key is %q", key)
	}
	check(t, os.MkdirAll(b.to, 0o700))
	out := s.lugsail(t, "backups", "set", b.to)
	found := backupPassword.FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no password is told:\n%s", out)
	}
	b.password = found[1]
	began := time.Now()
	eventually(t, 5*time.Minute, func() bool {
		all := s.backups(t)
		return len(all) > 0 && (all[0].Proven || all[0].Fault != "" || all[0].State == "failed")
	}, func() string { return s.lugsail(t, "backups") })
	first := s.backups(t)[0]
	t.Logf("the first backup, made and rehearsed in %s: %+v", time.Since(began).Round(time.Second), first)
	if !first.Proven || len(first.Apps) != 2 || first.Gaps != "" || !strings.Contains(first.Proof, "1 started healthy") || !strings.Contains(first.Proof, "the rows of 1 compared") {
		t.Fatalf("the first backup: %+v\n%s", first, s.lugsail(t, "activity"))
	}
	s.nothingOfBackups(t)
}

// nothingOfBackups looks that no half state is left of what was made, restored or tried.
func (s *server) nothingOfBackups(t *testing.T) {
	t.Helper()
	for _, left := range []string{"staging", "rehearsal", "restoring"} {
		path := filepath.Join(s.dir, "data", "backup", left)
		eventually(t, 30*time.Second, func() bool { _, err := os.Stat(path); return os.IsNotExist(err) }, func() string { return path + " is left" })
	}
	trials := s.must(t, s.dir, "docker", "-H", "unix://"+s.engine, "ps", "-aq", "--filter", "label=lugsail.instance="+s.instance(t)+"-trial")
	if trials != "" {
		t.Errorf("containers of a trial are left: %s", trials)
	}
}

func (s *server) instance(t *testing.T) string {
	t.Helper()
	settings, err := os.ReadFile(s.config)
	check(t, err)
	for line := range strings.Lines(string(settings)) {
		if id, ok := strings.CutPrefix(line, "instance: "); ok {
			return strings.TrimSpace(id)
		}
	}
	t.Fatalf("no instance in\n%s", settings)
	return ""
}

func testBackupKilled(t *testing.T, b *backedUp) {
	s := b.server
	w := b.writes(t, "meanwhile")
	for _, b := range []blow{{after: 300 * time.Millisecond}, {after: 1500 * time.Millisecond, engine: true}, {after: 3 * time.Second}} {
		s.lugsail(t, "backups", "create", "--detach")
		s.suffers(t, b)
		var out string
		eventually(t, 2*time.Minute, func() bool {
			out = s.lugsail(t, "backups")
			return !strings.Contains(out, "making")
		}, func() string { return fmt.Sprintf("%s, one is made for ever:\n%s", b, out) })
		s.nothingOfBackups(t)
	}
	for _, b := range []blow{{after: 4 * time.Second}, {after: 5 * time.Second, engine: true}} {
		s.lugsail(t, "backups", "rehearse", "--detach")
		s.suffers(t, b)
		eventually(t, 3*time.Minute, func() bool { return !strings.Contains(s.lugsail(t, "backups"), "ready: ") }, func() string { return s.lugsail(t, "backups") })
		s.nothingOfBackups(t)
		t.Logf("%s:\n%s", b, s.lugsail(t, "backups"))
	}
	s.wantAdds(t)
	w.end()
}

func testBackupDamaged(t *testing.T, b *backedUp) {
	s := b.server
	packs, err := filepath.Glob(filepath.Join(b.to, "data", "*", "*"))
	check(t, err)
	largest, most := "", int64(0)
	for _, pack := range packs {
		info, err := os.Stat(pack)
		check(t, err)
		if info.Size() > most {
			largest, most = pack, info.Size()
		}
	}
	content, err := os.ReadFile(largest)
	check(t, err)
	content[len(content)/2] ^= 1
	check(t, os.Chmod(largest, 0o600))
	check(t, os.WriteFile(largest, content, 0o600))
	s.refused(t, "damaged", "backups", "rehearse")
	if out := s.lugsail(t, "backups"); !strings.Contains(out, "NO: it could not be restored") || !strings.Contains(out, filepath.Base(largest)[:8]) {
		t.Errorf("the damaged file %s is not named:\n%s", filepath.Base(largest), out)
	}
	content[len(content)/2] ^= 1
	check(t, os.WriteFile(largest, content, 0o600))
	out := s.lugsail(t, "backups", "rehearse")
	t.Logf("%s", out)
	if !strings.Contains(out, "can be restored") {
		t.Errorf("whole again:\n%s", out)
	}
	s.nothingOfBackups(t)
}

// testBackupRestored takes all of the server away and restores it in other places, with another port of its registry.
func testBackupRestored(t *testing.T, b *backedUp) {
	s := b.server
	s.inShop(t, "echo last >/data/last")
	s.sql(t, "INSERT INTO lines VALUES ('the last one')")
	s.lugsail(t, "snapshots", "create", "--app", "shop")
	b.want = s.holds(t)
	out := s.lugsail(t, "backups", "create")
	t.Logf("%s", out)
	hostKey, err := os.ReadFile(filepath.Join(s.dir, "data", "ssh", "host_key.pub"))
	if err != nil {
		hostKey, err = os.ReadFile(filepath.Join(s.dir, "data", "ssh", "host_key"))
	}
	check(t, err)
	s.sql(t, "DELETE FROM lines")
	s.installer(t, "--purge", "--yes")

	second := *s
	second.dir = s.dir + "-second"
	second.config = filepath.Join(second.dir, "etc", "config.yaml")
	second.ca = filepath.Join(second.dir, "data", "proxy", "ca", "ca.crt")
	second.options = []string{"--registry-port", "18006"}
	check(t, os.MkdirAll(second.dir, 0o755))
	check(t, os.CopyFS(second.home(), os.DirFS(s.home())))
	b.whole.Cleanup(func() { second.remove(b.whole) })
	second.secrets = []string{"LUGSAIL_BACKUP_PASSWORD=not the right one"}
	if got := second.tryInstaller(t, "--restore", b.to); got.code == 0 || !strings.Contains(got.out, "does not open the backups") {
		t.Fatalf("with a wrong password (%d):\n%s", got.code, got.out)
	}
	second.secrets = []string{"LUGSAIL_BACKUP_PASSWORD=" + b.password}
	began := time.Now()
	out = second.installer(t, "--restore", b.to)
	if !strings.Contains(out, "Restored the backup of") {
		t.Errorf("install.sh says:\n%s", out)
	}
	b.server = &second
	s = b.server
	s.trust(t)
	eventually(t, 4*time.Minute, func() bool {
		status, body := s.ask("shop", "/add/again")
		return status == 200 && body == "kept"
	}, func() string { return s.lugsail(t, "deployments", "--app", "shop") })
	t.Logf("restored and serving %s after install.sh began", time.Since(began).Round(time.Second))
	s.sql(t, "DELETE FROM lines WHERE line = 'again'")
	if got := s.holds(t); got != b.want {
		t.Errorf("what came back is another:\n%+v\nwant\n%+v", got, b.want)
	}
	again, err := os.ReadFile(filepath.Join(s.dir, "data", "ssh", "host_key.pub"))
	if err != nil {
		again, err = os.ReadFile(filepath.Join(s.dir, "data", "ssh", "host_key"))
	}
	if err != nil || string(again) != string(hostKey) {
		t.Errorf("the SSH host key is another: %v", err)
	}
}

// testBackupGoesOn looks that the restored server is a whole one: it builds, keeps snapshots, and backs itself up.
func testBackupGoesOn(t *testing.T, b *backedUp) {
	s := b.server
	if out := s.lugsail(t, "snapshots", "--app", "shop"); strings.Count(out, "ready") < 2 {
		t.Errorf("snapshots did not come along:\n%s", out)
	}
	s.lugsail(t, "config", "set", "AGAIN=yes", "--app", "shop")
	s.lugsail(t, "restart", "--app", "shop")
	s.wantAdds(t)
	out := s.lugsail(t, "backups", "create")
	t.Logf("%s", out)
	all := s.backups(t)
	if len(all) < 2 || all[0].State != "ready" || all[1].State != "ready" {
		t.Errorf("backups: %+v", all)
	}
	s.lugsail(t, "backups", "rehearse")
	s.lugsail(t, "backups", "remove", all[0].ID)
	s.lugsail(t, "backups", "off")
	s.refused(t, "Nobody has said where backups go", "backups", "create")
	s.nothingOfBackups(t)
}
