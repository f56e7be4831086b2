package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lugsail/lugsail/internal/command"
)

// installer is install.sh with a release and programs of the system that only note how they are called.
type installer struct {
	dir string
}

// program is a Lugsail that works, but for the commands that fail.
func program(name string, failing ...string) string {
	text := "#!/bin/sh\necho \"" + name + " $1 $2\" >>\"$CALLS\"\ncase \"$1 $2\" in\n\"host setup\") echo \"of: " + name + "\" >\"$SETTINGS\" ;;\nesac\n"
	for _, f := range failing {
		text += "[ \"$1 $2\" != \"" + f + "\" ] || { echo \"Error: " + name + " is broken\" >&2; exit 1; }\n"
	}
	return text
}

func newInstaller(t *testing.T, next string) installer {
	t.Helper()
	i := installer{t.TempDir()}
	script, err := os.ReadFile("../../install.sh")
	if err != nil {
		t.Fatal(err)
	}
	i.write(t, "release/install.sh", string(script))
	i.write(t, "release/lugsail", next)
	i.write(t, "release/SHA256SUMS", fmt.Sprintf("%x  lugsail\n", sha256.Sum256([]byte(next))))
	i.write(t, "system/id", "#!/bin/sh\necho 0\n")
	i.write(t, "system/sleep", "#!/bin/sh\necho slept >>\"$CALLS\"\n")
	i.write(t, "system/apt-get", "#!/bin/sh\nexit 0\n")
	i.write(t, "system/ufw", "#!/bin/sh\necho \"ufw $*\" >>\"$CALLS\"\n")
	return i
}

func (i installer) path(name string) string { return filepath.Join(i.dir, name) }

func (i installer) write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(i.path(name)), 0o755), os.WriteFile(i.path(name), []byte(text), 0o755)); err != nil {
		t.Fatal(err)
	}
}

func (i installer) read(name string) string {
	text, err := os.ReadFile(i.path(name))
	if err != nil {
		return ""
	}
	return string(text)
}

func (i installer) run(args ...string) (out string, err error) {
	var said bytes.Buffer
	err = command.Command{
		Name: i.path("release/install.sh"), Dir: i.dir, Stdout: &said, Stderr: &said,
		Args: append([]string{
			"--bin", i.path("bin/lugsail"), "--config", i.path("config.yaml"), "--log-dir", i.path("log"), "--no-docker-setup",
			"--http-port", "61080", "--https-port", "61443", "--ssh-port", "61022",
		}, args...),
		Env: []string{"PATH=" + i.path("system") + ":" + os.Getenv("PATH"), "CALLS=" + i.path("calls"), "SETTINGS=" + i.path("config.yaml"), "HOME=" + i.dir},
	}.Run(context.Background())
	return said.String(), err
}

func TestInstaller_InstallsAndUpgrades(t *testing.T) {
	i := newInstaller(t, program("first"))
	for range 2 {
		if out, err := i.run(); err != nil || !strings.Contains(out, "Lugsail runs.") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if i.read("bin/lugsail") != program("first") || i.read("bin/lugsail.previous") != "" {
		t.Error("the same program again counts as another one")
	}
	if calls := i.read("calls"); !strings.Contains(calls, "first service start\n") || !strings.Contains(calls, "first service restart\n") {
		t.Errorf("calls:\n%s", calls)
	}
}

// Wherever an upgrade fails, program and settings of the version before lie where they lay.
func TestA77_FailedUpgradeKeepsTheOldVersion(t *testing.T) {
	for _, failing := range []string{"host check", "host setup", "service install", "service restart", "host wait"} {
		t.Run(failing, func(t *testing.T) {
			i := newInstaller(t, program("new", failing))
			i.write(t, "bin/lugsail", program("old"))
			i.write(t, "bin/lugsail.previous", program("ancient"))
			i.write(t, "config.yaml", "of: old\n")
			out, err := i.run()
			if err == nil || !strings.Contains(out, "new is broken") {
				t.Errorf("%v\n%s", err, out)
			}
			if i.read("bin/lugsail") != program("old") || i.read("config.yaml") != "of: old\n" {
				t.Errorf("now there is\n%s\n%s", i.read("bin/lugsail"), i.read("config.yaml"))
			}
			restarted := failing == "service restart" || failing == "host wait"
			if strings.Contains(out, "The one before runs again") != restarted || strings.Contains(i.read("calls"), "old service restart\nold db restore\nold host wait\n") != restarted {
				t.Errorf("%s\n%s", out, i.read("calls"))
			}
		})
	}
}

// The new version has changed the database already: the one before gets the copy that it knows.
func TestF28_FailedUpgradeThatMigratedGoesBackToTheDatabaseOfBefore(t *testing.T) {
	i := newInstaller(t, program("new", "host wait"))
	old := program("old") + `[ "$1 $2" != "host wait" ] || [ -e "$CALLS.restored" ] || { echo "Error: the database was written by a newer Lugsail" >&2; exit 1; }
[ "$*" != "db restore --older --yes --config $SETTINGS" ] || { : >"$CALLS.restored"; echo "The database of before is kept: /there/copies/20300101T000000.000000Z-before-restore"; }
`
	i.write(t, "bin/lugsail", old)
	i.write(t, "config.yaml", "of: old\n")
	out, err := i.run()
	if err == nil || !strings.Contains(out, "The one before runs again, with its settings. Its database is the copy from before the upgrade; the newer one is kept: /there/copies/20300101T000000.000000Z-before-restore") {
		t.Errorf("%v\n%s", err, out)
	}
	if i.read("bin/lugsail") != old || strings.Contains(i.read("calls"), "new db restore") {
		t.Errorf("%s\n%s", i.read("bin/lugsail"), i.read("calls"))
	}
}

// What does not come up again is not said to run.
func TestInstaller_SaysWhenTheOldVersionDoesNotRunEither(t *testing.T) {
	i := newInstaller(t, program("new", "host wait"))
	i.write(t, "bin/lugsail", program("old", "host wait"))
	out, err := i.run()
	if err == nil || strings.Contains(out, "runs again") || !strings.Contains(out, "does not come up again") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A run with other settings only: a program of an older upgrade must not come back.
func TestInstaller_OtherSettingsThatFailKeepTheProgram(t *testing.T) {
	same := program("same", "host wait")
	i := newInstaller(t, same)
	i.write(t, "bin/lugsail", same)
	i.write(t, "bin/lugsail.previous", program("ancient"))
	i.write(t, "config.yaml", "of: owner\n")
	if _, err := i.run(); err == nil {
		t.Error("it worked")
	}
	if i.read("bin/lugsail") != same || i.read("config.yaml") != "of: owner\n" {
		t.Errorf("now there is\n%s\n%s", i.read("bin/lugsail"), i.read("config.yaml"))
	}
}

func TestA77_DamagedReleaseChangesNothing(t *testing.T) {
	i := newInstaller(t, program("new"))
	i.write(t, "release/lugsail", program("other"))
	if out, err := i.run(); err == nil || !strings.Contains(out, "checksum") || i.read("bin/lugsail") != "" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestInstaller_FirewallIsOpenedAndClosedAgain(t *testing.T) {
	i := newInstaller(t, program("new"))
	firewall := func(rules string) {
		i.write(t, "system/ufw", "#!/bin/sh\necho \"ufw $*\" >>\"$CALLS\"\n[ \"$1\" != status ] || printf 'Status: active\\n\\n"+rules+"'\n")
	}
	firewall(`61080/tcp  ALLOW  Anywhere\n`)
	if out, err := i.run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if calls := i.read("calls"); strings.Count(calls, "ufw allow") != 2 || !strings.Contains(calls, "ufw allow 61022/tcp comment Lugsail\n") || !strings.Contains(calls, "ufw allow 61443/tcp comment Lugsail\n") {
		t.Errorf("calls:\n%s", calls)
	}
	firewall(`61080/tcp  ALLOW  Anywhere\n61443/tcp  ALLOW  Anywhere  # Lugsail\n61443/tcp (v6)  ALLOW  Anywhere (v6)  # Lugsail\n`)
	if out, err := i.run("--uninstall"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if calls := i.read("calls"); strings.Count(calls, "ufw delete") != 1 || !strings.Contains(calls, "ufw delete allow 61443/tcp\n") {
		t.Errorf("calls:\n%s", calls)
	}
	if i.read("bin/lugsail") != "" {
		t.Error("the program is left")
	}
}
