package run

import (
	"slices"
	"strings"

	"github.com/lugsail/lugsail/platform"
)

// ServingPort chooses the port to send requests to: the wanted one when something listens
// there for everybody, else the lowest that does; 0 when nothing does.
func ServingPort(listeners []platform.Listener, wanted int) int {
	var open []int
	for _, l := range listeners {
		if !l.Loopback {
			open = append(open, l.Port)
		}
	}
	if len(open) == 0 {
		return 0
	}
	if slices.Contains(open, wanted) {
		return wanted
	}
	return slices.Min(open)
}

// onlyLoopback gives the addresses that are open inside the replica alone, the wanted port first.
func onlyLoopback(listeners []platform.Listener, wanted int) []string {
	var found []string
	for _, l := range listeners {
		if !l.Loopback {
			return nil
		}
		if address := joinPort(l.IP, l.Port); l.Port == wanted {
			found = append([]string{address}, found...)
		} else {
			found = append(found, address)
		}
	}
	return slices.Compact(found)
}

func joinPort(ip string, port int) string {
	if strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	return ip + ":" + itoa(port)
}
