package firewall

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// resolverFiles are those that Docker takes a container's resolvers from: the second one where the
// first names a resolver on this very machine.
var resolverFiles = []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}

// daemonFile may name others.
const daemonFile = "/etc/docker/daemon.json"

// resolvers are the addresses that containers ask for names. Those on the loopback are asked by
// Docker itself, from outside of the container. A file that cannot be read names none.
func resolvers(files []string, daemon string) []netip.Addr {
	var found []netip.Addr
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "nameserver" {
				found = appendAddress(found, fields[1])
			}
		}
	}
	if text, err := os.ReadFile(daemon); err == nil {
		var settings struct{ DNS []string }
		if json.Unmarshal(text, &settings) == nil {
			for _, s := range settings.DNS {
				found = appendAddress(found, s)
			}
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found)
}

func appendAddress(to []netip.Addr, text string) []netip.Addr {
	a, err := netip.ParseAddr(text)
	if err != nil || a.IsLoopback() || a.IsUnspecified() {
		return to
	}
	return append(to, a.Unmap().WithZone(""))
}
