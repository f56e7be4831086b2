package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNetworkRules tries what a hacked app and a hostile build would try, from inside of them.
func TestNetworkRules(t *testing.T) {
	s := newServer(t)
	before := chains(t, s) // what a killed run of the tests has left
	testInstall(t, s)
	testAccount(t, s)
	o := newOutside(t)
	app, other := s.repo(t, "dialer", "dialer"), s.repo(t, "other", "dialer")
	app.write(t, "tries.txt", strings.Join([]string{
		"10.212.0.1 18005", "10.212.0.1 19000", "10.212.0.1 18443", o.address + " 443", o.address + " 25", o.private + " 80", "169.254.169.254 80", o.resolver + " 53",
	}, "\n")+"\n")
	push := app.pushed(t, "first")
	other.pushed(t, "first")
	n := &network{server: s, outside: o, push: push.out}
	n.listen(t, 19000)
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"A34 this machine's services", n.testMachine},
		{"A35 other apps", n.testApps},
		{"A36 metadata and mail", n.testOutside},
		{"builds", n.testBuilds},
		{"check-up", n.testDoctor},
		{"F14 check-up of an engine that hangs", n.testDoctorHung},
		{"F11 the engine starts over", n.testEngine},
		{"F16 rules removed by hand", n.testFlushed},
		{"F16 networks and containers removed by hand", n.testRemoved},
	} {
		t.Run(part.name, part.run)
	}
	s.installer(t, "--purge", "--yes")
	if left := chains(t, s); left != before {
		t.Errorf("chains before:\n%s\nnow:\n%s", before, left)
	}
}

// chains lists those of any Lugsail, of both families.
func chains(t *testing.T, s *server) string {
	t.Helper()
	var found strings.Builder
	for _, program := range []string{"iptables", "ip6tables"} {
		for line := range strings.Lines(s.must(t, s.root, program, "-S")) {
			if strings.HasPrefix(line, "-N LUGSAIL") {
				found.WriteString(line)
			}
		}
	}
	return found.String()
}

// outside is the world beyond the machine: a namespace of its own.
type outside struct{ address, private, resolver string }

func newOutside(t *testing.T) outside {
	t.Helper()
	o := outside{"198.51.100.2", "172.20.9.9", "169.254.1.53"}
	ip := func(args ...string) {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	const name = "lugsail-e2e-out"
	_ = exec.Command("ip", "netns", "delete", name).Run() // of a run that was killed
	ip("netns", "add", name)
	t.Cleanup(func() { ip("netns", "delete", name) })
	ip("link", "add", "lgout", "type", "veth", "peer", "name", "eth0", "netns", name)
	ip("addr", "add", "198.51.100.1/24", "dev", "lgout")
	ip("link", "set", "lgout", "up")
	ip("-n", name, "addr", "add", o.address+"/24", "dev", "eth0")
	ip("-n", name, "link", "set", "eth0", "up")
	ip("-n", name, "link", "set", "lo", "up")
	ip("-n", name, "route", "add", "default", "via", "198.51.100.1")
	for _, also := range []string{o.private, o.resolver, "169.254.169.254"} {
		ip("-n", name, "addr", "add", also+"/32", "dev", "lo")
		ip("route", "add", also+"/32", "via", o.address)
	}
	for _, port := range []int{25, 53, 80, 443, 587} {
		serveInside(t, name, port)
	}
	return o
}

// serveInside takes connections on a port of a namespace.
func serveInside(t *testing.T, name string, port int) {
	t.Helper()
	opened := make(chan error)
	var l net.Listener
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ns, err := os.Open("/run/netns/" + name)
		if err == nil {
			err = errors.Join(unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET), ns.Close())
		}
		if err == nil {
			l, err = net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port))
		}
		opened <- err
	}()
	check(t, <-opened)
	takeAll(t, l)
}

// takeAll takes every connection and ends it.
func takeAll(t *testing.T, l net.Listener) {
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

type network struct {
	server  *server
	outside outside
	push    string // what the pusher saw
}

// listen is a service of the machine, on every address.
func (n *network) listen(t *testing.T, port int) {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	check(t, err)
	takeAll(t, l)
}

// ask lets the app "dialer" try something.
func (n *network) ask(t *testing.T, what string, values url.Values) string {
	t.Helper()
	status, body := n.server.get(t, "dialer", "/"+what+"?"+values.Encode())
	if status != http.StatusOK {
		t.Fatalf("%s %v is answered %d %s", what, values, status, body)
	}
	return body
}

func (n *network) dial(t *testing.T, host string, port int) string {
	t.Helper()
	return n.ask(t, "dial", url.Values{"host": {host}, "port": {fmt.Sprint(port)}})
}

func (n *network) open(t *testing.T, host string, ports ...int) {
	t.Helper()
	for _, port := range ports {
		if got := n.dial(t, host, port); got != "open" {
			t.Errorf("%s:%d is %s", host, port, got)
		}
	}
}

func (n *network) closed(t *testing.T, host string, ports ...int) {
	t.Helper()
	for _, port := range ports {
		if got := n.dial(t, host, port); got == "open" {
			t.Errorf("%s:%d is open", host, port)
		}
	}
}

// inspected is what the engine says of a replica's network.
type inspected struct {
	ID              string `json:"Id"`
	NetworkSettings struct {
		Networks map[string]struct{ IPAddress, Gateway, GlobalIPv6Address string }
	}
}

func (n *network) replica(t *testing.T, app string) (id, network, address, gateway string) {
	t.Helper()
	ids := strings.Fields(n.server.ours(t, "ps", "-q", "--filter", "label=lugsail.app-name="+app))
	if len(ids) != 1 {
		t.Fatalf("%d replicas of %s", len(ids), app)
	}
	var found []inspected
	check(t, json.Unmarshal([]byte(n.docker(t, "inspect", ids[0])), &found))
	for name, at := range found[0].NetworkSettings.Networks {
		if at.GlobalIPv6Address != "" {
			t.Errorf("A35: %s has the IPv6 address %s", app, at.GlobalIPv6Address)
		}
		return ids[0], name, at.IPAddress, at.Gateway
	}
	t.Fatalf("%s has no network", app)
	return "", "", "", ""
}

func (n *network) docker(t *testing.T, args ...string) string {
	t.Helper()
	return n.server.must(t, n.server.dir, "docker", append([]string{"-H", "unix://" + n.server.engine}, args...)...)
}

func (n *network) testMachine(t *testing.T) {
	_, _, _, gateway := n.replica(t, "dialer")
	for _, host := range []string{gateway, "198.51.100.1", "10.212.0.1", "10.203.0.1"} {
		n.open(t, host, httpPort, httpsPort)
		n.closed(t, host, 19000, 18005, 22, 2375, 5432)
	}
	// The public address of another app is reached through the proxy, from inside as from outside.
	got := n.ask(t, "fetch", url.Values{"host": {"198.51.100.1"}, "port": {fmt.Sprint(httpPort)}, "name": {"other.localhost"}})
	if got != "308" {
		t.Errorf("another app's public address is answered %s", got)
	}
}

func (n *network) testApps(t *testing.T) {
	id, _, own, _ := n.replica(t, "dialer")
	otherID, _, address, _ := n.replica(t, "other")
	n.open(t, own, 8080)
	n.closed(t, address, 8080)
	if got := n.ask(t, "name", url.Values{"host": {otherID[:12]}}); got == "found" {
		t.Error("another app's container has a name")
	}
	for _, host := range []string{"fe80::1%eth0", "ff02::1%eth0", "2001:db8::1", "::ffff:198.51.100.1"} {
		n.closed(t, host, 19000)
	}
	if strings.Contains(n.docker(t, "exec", id, "cat", "/proc/net/if_inet6"), "eth0") {
		t.Error("the app's network card has an IPv6 address")
	}
	// Replicas of one app speak to each other.
	n.server.lugsail(t, "scale", "--app", "dialer", "web=2")
	for _, replica := range strings.Fields(n.server.ours(t, "ps", "-q", "--filter", "label=lugsail.app-name=dialer")) {
		sibling := strings.TrimSpace(n.docker(t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", replica))
		n.open(t, sibling, 8080)
	}
	n.server.lugsail(t, "scale", "--app", "dialer", "web=1")
	eventually(t, 30*time.Second, func() bool {
		return len(strings.Fields(n.server.ours(t, "ps", "-q", "--filter", "label=lugsail.app-name=dialer"))) == 1
	}, func() string { return "the second replica stays" })
	// What another container of the owner publishes is not for apps.
	image := strings.TrimSpace(n.docker(t, "inspect", "--format", "{{.Image}}", otherID))
	owners := strings.TrimSpace(n.docker(t, "run", "-d", "-e", "PORT=8080", "-p", "19001:8080", image))
	defer n.docker(t, "rm", "-f", owners)
	eventually(t, 10*time.Second, func() bool {
		c, err := net.DialTimeout("tcp", "198.51.100.1:19001", time.Second)
		return err == nil && c.Close() == nil
	}, func() string { return "the owner's container does not answer" })
	n.closed(t, "198.51.100.1", 19001)
	n.closed(t, strings.TrimSpace(n.docker(t, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", owners)), 8080)
}

func (n *network) testOutside(t *testing.T) {
	n.closed(t, "169.254.169.254", 80, 53)
	n.closed(t, n.outside.resolver, 80, 53)
	n.closed(t, n.outside.address, 25)
	n.open(t, n.outside.address, 80, 443, 587)
	n.open(t, n.outside.private, 80)
	if got := n.ask(t, "name", url.Values{"host": {modulesHost(t)}}); got != "found" {
		t.Errorf("a name of the internet is %s", got)
	}
	id, _, _, _ := n.replica(t, "dialer")
	status := n.docker(t, "exec", id, "cat", "/proc/1/status")
	for line := range strings.Lines(status) {
		if caps, ok := strings.CutPrefix(line, "CapBnd:"); ok && strings.TrimSpace(caps) != "00000000000004eb" { // no net_raw: no spoofed source
			t.Errorf("the app may have the capabilities %s", caps)
		}
	}
}

func (n *network) testBuilds(t *testing.T) {
	for try, open := range map[string]bool{
		"10.212.0.1 18005": true, "10.212.0.1 19000": false, "10.212.0.1 18443": true, n.outside.address + " 443": true, n.outside.address + " 25": false,
		n.outside.private + " 80": false, "169.254.169.254 80": false, n.outside.resolver + " 53": false,
	} {
		_, rest, found := strings.Cut(n.push, "tried "+try+": ")
		if !found || strings.HasPrefix(rest, "open") != open {
			t.Errorf("a build tried %s: %.20q", try, rest)
		}
	}
}

// holds waits until the rules are there, and checks one of each.
func (n *network) holds(t *testing.T, limit time.Duration) {
	t.Helper()
	_, _, address, _ := n.replica(t, "other")
	eventually(t, limit, func() bool {
		return n.dial(t, "198.51.100.1", 19000) != "open" && n.dial(t, address, 8080) != "open" && n.dial(t, "169.254.169.254", 80) != "open"
	}, func() string {
		return "the rules do not come back:\n" + n.server.must(t, n.server.dir, "iptables", "-S")
	})
	n.open(t, n.outside.address, 443)
	n.open(t, "198.51.100.1", httpPort)
	n.server.wantPage(t, "other", "/", "Dialer")
}

func (n *network) testEngine(t *testing.T) {
	start := n.server.killEngine(t)
	n.lose(t, "INPUT", "FORWARD", "DOCKER-USER") // as a firewall that starts over
	start()
	n.holds(t, 30*time.Second)
}

// lose takes Lugsail's jumps out of chains, as somebody who empties them does; what else stands there
// is this machine's own.
func (n *network) lose(t *testing.T, chains ...string) {
	t.Helper()
	lost := 0
	for _, chain := range chains {
		for line := range strings.Lines(n.server.must(t, n.server.dir, "iptables", "-S", chain)) {
			rule, ok := strings.CutPrefix(strings.TrimSpace(line), "-A ")
			if ok && strings.Contains(rule, "-j LUGSAIL-") {
				n.server.must(t, n.server.dir, "iptables", append([]string{"-D"}, strings.Fields(rule)...)...)
				lost++
			}
		}
	}
	if lost == 0 {
		t.Errorf("none of %v leads to Lugsail's rules", chains)
	}
}

func (n *network) testFlushed(t *testing.T) {
	n.lose(t, "DOCKER-USER", "FORWARD")
	n.holds(t, 90*time.Second)
	n.lose(t, "INPUT")
	n.holds(t, 90*time.Second)
	request, err := http.NewRequest(http.MethodGet, n.server.console+"/api/v1/events", nil)
	check(t, err)
	request.Header.Set("Authorization", "Bearer "+n.server.token)
	response, err := n.server.client.Do(request)
	check(t, err)
	defer response.Body.Close()
	var answer struct{ Events []struct{ Action string } }
	check(t, json.NewDecoder(response.Body).Decode(&answer))
	told := 0
	for _, e := range answer.Events {
		if e.Action == "firewall.restored" {
			told++
		}
	}
	if told < 2 {
		t.Errorf("rules were put back and told of %d times: %+v", told, answer.Events)
	}
}

func (n *network) testRemoved(t *testing.T) {
	s := n.server
	for _, removal := range []func(){
		func() { // the network, under a replica that runs
			id, name, _, _ := n.replica(t, "dialer")
			n.docker(t, "network", "disconnect", "-f", name, id)
			n.docker(t, "network", "rm", name)
		},
		func() { // every container, then everything that is not in use
			for _, id := range strings.Fields(s.ours(t, "ps", "-aq")) {
				s.run(t, s.dir, "docker", "-H", "unix://"+s.engine, "rm", "-f", id) // one that gives way may be going already
			}
			n.docker(t, "system", "prune", "-a", "-f", "--volumes")
		},
	} {
		removal()
		eventually(t, 90*time.Second, func() bool {
			for _, app := range []string{"dialer", "other"} {
				if status, err := s.get2(app); err != nil || status != http.StatusOK {
					return false
				}
			}
			return true
		}, func() string { return "the apps do not come back:\n" + n.docker(t, "ps", "-a") })
		n.holds(t, 10*time.Second)
	}
}

// modulesHost is a host that this machine can reach: the one that its Go modules come from.
func modulesHost(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOPROXY").Output()
	check(t, err)
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), ",")
	u, err := url.Parse(first)
	check(t, err)
	if u.Host == "" {
		return "go.dev"
	}
	return u.Hostname()
}
