package enginetest

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Steps is the Program for the engine in memory that understands the contract's steps:
//
//	listen=ADDRESS:PORT  opens a port ($PORT may be said)
//	print=N              prints "line 1" to "line N"
//	say=TEXT             prints to standard output, complain=TEXT to standard error
//	env=NAME             prints a config var
//	cat                  copies standard input to standard output
//	ignore-term          does not end on SIGTERM
//	allocate=MEGABYTES   uses memory
//	wait=DURATION        waits
//	serve                goes on for ever
//	exit=CODE            ends
func Steps(spec platform.ReplicaSpec) Behaviour {
	var b Behaviour
	for _, arg := range spec.Args {
		step, value, _ := strings.Cut(arg, "=")
		switch step {
		case "listen":
			b.Listeners = append(b.Listeners, listener(os.Expand(value, func(name string) string { return spec.Env[name] })))
		case "print":
			n, _ := strconv.Atoi(value)
			for i := range n {
				b.Lines = append(b.Lines, platform.LogLine{Text: fmt.Sprintf("line %d", i+1)})
			}
		case "say":
			b.Lines = append(b.Lines, platform.LogLine{Text: value})
		case "complain":
			b.Lines = append(b.Lines, platform.LogLine{Stream: "stderr", Text: value})
		case "env":
			b.Lines = append(b.Lines, platform.LogLine{Text: spec.Env[value]})
		case "cat":
			b.Copies = true
		case "ignore-term":
			b.IgnoresTerm = true
		case "allocate":
			if n, _ := strconv.ParseInt(value, 10, 64); n<<20 > spec.Plan.Memory {
				b.OutOfMemory, b.Exits, b.ExitCode = true, true, 137
				return b
			}
		case "wait":
			d, _ := time.ParseDuration(value)
			b.After += d
		case "exit":
			b.Exits = true
			b.ExitCode, _ = strconv.Atoi(value)
			return b
		}
	}
	return b
}

func listener(address string) platform.Listener {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		panic(fmt.Sprintf("enginetest: listen=%s: %v", address, err)) // a mistake in the test
	}
	return platform.Listener{IP: at.Addr().String(), Port: int(at.Port()), Loopback: at.Addr().IsLoopback()}
}
