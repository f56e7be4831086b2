package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestVolumes keeps what an app writes through deployments, kills, a clean-up by hand, the trash and an uninstallation.
func TestVolumes(t *testing.T) {
	s := standingServer(t)
	r := s.repo(t, "notes", "notes")
	for _, part := range []struct {
		name string
		run  func(*testing.T, *repo)
	}{
		{"for one replica", testVolumeExclusive},
		{"shared", testVolumeShared},
		{"control plane killed while it changes hands", testVolumeKilled},
		{"cleared out by hand", testVolumePruned},
		{"a run has it", testVolumeRun},
		{"files go in and come out", testVolumeCopies},
		{"files by SFTP", testVolumeSFTP},
		{"the app has what was put in", testVolumeFilesOfApp},
		{"into the trash and back", testVolumeTrash},
		{"the app in the trash", testVolumeAppTrash},
		{"uninstalled and installed", testVolumeUninstalled},
		{"with its app for good", testVolumeDestroyed},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, r) }) {
			break
		}
	}
}

// note lets the app keep a line; everything that was kept before must be there still.
func (r *repo) note(t *testing.T, lines *[]string, line string) {
	t.Helper()
	eventually(t, 30*time.Second, func() bool {
		status, _ := r.server.get(t, r.app, "/add/"+line)
		return status == http.StatusOK
	}, func() string { return "the app keeps nothing" })
	*lines = append(*lines, line)
	r.wantNotes(t, *lines)
}

// wantNotes looks for the lines: a line that was answered with an error may be there twice.
func (r *repo) wantNotes(t *testing.T, lines []string) {
	t.Helper()
	var body string
	eventually(t, 30*time.Second, func() bool {
		var status int
		status, body = r.server.get(t, r.app, "/")
		return status == http.StatusOK
	}, func() string { return "the app does not answer: " + body })
	for _, line := range lines {
		if !strings.Contains("\n"+body, "\n"+line+"\n") {
			t.Fatalf("%q is lost:\n%s", line, body)
		}
	}
}

var kept []string // what TestVolumes has written so far

func testVolumeExclusive(t *testing.T, r *repo) {
	s := r.server
	if out := s.lugsail(t, "volumes", "--app", "notes"); !strings.Contains(out, "no volumes") {
		t.Errorf("an app without volumes: %s", out)
	}
	for path, want := range map[string]string{"/": "hide", "/proc/x": "hide", "data": "cannot be where", "/a b": "cannot be where"} {
		if got := s.run(t, s.home(), s.binary(), "volumes", "create", "bad", path, "--app", "notes"); got.code == 0 || !strings.Contains(got.out, want) || !strings.Contains(got.out, "→") {
			t.Errorf("a volume at %q (%d): %s", path, got.code, got.out)
		}
	}
	if out := s.lugsail(t, "volumes", "create", "data", "/data", "--app", "notes"); !strings.Contains(out, "first deployment") {
		t.Errorf("before the first deployment: %s", out)
	}
	early := filepath.Join(t.TempDir(), "early.txt")
	check(t, os.WriteFile(early, []byte("early\n"), 0o600))
	s.lugsail(t, "volumes", "cp", early, "data:sub/early.txt", "--app", "notes") // no container had it yet
	r.pushed(t, "first")
	r.note(t, &kept, "one")
	if got := s.run(t, s.home(), s.binary(), "volumes", "set", "data", "/home/app/server.js", "--app", "notes"); got.code == 0 || !strings.Contains(got.out, "The image has a file at /home/app/server.js") {
		t.Errorf("a volume over a file (%d):\n%s", got.code, got.out)
	}
	r.wantNotes(t, kept) // nothing was stopped for it
	s.lugsail(t, "volumes", "set", "data", "/data", "--app", "notes")
	r.wantNotes(t, kept)
	tr := drive(t, s.client, s.url("notes"), 20)
	r.edit(t, "server.js", "// Keeps", "// Still keeps")
	got := r.pushed(t, "second")
	requests := tr.end()
	if !strings.Contains(got.out, "the volume data is for one replica at a time") {
		t.Errorf("the pusher is not told why visitors wait:\n%s", got.out)
	}
	checkTraffic(t, requests)
	r.note(t, &kept, "two")
	s.lugsail(t, "restart", "--app", "notes")
	r.note(t, &kept, "three")
	if got := s.run(t, s.home(), s.binary(), "scale", "web=2", "--app", "notes"); got.code == 0 || !strings.Contains(got.out, "for one replica at a time") {
		t.Errorf("scaled to two (%d):\n%s", got.code, got.out)
	}
	eventually(t, 90*time.Second, func() bool { return !strings.Contains(s.lugsail(t, "volumes", "--app", "notes"), "not measured") }, func() string { return "its size is never measured" })
	r.write(t, "server.js", "process.exit(3)\n")
	r.commit(t, "broken")
	if got := r.push(t); got.code == 0 {
		t.Fatalf("a broken release went live:\n%s", got.out)
	}
	r.note(t, &kept, "after-a-broken-release")
	r.back(t)
}

func testVolumeShared(t *testing.T, r *repo) {
	s := r.server
	s.lugsail(t, "volumes", "set", "data", "/data", "--shared", "--app", "notes")
	s.lugsail(t, "scale", "web=2", "--app", "notes")
	for i := range 6 {
		r.note(t, &kept, fmt.Sprintf("shared-%d", i))
	}
	tr := drive(t, s.client, s.url("notes"), 50)
	r.edit(t, "server.js", "// Still", "// And still")
	r.pushed(t, "third")
	checkTraffic(t, tr.end())
	r.wantNotes(t, kept)
	if got := s.run(t, s.home(), s.binary(), "volumes", "set", "data", "/data", "--app", "notes"); got.code == 0 || !strings.Contains(got.out, "scale down") {
		t.Errorf("for one replica with two (%d):\n%s", got.code, got.out)
	}
	s.lugsail(t, "scale", "web=1", "--app", "notes")
	s.lugsail(t, "volumes", "set", "data", "/data", "--app", "notes")
}

func testVolumeKilled(t *testing.T, r *repo) {
	s := r.server
	for round := range 3 {
		s.killed(t, "restart", "--app", "notes")
		s.settled(t, "notes")
		r.note(t, &kept, fmt.Sprintf("killed-%d", round))
		with := strings.Fields(s.ours(t, "ps", "-q", "--filter", "label=lugsail.app-name=notes"))
		if len(with) > 1 {
			t.Fatalf("%d containers have the volume at once", len(with))
		}
	}
	s.killEngine(t)()
	r.note(t, &kept, "engine-killed")
}

func testVolumePruned(t *testing.T, r *repo) {
	s := r.server
	s.lugsail(t, "scale", "web=0", "--app", "notes")
	eventually(t, 30*time.Second, func() bool { return s.ours(t, "ps", "-aq", "--filter", "label=lugsail.app-name=notes") == "" }, func() string { return "it runs on" })
	s.must(t, s.dir, "docker", "-H", "unix://"+s.engine, "system", "prune", "-a", "-f", "--volumes")
	s.lugsail(t, "scale", "web=1", "--app", "notes")
	r.note(t, &kept, "pruned")
}

func testVolumeRun(t *testing.T, r *repo) {
	s := r.server
	if out := s.lugsail(t, "run", "--app", "notes", "cat /data/notes.txt"); !strings.Contains(out, "pruned") {
		t.Errorf("a run does not have the volume:\n%s", out)
	}
	s.lugsail(t, "run", "--app", "notes", "echo by-a-run >>/data/notes.txt")
	kept = append(kept, "by-a-run")
	r.wantNotes(t, kept)
}

// testVolumeCopies copies a directory with odd files into the volume and out again.
// testVolumeSFTP brings files by a key, which the app has and owns, and loses the way in with the key.
func testVolumeSFTP(t *testing.T, r *repo) {
	s := r.server
	key := filepath.Join(s.home(), "id_sftp")
	s.must(t, s.home(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada@sftp", "-f", key)
	s.lugsail(t, "keys", "add", key+".pub")
	check(t, os.WriteFile(filepath.Join(s.home(), "photo"), bytes.Repeat([]byte("photo"), 1<<20), 0o644))
	sftp := func(batch string) result {
		check(t, os.WriteFile(filepath.Join(s.home(), "batch"), []byte(batch), 0o600))
		return s.run(t, s.home(), "sftp", "-F", "/dev/null", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new", "-o",
			"UserKnownHostsFile="+filepath.Join(s.home(), "known_sftp"), "-P", fmt.Sprint(sshPort), "-b", "batch", "lugsail@localhost")
	}
	if got := sftp("ls /\nmkdir /notes/data/sent\nput photo /notes/data/sent/photo\nget /notes/data/sent/photo back\n"); got.code != 0 || !strings.Contains(got.out, "notes") {
		t.Fatalf("by SFTP (%d): %s", got.code, got.out)
	}
	if out := s.lugsail(t, "run", "--app", "notes", "test -O /data/sent -a -O /data/sent/photo && stat -c %s /data/sent/photo"); !strings.Contains(out, "5242880") {
		t.Errorf("the app has %s", out)
	}
	s.lugsail(t, "run", "--app", "notes", "ln -s /etc/passwd /data/sent/evil; ln -s .. /data/sent/up")
	for _, batch := range []string{"get /notes/data/sent/evil\n", "ls /notes/data/sent/up/../../..\nget /notes/data/../../../etc/passwd\n", "rename /notes/data/sent/photo /notes/photo\n"} {
		if got := sftp(batch); got.code == 0 {
			t.Errorf("%q is served: %s", batch, got.out)
		}
	}
	if out := s.lugsail(t, "activity", "--app", "notes"); !strings.Contains(out, "by SFTP") {
		t.Errorf("the activity does not tell: %s", out)
	}
	s.lugsail(t, "volumes", "rm", "data", "sent", "--all", "--app", "notes")
	s.lugsail(t, "keys", "remove", "ada@sftp")
	if got := sftp("ls /\n"); got.code == 0 {
		t.Errorf("A49: a removed key is served: %s", got.out)
	}
}

func testVolumeCopies(t *testing.T, r *repo) {
	s := r.server
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "back")
	contents := map[string][]byte{
		"empty": {}, "text.txt": []byte("hello\n"), "sub/deep/with space & ümlaut.bin": bytes.Repeat([]byte{0, 1, 254, 255}, 3<<20), "sub/-rf": []byte("x"),
	}
	for name, content := range contents {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o755))
		check(t, os.WriteFile(filepath.Join(from, name), content, 0o600))
	}
	check(t, os.Symlink("/etc/passwd", filepath.Join(from, "link")))
	if out := s.lugsail(t, "volumes", "cp", from+"/.", "data:copies", "--app", "notes"); !strings.Contains(out, "link") || !strings.Contains(out, "4 files") {
		t.Errorf("copied in: %s", out)
	}
	if out := s.lugsail(t, "volumes", "ls", "data", "copies", "--app", "notes"); !strings.Contains(out, "sub/") || !strings.Contains(out, "text.txt") || strings.Contains(out, "link") {
		t.Errorf("the list: %s", out)
	}
	s.lugsail(t, "volumes", "cp", "data:copies", to, "--app", "notes")
	for name, content := range contents {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s came back with %d bytes of %d, %v", name, len(got), len(content), err)
		}
	}
	s.lugsail(t, "run", "--app", "notes", "ln -s /etc/passwd /data/copies/evil; mkfifo /data/copies/pipe")
	for _, name := range []string{"evil", "pipe"} {
		if got := s.run(t, s.home(), s.binary(), "volumes", "cp", "data:copies/"+name, to, "--app", "notes"); got.code == 0 || got.took > time.Minute {
			t.Errorf("%s (%d, %s): %s", name, got.code, got.took, got.out)
		}
	}
	if got := s.run(t, s.home(), s.binary(), "volumes", "rm", "data", "copies", "--app", "notes"); got.code == 0 || !strings.Contains(got.out, "--all") {
		t.Errorf("removed without --all (%d): %s", got.code, got.out)
	}
	s.lugsail(t, "volumes", "rm", "data", "copies", "--all", "--app", "notes")
	r.wantNotes(t, kept)
}

// testVolumeFilesOfApp changes the app's own file by hand, and the app goes on with it.
func testVolumeFilesOfApp(t *testing.T, r *repo) {
	s, file := r.server, filepath.Join(t.TempDir(), "notes.txt")
	if out := s.lugsail(t, "run", "--app", "notes", "cat /data/sub/early.txt && echo more >>/data/sub/early.txt && cat /data/sub/early.txt"); !strings.Contains(out, "early\nmore") {
		t.Errorf("what was put in before the first container: %s", out)
	}
	s.lugsail(t, "volumes", "cp", "data:notes.txt", file, "--app", "notes")
	text, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(file, append(text, "by-a-copy\n"...), 0o600))
	s.lugsail(t, "volumes", "cp", file, "data:", "--app", "notes")
	kept = append(kept, "by-a-copy")
	r.wantNotes(t, kept)
	r.note(t, &kept, "after-a-copy") // it is still the app's to write
}

func testVolumeTrash(t *testing.T, r *repo) {
	s := r.server
	if got := s.run(t, s.home(), s.binary(), "volumes", "remove", "data", "--confirm", "other", "--app", "notes"); got.code == 0 {
		t.Errorf("removed with another name:\n%s", got.out)
	}
	s.lugsail(t, "volumes", "remove", "data", "--confirm", "data", "--app", "notes")
	eventually(t, 10*time.Second, func() bool {
		_, body := s.get(t, "notes", "/")
		return strings.Contains(body, "no notes")
	}, func() string { return "the app still has its volume" })
	if out := s.lugsail(t, "volumes", "--app", "notes"); !strings.Contains(out, "in the trash until") {
		t.Errorf("the list: %s", out)
	}
	s.lugsail(t, "volumes", "restore", "data", "--app", "notes")
	r.note(t, &kept, "out-of-the-trash")
}

func testVolumeAppTrash(t *testing.T, r *repo) {
	s := r.server
	s.lugsail(t, "destroy", "--app", "notes", "--confirm", "notes")
	r.wantStopped(t)
	s.lugsail(t, "restore", "notes")
	r.note(t, &kept, "app-restored")
}

func testVolumeUninstalled(t *testing.T, r *repo) {
	s := r.server
	s.installer(t, "--uninstall")
	s.install(t)
	s.trust(t)
	r.note(t, &kept, "installed-again")
}

func testVolumeDestroyed(t *testing.T, r *repo) {
	s := r.server
	volumes := filepath.Join(s.dir, "data", "volumes")
	if left, err := os.ReadDir(volumes); err != nil || len(left) != 1 {
		t.Errorf("the files of one volume: %v, %v", left, err)
	}
	s.lugsail(t, "destroy", "--app", "notes", "--confirm", "notes", "--now")
	eventually(t, 30*time.Second, func() bool {
		left, err := os.ReadDir(volumes)
		return err == nil && len(left) == 0
	}, func() string { return "its files are left" })
	if left := s.ours(t, "volume", "ls", "-q"); left != "" {
		t.Errorf("volumes are left on the engine: %s", left)
	}
}
