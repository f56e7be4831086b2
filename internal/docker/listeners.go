package docker

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// listenState is TCP_LISTEN in the kernel's tables.
const listenState = "0A"

// embeddedDNS is Docker's own name server inside each container.
var embeddedDNS = netip.MustParseAddr("127.0.0.11")

// Listeners gives the TCP sockets that a running replica has open for
// connections, by port. It asks the kernel, and the daemon the first time only.
func (e *Engine) Listeners(ctx context.Context, id string) ([]platform.Listener, error) {
	pid, _, err := e.processOf(ctx, id)
	if err != nil {
		return nil, err
	}
	found, err := diagnose(pid)
	if err != nil { // no right to, or a kernel without
		found, err = readSockets(pid)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the sockets of a replica: %w", err)
	}
	slices.SortFunc(found, func(a, b platform.Listener) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.IP, b.IP))
	})
	return slices.Compact(found), nil // several processes may share one port
}

func listenerOf(addr netip.Addr, port uint16) (platform.Listener, bool) {
	return platform.Listener{IP: addr.String(), Port: int(port), Loopback: addr.IsLoopback()}, addr != embeddedDNS
}

// readSockets reads the tables of a process's network.
func readSockets(pid int) ([]platform.Listener, error) {
	var found []platform.Listener
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if errors.Is(err, fs.ErrNotExist) && table == "tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		found = append(found, parseSockets(string(text))...)
	}
	return found, nil
}

// parseSockets reads a table as in proc_net_tcp(5) and keeps what listens.
func parseSockets(table string) []platform.Listener {
	var found []platform.Listener
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != listenState {
			continue
		}
		at, ok := parseSocket(fields[1])
		if !ok {
			continue
		}
		if l, ok := listenerOf(at.Addr(), at.Port()); ok {
			found = append(found, l)
		}
	}
	return found
}

// parseSocket reads "0100007F:1F90": each group of four bytes in the machine's
// order, which is little-endian on all that we run on, then the port.
func parseSocket(s string) (netip.AddrPort, bool) {
	address, port, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(address)
	n, portErr := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for group := range slices.Chunk(raw, 4) {
		slices.Reverse(group)
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok
}
