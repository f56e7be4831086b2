package proxy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// The process of this test is the whole test binary, with an ACME server in it.
func TestMemory_IdleWithTenApps(t *testing.T) {
	dir := t.TempDir()
	held := holdSockets(t, dir)
	end := held.start(t, dir)
	control := NewClient(filepath.Join(dir, "control.sock"))
	app := startApp(t, says("hello"))
	var routes []platform.Route
	for i := range 10 {
		routes = append(routes, routeTo(fmt.Sprintf("app%d.example.com", i), app))
	}
	if err := control.Publish(context.Background(), tableOf(1, routes...)); err != nil {
		t.Fatal(err)
	}
	pem, err := control.CA(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, https: held.addr["https"], http: held.addr["http"], roots: poolOf(t, pem)}
	for i := range 100 {
		if status, _ := r.get(fmt.Sprintf("https://app%d.example.com/", i%10)); status != 200 {
			t.Fatal(status)
		}
	}
	st, err := control.Status(context.Background())
	if err != nil || st.Requests != 100 {
		t.Fatal(st, err)
	}
	rss := residentKiB(t, held.pid())
	t.Logf("%d KiB resident", rss)
	if rss > 25<<10 && !raceEnabled {
		t.Error("more than 25 MiB")
	}
	end(syscall.SIGTERM)
}

func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var n int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &n); err == nil {
			return n
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
