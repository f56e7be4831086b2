package docker

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/system"
	"golang.org/x/sys/unix"
)

// machine remembers what seldom changes of the machine that the daemon runs on.
type machine struct {
	mu     sync.Mutex
	memory int64
	cpus   int
	asked  time.Time
	files  int64
}

// capacityAge lets a server that grew be noticed without asking at every start.
const capacityAge = time.Minute

// Capacity is the machine's memory in bytes and its number of processors.
func (e *Engine) Capacity(ctx context.Context) (memoryBytes int64, cpus int, err error) {
	m := &e.machine
	m.mu.Lock()
	memory, count, age := m.memory, m.cpus, time.Since(m.asked)
	m.mu.Unlock()
	if count > 0 && age < capacityAge {
		return memory, count, nil
	}
	info, err := call(ctx, e, e.limits.quick, "asking for the machine's size", func(ctx context.Context) (system.Info, error) {
		return e.client.Info(ctx)
	})
	if err != nil {
		return 0, 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.memory, m.cpus, m.asked = info.MemTotal, info.NCPU, time.Now()
	return info.MemTotal, info.NCPU, nil
}

// openFiles is the limit of open files for replicas: ours, or less where the
// daemon itself has less and may not raise it (then nothing would start).
func (m *machine) openFiles(ctx context.Context, host string) int64 {
	m.mu.Lock()
	files := m.files
	m.mu.Unlock()
	if files != 0 {
		return files
	}
	limit, err := daemonOpenFiles(ctx, host)
	if err != nil {
		return openFiles // the daemon is away or cannot be seen; the next start asks again
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files = min(openFiles, limit)
	return m.files
}

const capSysResource = 24 // may raise limits

// daemonOpenFiles asks the kernel who is at the other end of the socket and what that process may do.
func daemonOpenFiles(ctx context.Context, host string) (int64, error) {
	path, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return openFiles, nil
	}
	pid, err := peerOf(ctx, path)
	if err != nil {
		return 0, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	effective, err := strconv.ParseUint(lineAfter(string(status), "CapEff:"), 16, 64)
	if err != nil || effective&(1<<capSysResource) != 0 {
		return openFiles, err
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(lineAfter(string(limits), "Max open files"))
	if len(fields) < 2 {
		return 0, fmt.Errorf("no limit of open files for process %d", pid)
	}
	if fields[1] == "unlimited" {
		return openFiles, nil
	}
	return strconv.ParseInt(fields[1], 10, 64)
}

func peerOf(ctx context.Context, path string) (pid int32, err error) {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *unix.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) {
		peer, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if asked != nil {
		return 0, asked
	}
	return peer.Pid, nil
}

// lineAfter gives the rest of the line that begins with prefix.
func lineAfter(text, prefix string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
