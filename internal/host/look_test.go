package host

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
)

func TestKernel_IsTheTrueVersion(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"Ubuntu": {"proc/version_signature", "Ubuntu 5.15.0-91.101-generic 5.15.131\n", "5.15.131"},
		"Debian": {"proc/version", "Linux version 6.1.0-28-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)\n", "6.1.119"},
		"own":    {"proc/version", "Linux version 6.12.57 (me@here) #1 SMP\n", "6.12.57"},
		"none":   {"proc/other", "", ""},
		"broken": {"proc/version", "Linux\n", ""},
	} {
		root := t.TempDir()
		lay(t, filepath.Join(root, c.file), c.text)
		if got := Kernel(root); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if Kernel("/") == "" {
		t.Error("this machine's kernel has no version")
	}
}

func TestMentions_ReadsTheChangelogsOfPackages(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "usr/share/doc/runc/changelog.Debian.gz")
	lay(t, path, "")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if _, err := z.Write([]byte("runc (1.1.5+ds1-1+deb12u1)\n  * Fix CVE-2024-21626\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	lay(t, filepath.Join(root, "usr/share/doc/broken/changelog.gz"), "not packed CVE-2025-31133")
	mentions := Mentions(root, "runc", "none", "broken")
	if !mentions("CVE-2024-21626") || mentions("CVE-2025-31133") {
		t.Error("the changelog is not read")
	}
}

func TestMemoryOf_ReadsWhatTheKernelTells(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	lay(t, file, "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\nSwapTotal: 0 kB\nx\nHugePages: many\n")
	if m, err := MemoryOf(file); err != nil || m != (Memory{1000 << 10, 400 << 10, 0}) {
		t.Errorf("%+v, %v", m, err)
	}
	lay(t, file, "nothing\n")
	if _, err := MemoryOf(file); err == nil {
		t.Error("no memory is no error")
	}
	if m, err := MemoryOf("/proc/meminfo"); err != nil || m.Available > m.Total || m.Available == 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestDiskOf_MeasuresTheFileSystem(t *testing.T) {
	dir := t.TempDir()
	d, err := DiskOf(dir)
	if err != nil || d.Free == 0 || d.Free > d.Total || d.ReadOnly {
		t.Errorf("%+v, %v", d, err)
	}
	if again, err := DiskOf(filepath.Dir(dir)); err != nil || again.ID != d.ID {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := DiskOf(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that is not there has room")
	}
}

// Under systemd the engine's disk is read-only for the control plane, and only for it.
func TestReadOnly_IsTheDisksOwn(t *testing.T) {
	mounts := filepath.Join(t.TempDir(), "mountinfo")
	lay(t, mounts, "1 0 8:1 / / ro,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"+
		"2 1 8:2 / /usr ro shared:2 - ext4 /dev/sdb1 ro\n"+
		"3 1 8:3 / /us ro shared:3 - ext4 /dev/sdc1 ro,discard\n")
	for dir, want := range map[string]bool{"/": false, "/tmp": false, "/usr": true, "/usr/bin/..": true, "/none": true} {
		if got := readOnly(mounts, dir); got != want {
			t.Errorf("%s: %v", dir, got)
		}
	}
	if !readOnly(mounts+".none", "/") {
		t.Error("what cannot be read is said to be writable")
	}
}

func TestProgram_IsThatOfTheProcess(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got := Program(os.Getpid()); got != own {
		t.Errorf("%q, want %q", got, own)
	}
	if got := Program(1 << 30); got != "" {
		t.Errorf("no process has the program %q", got)
	}
}

func lay(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
