package firewall

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lugsail/lugsail/internal/command"
)

// world is a machine with bridges, what hangs on them, and an outside: network namespaces.
type world struct {
	prefix string
	files  []string // resolv.conf
}

const outside = "198.51.100.2"

// newWorld lays the cables. The rules of Docker that matter here are put in as it would.
func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("these tests make network namespaces: run them as root, with make test")
	}
	w := &world{prefix: fmt.Sprintf("lugfw%d-", os.Getpid())}
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(resolv, []byte("# ours\nnameserver 169.254.1.53\nnameserver 127.0.0.53\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.files = []string{resolv}
	for _, name := range []string{"machine", "a1", "a2", "b1", "build", "owner", "outside"} {
		w.ip(t, "netns", "add", w.prefix+name)
		t.Cleanup(func() { w.ip(t, "netns", "delete", w.prefix+name) })
		w.in(t, name, "ip", "link", "set", "lo", "up")
	}
	w.bridge(t, "lugtesta0000001", "10.90.1", "a1", "a2")
	w.bridge(t, "lugtestb0000002", "10.90.2", "b1")
	w.bridge(t, "lugb00000003", "10.90.3", "build")
	w.bridge(t, "docker0", "10.90.4", "owner")
	w.bridge(t, "eth0", "198.51.100", "outside")
	for _, also := range []string{"169.254.169.254", "169.254.1.53", "10.77.0.5", "100.100.100.200", "168.63.129.16"} {
		w.in(t, "outside", "ip", "addr", "add", also+"/32", "dev", "lo")
		w.in(t, "machine", "ip", "route", "add", also+"/32", "via", outside)
	}
	w.in(t, "machine", "sysctl", "-qw", "net.ipv4.ip_forward=1")
	w.docker(t)
	return w
}

// docker makes the chains that a starting Docker makes, and publishes the owner's port 5432.
func (w *world) docker(t *testing.T) {
	t.Helper()
	for _, rule := range []string{"-N DOCKER-USER", "-I FORWARD -j DOCKER-USER", "-A DOCKER-USER -j RETURN", "-t nat -A PREROUTING -p tcp -d 198.51.100.1 --dport 5432 -j DNAT --to 10.90.4.2:5432"} {
		w.in(t, "machine", "iptables", strings.Fields(rule)...)
	}
}

// bridge makes one with the address .1 on the machine, and gives .2, .3 … to those that hang on it.
func (w *world) bridge(t *testing.T, name, net string, members ...string) {
	t.Helper()
	w.in(t, "machine", "ip", "link", "add", name, "type", "bridge")
	w.in(t, "machine", "ip", "addr", "add", net+".1/24", "dev", name)
	w.in(t, "machine", "ip", "link", "set", name, "up")
	for i, member := range members {
		w.in(t, "machine", "ip", "link", "add", "v-"+member, "type", "veth", "peer", "name", "eth0", "netns", w.prefix+member)
		w.in(t, "machine", "ip", "link", "set", "v-"+member, "master", name, "up")
		w.in(t, member, "ip", "addr", "add", fmt.Sprintf("%s.%d/24", net, i+2), "dev", "eth0")
		w.in(t, member, "ip", "link", "set", "eth0", "up")
		w.in(t, member, "ip", "route", "add", "default", "via", net+".1")
	}
}

func (w *world) ip(t *testing.T, args ...string) {
	t.Helper()
	if err := (command.Command{Name: "ip", Args: args}).Run(context.Background()); err != nil {
		t.Fatalf("ip %s: %v", strings.Join(args, " "), err)
	}
}

func (w *world) in(t *testing.T, place, name string, args ...string) string {
	t.Helper()
	c := command.Command{Name: "ip", Args: append([]string{"netns", "exec", w.prefix + place, name}, args...)}
	out, err := c.Output(context.Background())
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

// at does something as a program in one of the places would.
func (w *world) at(t *testing.T, place string, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ns, err := os.Open("/run/netns/" + w.prefix + place)
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			_ = ns.Close()
		}
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// serve answers on a port of every address of a place.
func (w *world) serve(t *testing.T, place string, ports ...int) {
	t.Helper()
	w.at(t, place, func() {
		for _, port := range ports {
			l, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port))
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.Close()
				}
			}()
		}
	})
}

// reaches tries a connection.
func (w *world) reaches(t *testing.T, from, address string) error {
	t.Helper()
	to := netip.MustParseAddrPort(address)
	var err error
	w.at(t, from, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		var c net.Conn
		if c, err = new(net.Dialer).DialContext(ctx, "tcp4", to.String()); err == nil {
			_ = c.Close()
		}
	})
	return err
}

func (w *world) firewall(t *testing.T, change func(*Config)) (f *Firewall, restored *int) {
	t.Helper()
	c := Config{Tag: "test", Apps: "lugtest+", Builds: "lugb00000003", Ports: []int{80, 443}, Registry: netip.MustParseAddrPort("10.90.3.1:5005")}
	if change != nil {
		change(&c)
	}
	restored = new(int)
	f = New(c, func(context.Context) { *restored++ })
	f.files, f.daemon = w.files, ""
	return f, restored
}

func (w *world) look(t *testing.T, f *Firewall) {
	t.Helper()
	w.at(t, "machine", func() {
		if err := f.Look(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
