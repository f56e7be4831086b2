package firewall

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lugsail/lugsail/internal/command"
)

// way is a connection that somebody tries.
type way struct {
	from, to string
	open     bool
}

func (w *world) check(t *testing.T, ways ...way) {
	t.Helper()
	for _, way := range ways {
		if err := w.reaches(t, way.from, way.to); (err == nil) != way.open {
			t.Errorf("from %s to %s: %v", way.from, way.to, err)
		}
	}
}

func (w *world) servers(t *testing.T) {
	t.Helper()
	w.serve(t, "machine", 22, 25, 80, 443, 5005, 9000)
	w.serve(t, "outside", 25, 53, 80, 443, 587)
	for _, app := range []string{"a1", "a2", "b1", "build"} {
		w.serve(t, app, 8080)
	}
	w.serve(t, "owner", 5432)
}

// A34, A35, A36: what is open without the rules shows that the tries would reach their aim.
func TestRules_WhatIsOpenAndWhatIsNot(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	w.check(t, way{"a1", "10.90.1.1:22", true}, way{"a1", "10.90.2.2:8080", true}, way{"a1", "169.254.169.254:80", true}, way{"a1", "100.100.100.200:80", true}, way{"build", "168.63.129.16:80", true},
		way{"a1", outside + ":25", true}, way{"build", "10.77.0.5:80", true}, way{"a1", "198.51.100.1:5432", true})
	f, _ := w.firewall(t, nil)
	w.look(t, f)
	w.check(t,
		// this machine
		way{"a1", "10.90.1.1:80", true}, way{"a1", "10.90.1.1:443", true}, way{"a1", "198.51.100.1:443", true},
		way{"a1", "10.90.1.1:22", false}, way{"a1", "10.90.1.1:5005", false}, way{"a1", "10.90.1.1:9000", false},
		way{"a1", "198.51.100.1:22", false}, way{"a1", "198.51.100.1:9000", false}, way{"a1", "10.90.2.1:22", false},
		way{"a1", "198.51.100.1:5432", false},
		// other apps, and the owner's containers
		way{"a1", "10.90.1.3:8080", true}, way{"a1", "10.90.2.2:8080", false}, way{"a1", "10.90.3.2:8080", false}, way{"a1", "10.90.4.2:5432", false},
		way{"owner", "10.90.1.2:8080", false}, way{"outside", "10.90.1.2:8080", false}, way{"outside", "10.90.3.2:8080", false},
		// the internet, metadata and mail
		way{"a1", outside + ":443", true}, way{"a1", outside + ":587", true}, way{"a1", outside + ":25", false},
		way{"a1", "169.254.169.254:80", false}, way{"a1", "169.254.1.53:53", true}, way{"a1", "169.254.1.53:80", false}, way{"a1", "10.77.0.5:80", true},
		way{"a1", "100.100.100.200:80", false}, way{"a1", "168.63.129.16:80", false}, way{"build", "168.63.129.16:80", false},
		// builds
		way{"build", "10.90.3.1:5005", true}, way{"build", "198.51.100.1:5005", false}, way{"build", "10.90.3.1:22", false}, way{"build", "10.90.3.1:443", true},
		way{"build", outside + ":443", true}, way{"build", "10.77.0.5:80", false}, way{"build", "169.254.169.254:80", false},
		way{"build", "169.254.1.53:53", true}, way{"build", "10.90.1.2:8080", false}, way{"build", outside + ":25", false},
		// the proxy, and what is not ours
		way{"machine", "10.90.1.2:8080", true}, way{"machine", "10.90.2.2:8080", true},
		way{"owner", "10.90.4.1:22", true}, way{"owner", outside + ":25", true}, way{"outside", "198.51.100.1:5432", true},
	)
}

func TestRules_WhatTheOwnerAllows(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	f, _ := w.firewall(t, func(c *Config) {
		c.Allow = []Allowed{
			{netip.MustParsePrefix("0.0.0.0/0"), 25},
			{netip.MustParsePrefix("10.77.0.5/32"), 0},
			{netip.MustParsePrefix("10.90.1.1/32"), 9000},
			{netip.MustParsePrefix("169.254.169.254/32"), 80},
			{netip.MustParsePrefix("198.51.100.1/32"), 5432},
			{netip.MustParsePrefix("10.90.2.0/24"), 0}, // other apps stay closed all the same
		}
	})
	w.look(t, f)
	w.check(t, way{"a1", outside + ":25", true}, way{"build", "10.77.0.5:80", true}, way{"a1", "10.90.1.1:9000", true}, way{"a1", "10.90.1.1:22", false},
		way{"a1", "169.254.169.254:80", true}, way{"a1", "198.51.100.1:5432", true}, way{"a1", "10.90.2.2:8080", false},
		way{"build", "10.77.0.5:25", true}, way{"a1", "10.90.1.1:25", false}, way{"a1", "198.51.100.1:25", false})
}

// A34: who opens a network for what is in it opens neither this machine, which may lie in it too, nor mail, nor metadata.
func TestA34_WhatIsNotNamedStaysClosedThoughANetworkIsOpen(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	f, _ := w.firewall(t, func(c *Config) {
		c.Allow = []Allowed{
			{netip.MustParsePrefix("0.0.0.0/0"), 0},
			{netip.MustParsePrefix("198.51.100.0/24"), 0},
			{netip.MustParsePrefix("10.90.1.0/24"), 22},
			{netip.MustParsePrefix("10.90.2.1/32"), 0},
			{netip.MustParsePrefix("10.90.3.1/32"), 25},
		}
	})
	w.look(t, f)
	w.check(t,
		way{"a1", outside + ":443", true}, way{"build", outside + ":587", true}, way{"build", "10.77.0.5:80", true}, // what it was for
		way{"a1", outside + ":25", false}, way{"build", "10.77.0.5:25", false},
		way{"a1", "198.51.100.1:22", false}, way{"a1", "198.51.100.1:25", false}, way{"a1", "10.90.1.1:22", false}, way{"build", "10.90.1.1:9000", false},
		way{"a1", "10.90.2.1:22", true}, way{"a1", "10.90.2.1:25", false}, way{"a1", "10.90.3.1:25", true}, way{"a1", "10.90.3.1:22", false}, // named
		way{"a1", "169.254.169.254:80", false}, way{"a1", "100.100.100.200:80", false}, way{"a1", "10.90.2.2:8080", false}, way{"a1", "10.90.4.2:5432", false},
	)
}

// F16: when a machine has booted Docker starts apps before the control plane runs. Docker makes its own rules then,
// and leaves those that lie in its users' chain.
func TestF16_RulesAreThereBeforeDockerStartsApps(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	for _, rule := range []string{"-F FORWARD", "-F DOCKER-USER", "-X DOCKER-USER"} {
		w.in(t, "machine", "iptables", strings.Fields(rule)...)
	}
	w.check(t, way{"a1", "10.90.1.1:22", true}, way{"a1", "10.90.2.2:8080", true})
	f, restored := w.firewall(t, nil)
	for range 2 { // Docker may be started several times
		w.at(t, "machine", func() {
			if err := f.First(context.Background()); err != nil {
				t.Error(err)
			}
		})
		w.check(t, way{"a1", "10.90.1.1:22", false}, way{"a1", "10.90.2.2:8080", false}, way{"a1", "10.90.1.3:8080", true}, way{"a1", outside + ":443", true})
	}
	// A starting Docker: its chain exists and goes to the top again, then its own rules that let bridges through.
	for _, rule := range []string{"-D FORWARD -j DOCKER-USER", "-I FORWARD -i lugtesta0000001 -j ACCEPT", "-I FORWARD -o lugtestb0000002 -j ACCEPT", "-I FORWARD -j DOCKER-USER"} {
		w.in(t, "machine", "iptables", strings.Fields(rule)...)
	}
	w.check(t, way{"a1", "10.90.2.2:8080", false}, way{"a1", "10.90.1.1:22", false})
	control, _ := w.firewall(t, nil) // and then the control plane
	w.look(t, control)
	w.check(t, way{"a1", "10.90.2.2:8080", false})
	if rules := w.in(t, "machine", "iptables", "-S"); strings.Count(rules, "-j LUGSAIL-") != 2 || *restored != 0 {
		t.Errorf("told %d times:\n%s", *restored, rules)
	}
	w.removed(t, control)
}

// A kernel without the match for bridges gets all other rules, and that is said.
func TestRules_KernelWithoutPhysdevHasTheOthers(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	dir := t.TempDir()
	for _, program := range []string{"iptables-restore", "ip6tables-restore"} {
		real := command.Find(program)
		text := "#!/bin/sh\nrules=$(cat)\ncase $rules in *physdev*) echo \"Couldn't load match physdev\" >&2; exit 2 ;; esac\nprintf '%s\\n' \"$rules\" | " + real + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(dir, program), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := os.Getenv("PATH")
	t.Setenv("PATH", dir+":"+path)
	f, _ := w.firewall(t, nil)
	w.look(t, f)
	if s := f.Status(); s.Err != nil || s.Rules == 0 || !strings.Contains(s.Lacks, "physdev") {
		t.Errorf("status %+v", s)
	}
	w.check(t, way{"a1", "10.90.1.1:22", false}, way{"a1", "10.90.2.2:8080", false}, way{"a1", "169.254.169.254:80", false}, way{"a1", outside + ":443", true})
	t.Setenv("PATH", path) // another kernel
	w.look(t, f)
	if s := f.Status(); s.Err != nil || s.Lacks != "" {
		t.Errorf("status %+v", s)
	}
	w.check(t, way{"a1", "10.90.1.3:8080", true})
}

// F16: whatever empties the tables, the rules come back, and the owner's own are left alone.
func TestRules_ComeBackAfterTheyWereRemoved(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	w.in(t, "machine", "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "7", "-j", "DROP")
	f, restored := w.firewall(t, nil)
	w.look(t, f)
	for _, removal := range []string{
		"-F DOCKER-USER", "-D INPUT 1", "-F LUGSAIL-FORWARD-test", "-D LUGSAIL-INPUT-test 1",
		"-I LUGSAIL-INPUT-test -j ACCEPT", "-F", "-F INPUT",
	} {
		before := *restored
		w.in(t, "machine", "iptables", strings.Fields(removal)...)
		if removal == "-F" { // and then Docker starts over
			w.in(t, "machine", "iptables", "-I", "FORWARD", "-j", "DOCKER-USER")
		}
		w.look(t, f)
		if *restored != before+1 {
			t.Errorf("after iptables %s it is told %d times", removal, *restored-before)
		}
		w.check(t, way{"a1", "10.90.1.1:22", false}, way{"a1", "10.90.2.2:8080", false}, way{"a1", "10.90.1.1:80", true})
	}
	before := *restored
	w.look(t, f)
	if *restored != before {
		t.Error("rules that are there were put in again")
	}
	if rules := w.in(t, "machine", "iptables", "-S"); strings.Count(rules, "-j LUGSAIL-") != 2 {
		t.Errorf("more than one jump to a chain:\n%s", rules)
	}
}

func TestRules_ANewResolverIsOpenedWithoutAlarm(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	f, restored := w.firewall(t, nil)
	w.look(t, f)
	w.check(t, way{"build", "10.77.0.5:53", false})
	if err := os.WriteFile(w.files[0], []byte("nameserver 10.77.0.5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.look(t, f)
	w.check(t, way{"build", "10.77.0.5:53", true}, way{"build", "10.77.0.5:80", false}, way{"build", "169.254.1.53:53", false})
	if *restored != 0 {
		t.Error("a changed resolver is told as removed rules")
	}
}

// Both ways in which the kernel keeps rules; those of Docker tell which one counts.
func TestRules_LieWhereDockersDo(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	for _, rule := range []string{"-D FORWARD -j DOCKER-USER", "-F DOCKER-USER", "-X DOCKER-USER"} {
		w.in(t, "machine", "iptables", strings.Fields(rule)...)
	}
	w.in(t, "machine", "iptables-legacy", "-N", "DOCKER-USER")
	w.in(t, "machine", "iptables-legacy", "-I", "FORWARD", "-j", "DOCKER-USER")
	f, _ := w.firewall(t, nil)
	w.look(t, f)
	if f.Status().Program != "iptables-legacy" {
		t.Errorf("status %+v", f.Status())
	}
	w.check(t, way{"a1", "10.90.1.1:22", false}, way{"a1", "10.90.2.2:8080", false}, way{"a1", "10.90.1.3:8080", true}, way{"a1", outside + ":443", true})
	w.removed(t, f)
}

func TestRules_WithoutDockersChainFromForwardItself(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	w.in(t, "machine", "iptables", "-F")
	f, restored := w.firewall(t, nil)
	w.look(t, f)
	w.check(t, way{"a1", "10.90.2.2:8080", false})
	w.in(t, "machine", "iptables", "-I", "FORWARD", "-j", "DOCKER-USER")
	w.look(t, f)
	if rules := w.in(t, "machine", "iptables", "-S", "FORWARD"); strings.Contains(rules, "LUGSAIL") {
		t.Errorf("the old jump is left:\n%s", rules)
	}
	if *restored != 0 {
		t.Error("Docker's start is told as removed rules")
	}
	w.removed(t, f)
}

// removed takes everything away and checks that nothing is left in any table.
func (w *world) removed(t *testing.T, f *Firewall) {
	t.Helper()
	w.at(t, "machine", func() {
		if err := Remove(context.Background(), f.Config); err != nil {
			t.Error(err)
		}
		if err := Remove(context.Background(), f.Config); err != nil {
			t.Errorf("removing nothing: %v", err)
		}
	})
	if tables := w.in(t, "machine", "cat", "/proc/self/net/ip_tables_names"); f.Status().Program == "iptables" && tables != "" {
		t.Errorf("tables of the old kind were made: %s", tables)
	}
	for _, program := range []string{"iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy"} {
		if rules := w.in(t, "machine", program, "-S"); strings.Contains(rules, "LUGSAIL") {
			t.Errorf("%s: left:\n%s", program, rules)
		}
	}
	if rules := w.in(t, "machine", "iptables", "-t", "nat", "-S"); !strings.Contains(rules, "5432") {
		t.Errorf("the owner's rule is gone:\n%s", rules)
	}
}

// A35: IPv6 has the same rules.
func TestRules_HoldForIPv6(t *testing.T) {
	w := newWorld(t)
	f, _ := w.firewall(t, nil)
	w.look(t, f)
	rules := w.in(t, "machine", "ip6tables", "-S")
	for _, want := range []string{"-A INPUT -j LUGSAIL-INPUT-test", "-A FORWARD -j LUGSAIL-FORWARD-test", "-A LUGSAIL-FORWARD-test -d fc00::/7 -i lugb00000003 -j REJECT", "-A LUGSAIL-INPUT-test -i lugtest+ -j REJECT"} {
		if !strings.Contains(rules, want) {
			t.Errorf("no %q in\n%s", want, rules)
		}
	}
}

// Nobody may put rules in, or there is no program for it: said, and no more.
func TestLook_SaysWhyThereAreNoRules(t *testing.T) {
	f := New(Config{Tag: "test", Apps: "lugtest+", Builds: "this-name-is-too-long-for-the-kernel"}, nil)
	f.files, f.daemon = nil, ""
	w := newWorld(t)
	w.at(t, "machine", func() {
		if err := f.Look(context.Background()); err == nil {
			t.Error("impossible rules were put in")
		}
	})
	if s := f.Status(); s.Err == nil || s.Checked.IsZero() {
		t.Errorf("status %+v", s)
	}
	if rules := w.in(t, "machine", "iptables", "-S"); strings.Contains(rules, "LUGSAIL") {
		t.Errorf("half of the rules are there:\n%s", rules)
	}
}

func TestRun_LooksWhenNudgedAndEnds(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	f, _ := w.firewall(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go w.at(t, "machine", func() {
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
		close(ended)
	})
	until(t, func() bool { return f.Status().Rules > 0 })
	w.in(t, "machine", "iptables", "-F")
	f.Nudge()
	until(t, func() bool { return w.reaches(t, "a1", "10.90.1.1:22") != nil })
	stop()
	<-ended
}

func until(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestResolvers_AreThoseThatContainersAsk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	files := []string{
		write("a", "nameserver 127.0.0.53\nsearch example.com\nnameserver\n nameserver 10.0.0.2\nnameserver fe80::1%eth0\nnameserver x\n"),
		write("b", "nameserver 10.0.0.2\nnameserver 8.8.8.8\n"), filepath.Join(dir, "none"),
	}
	got := resolvers(files, write("daemon.json", `{"dns":["172.17.0.1","::1"],"icc":false}`))
	want := []string{"8.8.8.8", "10.0.0.2", "172.17.0.1", "fe80::1"}
	var texts []string
	for _, a := range got {
		texts = append(texts, a.String())
	}
	if !slices.Equal(texts, want) {
		t.Errorf("got %v, want %v", texts, want)
	}
	if got := resolvers(nil, write("broken.json", "{")); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

// A34, A35, A36: steps of Dockerfiles run on the bridge where the owner's containers are, too.
func TestA34_StepsOfBuildsAreHeldAndTheOwnersContainersAreNot(t *testing.T) {
	w := newWorld(t)
	w.servers(t)
	w.in(t, "owner", "ip", "addr", "add", "10.90.4.9/24", "dev", "eth0")
	f, restored := w.firewall(t, nil)
	w.look(t, f)
	hold := func(apart ...netip.Addr) {
		t.Helper()
		w.at(t, "machine", func() {
			if err := f.Hold(context.Background(), "docker0", apart); err != nil {
				t.Error(err)
			}
		})
	}
	inside := func(open bool) []way {
		var all []way
		for _, to := range []string{"10.90.4.1:22", "198.51.100.1:9000", "169.254.169.254:80", "10.77.0.5:80", outside + ":25"} {
			all = append(all, way{"owner", to, open})
		}
		return all
	}
	w.check(t, inside(true)...)
	hold()
	w.check(t, inside(false)...)
	w.check(t, way{"owner", outside + ":443", true}, way{"owner", "10.90.4.1:443", true}, way{"owner", "169.254.1.53:53", true},
		way{"owner", "10.90.1.2:8080", false}, way{"outside", "198.51.100.1:5432", true})
	hold(netip.MustParseAddr("10.90.4.2"))
	w.check(t, inside(true)...)
	w.check(t, way{"owner", "10.90.1.2:8080", false}, way{"owner", "10.90.3.2:8080", false})
	hold(netip.MustParseAddr("10.90.4.9"))
	w.check(t, inside(false)...)
	w.at(t, "machine", func() {
		if err := f.Free(context.Background()); err != nil {
			t.Error(err)
		}
	})
	w.check(t, inside(true)...)
	if *restored != 0 {
		t.Error("an alarm that rules were removed, though nobody did")
	}
}
