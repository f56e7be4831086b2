package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lugsail/lugsail/internal/command"
	"github.com/lugsail/lugsail/platform"
)

// variant is another kind of machine: files of the kernel and programs, as the check sees them.
type variant struct {
	memory   string // what /proc/meminfo says
	apparmor string // what the kernel says; "" is one without it
	parser   bool
}

const variantEnv = "LUGSAIL_TEST_MACHINE"

// TestMachineVariant is what the other tests run on another kind of machine: it prints what the check finds.
func TestMachineVariant(t *testing.T) {
	if os.Getenv(variantEnv) == "" {
		return // not called by one of them
	}
	for _, err := range (Check{DataDir: "/var/lib/lugsail-none", Present: true}).Run() {
		e := platform.AsError(err)
		fmt.Printf("FOUND %s: %s → %s\n", e.Code, e.Message, e.Hint)
	}
}

// check runs the check where the machine looks like the variant, in mounts of its own.
func (v variant) check(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	lay(t, filepath.Join(dir, "meminfo"), v.memory)
	script := "set -eu\nmount --bind " + dir + "/meminfo /proc/meminfo\n" +
		"mount -t tmpfs tmpfs /sys/module\n"
	if v.apparmor != "" {
		script += "mkdir -p /sys/module/apparmor/parameters\necho " + v.apparmor + " >/sys/module/apparmor/parameters/enabled\n"
	}
	script += "mkdir /sys/module/upper /sys/module/work\n" +
		"mount -t overlay -o lowerdir=/usr/sbin,upperdir=/sys/module/upper,workdir=/sys/module/work overlay /usr/sbin\n" +
		"rm -f /usr/sbin/apparmor_parser\n"
	if v.parser {
		script += "echo >/usr/sbin/apparmor_parser\n"
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.Command{
		Name: "unshare", Args: []string{"--mount", "--propagation", "private", "sh", "-c", script + `exec "$0" -test.run '^TestMachineVariant$'`, own},
		Env: append(os.Environ(), variantEnv+"=1"), Attr: &syscall.SysProcAttr{},
	}.Output(context.Background())
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// F38: what no app could run on is refused before anything is installed, with what to do; what only makes it
// smaller is not.
func TestF38_MachinesThatCannotRunAppsAreRefusedWithWhatToDo(t *testing.T) {
	const enough = "MemTotal: 2000000 kB\nMemAvailable: 1000000 kB\n"
	for name, c := range map[string]struct {
		machine variant
		want    []string // of each finding
	}{
		"a usual one":                         {variant{enough, "Y", true}, nil},
		"no AppArmor in the kernel":           {variant{enough, "", false}, nil},
		"AppArmor switched off":               {variant{enough, "N", false}, nil},
		"AppArmor without its program":        {variant{enough, "Y", false}, []string{"host_apparmor", "no container can start", "apt-get install apparmor"}},
		"sold with 512 MB":                    {variant{"MemTotal: 476000 kB\nMemAvailable: 300000 kB\n", "", false}, nil},
		"sold with 256 MB":                    {variant{"MemTotal: 230000 kB\nMemAvailable: 100000 kB\n", "", false}, []string{"host_memory", "224 MB of memory; Lugsail needs 512 MB", "1 GB or more"}},
		"a small one without AppArmor's tool": {variant{"MemTotal: 230000 kB\n", "Y", false}, []string{"host_memory", "host_apparmor"}},
	} {
		t.Run(name, func(t *testing.T) {
			said := c.machine.check(t)
			if strings.Contains(said, "FOUND") != (len(c.want) > 0) {
				t.Errorf("it says:\n%s", said)
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
		})
	}
}
