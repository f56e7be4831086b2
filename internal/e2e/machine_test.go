package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// machine is a Debian with systemd, in namespaces of its own.
type machine struct {
	script string
	files  string // where its root lies
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	script, err := filepath.Abs("../testenv/machine")
	check(t, err)
	m := &machine{script: script}
	t.Cleanup(func() { m.do(t, "down") })
	began := time.Now()
	m.do(t, "up")
	t.Logf("the machine was up after %.0f s", time.Since(began).Seconds())
	m.files = strings.TrimSpace(m.do(t, "files"))
	return m
}

func (m *machine) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(m.script, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// release lays an unpacked release into the machine, as make dist packs it.
func (m *machine) release(t *testing.T) {
	t.Helper()
	binary := os.Getenv("LUGSAIL_TEST_BINARY")
	if binary == "" {
		t.Fatal("LUGSAIL_TEST_BINARY names no program: run these tests with make e2e")
	}
	dir := filepath.Join(m.files, "root", "release")
	check(t, os.MkdirAll(dir, 0o755))
	var sums strings.Builder
	for name, from := range map[string]string{"lugsail": binary, "install.sh": "../../install.sh"} {
		b, err := os.ReadFile(from)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, name), b, 0o755))
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(b), name)
	}
	check(t, os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums.String()), 0o644))
	owner, err := os.ReadFile("testdata/machine/owner.sh")
	check(t, err)
	check(t, os.WriteFile(filepath.Join(m.files, "root", "owner.sh"), owner, 0o755))
}

// owner does a part of testdata/machine/owner.sh in the machine.
func (m *machine) owner(t *testing.T, part string) {
	t.Helper()
	began := time.Now()
	out := m.do(t, "run", "/root/owner.sh", part)
	t.Logf("%s took %.0f s\n%s", part, time.Since(began).Seconds(), out)
}

// TestSystemd installs a release where systemd runs, and puts it through kills, a power cut, an upgrade and removal.
func TestSystemd(t *testing.T) {
	m := newMachine(t)
	m.release(t)
	for _, part := range []string{"install", "push", "faults"} {
		m.owner(t, part)
	}
	t.Run("F40 a power cut", func(t *testing.T) {
		m.do(t, "off")
		m.do(t, "on")
		eventually(t, time.Minute, func() bool {
			out, err := exec.Command(m.script, "run", "/root/owner.sh", "serves").CombinedOutput()
			return err == nil && strings.Contains(string(out), "two")
		}, func() string { return "no app after a power cut:\n" + m.do(t, "run", "lugsail", "service", "logs") })
		m.owner(t, "booted")
	})
	t.Run("F40 Docker is upgraded during a deployment", func(t *testing.T) { m.owner(t, "upgraded") })
	for _, part := range []string{"again", "purge"} {
		m.owner(t, part)
	}
}
