package docker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/platform"
)

const tcp4Table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B00007F:9C51 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
   3: 0200C90A:1F90 0100C90A:C350 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0
   4: 0200C90A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5 1 0 100 0 0 10 0
   5: nonsense:0050 00000000:0000 0A
   6: 00000000
`

const tcp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:0BB9 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000001000000:0BBA 00000000000000000000000000000000:0000 0A 00000000:00000000
   2: 0000000000000000FFFF00000100007F:0BBB 00000000000000000000000000000000:0000 0A 00000000:00000000
`

func TestParseSockets_KeepsWhatListensButNotDockersOwn(t *testing.T) {
	got := append(parseSockets(tcp4Table), parseSockets(tcp6Table)...)
	want := []platform.Listener{
		{IP: "0.0.0.0", Port: 8080},
		{IP: "127.0.0.1", Port: 3000, Loopback: true},
		{IP: "10.201.0.2", Port: 80},
		{IP: "::", Port: 3001},
		{IP: "::1", Port: 3002, Loopback: true},
		{IP: "127.0.0.1", Port: 3003, Loopback: true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

func TestSockets_TheKernelSaysTheSameBothWays(t *testing.T) {
	var wanted []int
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		wanted = append(wanted, l.Addr().(*net.TCPAddr).Port)
	}
	mine := func(list []platform.Listener, err error) []platform.Listener {
		if err != nil {
			t.Fatal(err)
		}
		list = slices.DeleteFunc(list, func(l platform.Listener) bool { return !slices.Contains(wanted, l.Port) })
		slices.SortFunc(list, func(a, b platform.Listener) int { return a.Port - b.Port })
		return list
	}
	asked, read := mine(diagnose(os.Getpid())), mine(readSockets(os.Getpid()))
	if len(read) != len(wanted) || !slices.Equal(asked, read) {
		t.Errorf("sock_diag %v, /proc %v, want the ports %v", asked, read, wanted)
	}
}

func TestParseDiag_RefusesDamage(t *testing.T) {
	message := func(size uint32, kind uint16, body ...byte) []byte {
		b := binary.NativeEndian.AppendUint32(nil, size)
		b = binary.NativeEndian.AppendUint16(b, kind)
		return append(append(b, make([]byte, 10)...), body...)
	}
	for name, b := range map[string][]byte{
		"longer than it is": message(100, sockDiagByFamily),
		"shorter than any":  message(3, sockDiagByFamily),
		"cut answer":        message(20, sockDiagByFamily, 2, 10, 0, 0),
		"an error":          message(20, unix.NLMSG_ERROR, 0xfe, 0xff, 0xff, 0xff),
		"an empty error":    message(16, unix.NLMSG_ERROR),
	} {
		if list, done, err := parseDiag(b); err == nil || done {
			t.Errorf("%s: %v, done %v, error %v", name, list, done, err)
		}
	}
	if _, done, err := parseDiag(message(20, unix.NLMSG_DONE, 0, 0, 0, 0)); !done || err != nil {
		t.Errorf("the end: done %v, error %v", done, err)
	}
	if _, done, err := parseDiag([]byte{1, 2, 3}); done || err != nil {
		t.Errorf("nothing: done %v, error %v", done, err)
	}
}

func TestParseControlGroups_BothVersionsAndNoStranger(t *testing.T) {
	const id = "0123456789abcdef"
	v1, err := parseControlGroups("9:memory:/docker/"+id+"\n3:cpu,cpuacct:/docker/"+id+"\n0::/\n", id)
	if err != nil || v1.byName["memory"] != "/sys/fs/cgroup/memory/docker/"+id || v1.byName["cpuacct"] != "/sys/fs/cgroup/cpuacct/docker/"+id || v1.v2 != "" {
		t.Errorf("version 1: %+v, %v", v1, err)
	}
	v2, err := parseControlGroups("0::/system.slice/docker-"+id+".scope\n", id)
	if err != nil || v2.v2 != "/sys/fs/cgroup/system.slice/docker-"+id+".scope" || len(v2.byName) != 0 {
		t.Errorf("version 2: %+v, %v", v2, err)
	}
	if _, err := parseControlGroups("0::/system.slice/ssh.service\n", id); err == nil {
		t.Error("took another's process for the container's")
	}
}

func frame(stream byte, record string) []byte {
	header := []byte{stream, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(header[4:], uint32(len(record)))
	return append(header, record...)
}

func collect(f *follower, frames ...[]byte) ([]string, error) {
	var lines []string
	f.fn = func(l platform.LogLine) error {
		lines = append(lines, l.Stream+" "+l.Text)
		return nil
	}
	err := demultiplex(bytes.NewReader(bytes.Join(frames, nil)), f.take)
	return lines, err
}

func TestLogStream_JoinsPartsOfEachStreamAndCutsLongLines(t *testing.T) {
	at := func(ns int) string { return fmt.Sprintf("2026-03-01T10:00:00.%09dZ ", ns) }
	part := strings.Repeat("x", partSize)
	lines, err := collect(&follower{},
		frame(1, at(1)+part[:10]+"\r\n"), frame(2, at(2)+"other\n"), frame(1, at(2)+"\n"),
		frame(1, at(3)+part), frame(2, at(4)+"between\n"), frame(1, at(3)+part), frame(1, at(3)+"rest\n"), frame(1, at(4)+"after\n"),
		frame(1, at(5)+part), frame(1, at(5)+"rest without its end"), frame(1, at(6)+"bad \xff byte\n"))
	cut := "stdout " + part + " … (cut)"
	want := []string{"stdout xxxxxxxxxx", "stderr other", "stdout ", "stderr between", cut, "stdout after", cut, "stdout bad \uFFFD byte"}
	if err != nil || !slices.Equal(lines, want) {
		t.Errorf("error %v\n got %.80q\nwant %.80q", err, lines, want)
	}
}

func TestLogStream_RefusesDamage(t *testing.T) {
	const at = "2026-03-01T10:00:00Z "
	for name, stream := range map[string][]byte{
		"unknown stream":     frame(9, at+"x\n"),
		"too large":          {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		"cut off":            frame(1, at+"x\n")[:12],
		"without a time":     frame(1, "x\n"),
		"the daemon's error": frame(3, "rotated too fast"),
	} {
		if lines, err := collect(&follower{}, stream); err == nil {
			t.Errorf("%s: no error, lines %q", name, lines)
		}
	}
	if lines, err := collect(&follower{}); err != nil || lines != nil {
		t.Errorf("an empty stream: %q, %v", lines, err)
	}
}

func TestLogStream_GoesOnWithoutRepeating(t *testing.T) {
	const t1, t2, t3 = "2026-03-01T10:00:00.000000001Z ", "2026-03-01T10:00:00.000000002Z ", "2026-03-01T10:00:00.000000003Z "
	part := strings.Repeat("x", partSize)
	f := &follower{}
	first, err := collect(f, frame(1, t1+"a\n"), frame(1, t2+"b\n"), frame(2, t2+"c\n"), frame(1, t2+"b\n"), frame(1, t1+"a\n"), frame(2, t3+part))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.resume(), "1772359200.000000002"; got != want {
		t.Errorf("since %s, want %s", got, want)
	}
	second, err := collect(f, frame(1, t2+"b\n"), frame(2, t2+"c\n"), frame(2, t3+part), frame(2, t3+"\n"), frame(1, t3+"d\n"), frame(1, t1+"a\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"stdout a", "stdout b", "stderr c", "stderr " + part, "stdout d"}
	if got := append(first, second...); !slices.Equal(got, want) {
		t.Errorf("%.40q, want %.40q", got, want)
	}
}

func TestLogStream_AClockSetBackHidesNothing(t *testing.T) {
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	p := &progress{last: now.Add(time.Hour)}
	if p.repeats(now, now) {
		t.Error("dropped a line after the clock was set back")
	}
	if !p.repeats(now.Add(-time.Second), now) {
		t.Error("took a line of the past twice")
	}
}

func TestSubnets_FillThePoolAndEnd(t *testing.T) {
	for pool, want := range map[string]int{"10.201.0.0/16": 1024, "10.0.0.0/26": 1, "255.255.255.0/24": 4} {
		p, err := parsePool(pool)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for s := firstSubnet(p); p.Overlaps(s); s = nextSubnet(s) {
			count++
		}
		if count != want {
			t.Errorf("%s holds %d networks, want %d", pool, count, want)
		}
	}
	for _, pool := range []string{"", "10.201.0.0", "10.201.0.0/27", "fd00::/64"} {
		if _, err := parsePool(pool); err == nil {
			t.Errorf("took %q", pool)
		}
	}
	if !overlapsAny(netip.MustParsePrefix("10.1.0.64/26"), []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}) {
		t.Error("did not see an overlap")
	}
}

func TestResources_FollowPlanAndMachine(t *testing.T) {
	plan := platform.Plan{Memory: 512 << 20, CPU: 0.25, CPUBurst: 4, PIDs: 128}
	r := resourcesOf(plan, 2)
	if r.Memory != 512<<20 || r.MemorySwap != r.Memory || *r.PidsLimit != 128 || r.CPUShares != 256 || r.CPUQuota != 2*cpuPeriod {
		t.Errorf("%+v", r)
	}
	r = resourcesOf(platform.Plan{Memory: 1, CPU: 1}, 2)
	if *r.PidsLimit != defaultPIDs || r.CPUQuota != cpuPeriod {
		t.Errorf("without burst and pids: %+v", r)
	}
	r = resourcesOf(platform.Plan{Memory: 1}, 2)
	if r.CPUShares < 2 || r.CPUQuota != 0 {
		t.Errorf("without CPU: %+v", r)
	}
}

func TestExplain_OnlySilenceIsUnavailableAndAFullDiskIsNoRoom(t *testing.T) {
	if err := explain(errors.New("boom"), "doing"); platform.IsKind(err, platform.Unavailable) || err.Error() != "doing: boom" {
		t.Errorf("%v", err)
	}
	full := errors.New("Error response from daemon: mkdir /var/lib/docker/overlay2/x: no space left on device")
	if err := explain(full, "starting"); !platform.IsKind(err, platform.NoRoom) || platform.AsError(err).Code != "disk_full" {
		t.Errorf("%v", err)
	}
}
