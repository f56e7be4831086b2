package observe

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var checkedAt = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// healthy is a machine on which nothing is to be found.
func healthy() Machine {
	return Machine{
		Now:      checkedAt,
		Engine:   Engine{Version: "29.5.1", LiveRestore: true, Driver: "overlay2", MemoryLimit: true, SwapLimit: true, PidsLimit: true, Cgroups: "2", Seccomp: true, AppArmor: true},
		Programs: []Program{{Part: "runc", Version: "1.4.0"}, {Part: "Docker", Version: "29.5.1"}, {Part: "kernel", Version: "6.12.57"}},
		Kernel:   Kernel{AppArmor: true, AppArmorParser: true},
		Disks:    []Disk{{Path: "/var/lib/lugsail", Holds: "data", Free: 20 * gib, Total: 40 * gib, FreeFiles: 900, TotalFiles: 1000}},
		Memory:   Memory{Total: 4 * gib, Available: 2 * gib, Swap: gib},
		Clock:    Clock{Synced: true},
		Ports:    []Port{{Number: 80, What: "HTTP", Ours: true}, {Number: 443, What: "HTTPS", Ours: true}},
		Console:  Reach{URL: "https://console.example.com"},
		Names:    []Name{{Host: "console.example.com", Here: true}},
		Firewall: Firewall{Checked: checkedAt},
		Certificates: []Certificate{
			{Host: "shop.example.com", Public: true, NotAfter: checkedAt.AddDate(0, 2, 0)}, {Host: "x.localhost"},
		},
		Database: Database{Kind: "SQLite", Copy: checkedAt},
		Backups:  Backups{Newest: checkedAt.Add(-time.Hour)},
		Keeper:   Keeper{Last: checkedAt.Add(-20 * time.Second), Every: 30 * time.Second},
		Systemd:  true,
	}
}

// What is written every day lies on this server: that is said, and is no fault of it.
func TestExamine_BackupsAreThoseThatThereAre(t *testing.T) {
	found := backups(Machine{Now: checkedAt, Backups: Backups{Newest: checkedAt.Add(-47 * time.Hour), Data: "/var/lib/lugsail", Key: "/etc/lugsail/master.key"}})
	if len(found) != 1 || found[0].Level != LevelOK || !strings.Contains(found[0].Text, "take /var/lib/lugsail and /etc/lugsail/master.key to another place") {
		t.Errorf("got %+v", found)
	}
}

func TestExamine_NothingIsWrongOnAHealthyServer(t *testing.T) {
	found := Examine(healthy())
	if Worst(found) != LevelOK || len(found) < 15 {
		t.Errorf("%d findings:", len(found))
	}
	for _, f := range found {
		if f.Level != LevelOK || f.Hint != "" || !strings.HasSuffix(f.Text, ".") {
			t.Errorf("%+v", f)
		}
	}
}

// F37, F38 and what else can be wrong: each is found, says what happened, and what to do.
func TestExamine_EachFaultIsFound(t *testing.T) {
	broken := errors.New("it is away")
	address := netip.MustParseAddr("203.0.113.7")
	for _, c := range []struct {
		name   string
		change func(*Machine)
		check  string
		level  Level
		text   string
		hint   string
	}{
		{"F14 engine hangs", func(m *Machine) { m.Engine = Engine{Err: broken} }, "engine", LevelBad, "not answering", "systemctl restart docker"},
		{"engine hangs without systemd", func(m *Machine) { m.Engine, m.Systemd = Engine{Err: broken}, false }, "engine", LevelBad, "not answering", "lugsail service"},
		{"live-restore off", func(m *Machine) { m.Engine.LiveRestore = false }, "engine.live_restore", LevelWarn, "live-restore", "host prepare-docker"},
		{"F38 no overlay", func(m *Machine) { m.Engine.Driver = "vfs" }, "engine.storage", LevelWarn, "vfs", "overlay2"},
		{"A38 old runc", func(m *Machine) { m.Programs[0].Version = "1.1.15" }, "versions.runc", LevelWarn, "CVE-2025-31133", "apt-get"},
		{"A38 old Docker", func(m *Machine) { m.Programs[1].Version = "20.10.24" }, "versions.docker", LevelWarn, "CVE-2024-24557", "docs.docker.com"},
		{"old kernel", func(m *Machine) { m.Programs[2].Version = "6.1.55" }, "versions.kernel", LevelWarn, "CVE-2024-1086", "reboot"},
		{"unknown version", func(m *Machine) { m.Programs[0].Version = "" }, "versions.runc", LevelWarn, "could not", "apt-get"},
		{"F38 AppArmor without its program", func(m *Machine) { m.Kernel.AppArmorParser = false }, "apparmor", LevelBad, "no container can start", "apt-get install apparmor"},
		{"AppArmor not used", func(m *Machine) { m.Engine.AppArmor = false }, "apparmor", LevelWarn, "does not use", "restart docker"},
		{"no seccomp", func(m *Machine) { m.Engine.Seccomp = false }, "seccomp", LevelBad, "seccomp", "kernel"},
		{"updates wait", func(m *Machine) { m.Kernel.RestartNeeded = true }, "reboot", LevelWarn, "restart", "reboot"},
		{"F38 no memory limit", func(m *Machine) { m.Engine.MemoryLimit = false }, "cgroups", LevelBad, "memory", "cgroup_enable=memory"},
		{"F38 no swap limit", func(m *Machine) { m.Engine.SwapLimit = false }, "cgroups", LevelWarn, "swap", "swapaccount=1"},
		{"no pids limit", func(m *Machine) { m.Engine.PidsLimit = false }, "cgroups", LevelBad, "processes", "kernel"},
		{"disk nearly full", func(m *Machine) { m.Disks[0].Free = 2 * gib }, "disk", LevelWarn, "2 GB of 40 GB", "Make room"},
		{"F22 disk full", func(m *Machine) { m.Disks[0].Free = 300 * mib }, "disk", LevelBad, "only 300 MB", "Make room"},
		{"F23 no files", func(m *Machine) { m.Disks[0].FreeFiles = 3 }, "disk", LevelBad, "3 more files", "small files"},
		{"few files", func(m *Machine) { m.Disks[0].FreeFiles = 50 }, "disk", LevelWarn, "50 more files", "small files"},
		{"F24 read-only disk", func(m *Machine) { m.Disks[0].ReadOnly = true }, "disk", LevelBad, "read-only", "dmesg"},
		{"disk away", func(m *Machine) { m.Disks[0].Err = broken }, "disk", LevelWarn, "it is away", "df -h"},
		{"memory short", func(m *Machine) { m.Memory.Available = 400 * mib }, "memory", LevelWarn, "400 MB of 4 GB", "smaller plans"},
		{"memory gone", func(m *Machine) { m.Memory.Available = 50 * mib }, "memory", LevelBad, "Only 50 MB", "smaller plans"},
		{"F38 no swap", func(m *Machine) { m.Memory = Memory{Total: gib, Available: gib / 2} }, "memory", LevelWarn, "no swap", "mkswap"},
		{"memory unknown", func(m *Machine) { m.Memory = Memory{Err: broken} }, "memory", LevelWarn, "it is away", "free -m"},
		{"F30 clock far off", func(m *Machine) { m.Clock = Clock{true, -48 * time.Hour, "acme.example"} }, "clock", LevelBad, "48h0m0s", "timesyncd"},
		{"clock alone", func(m *Machine) { m.Clock.Synced = false }, "clock", LevelWarn, "time service", "timesyncd"},
		{"F37 port taken", func(m *Machine) { m.Ports[0] = Port{Number: 80, What: "HTTP", Holder: "apache2 (process 7)"} }, "port.80", LevelBad, "apache2", "Stop that program"},
		{"nobody listens", func(m *Machine) { m.Ports[1] = Port{Number: 443, What: "HTTPS"} }, "port.443", LevelBad, "Nobody", "service status"},
		{"port unknown", func(m *Machine) { m.Ports[1] = Port{Number: 443, Err: broken} }, "port.443", LevelWarn, "443", "ss -ltnp"},
		{"F37 firewall shut", func(m *Machine) { m.Console.Err = broken }, "reach", LevelBad, "does not answer", "ufw allow"},
		{"F33 wrong address", func(m *Machine) {
			m.Names[0] = Name{Host: "console.example.com", Got: []netip.Addr{netip.MustParseAddr("198.51.100.9")}, Want: []netip.Addr{address}}
		}, "dns", LevelBad, "198.51.100.9", "203.0.113.7"},
		{"F33 no wildcard", func(m *Machine) { m.Names[0] = Name{Host: "*.example.com", Err: broken, Want: []netip.Addr{address}} }, "dns", LevelBad, "not found", "type A for *.example.com"},
		{"domain leads nowhere", func(m *Machine) { m.Names[0] = Name{Host: "shop.example.com", App: "shop"} }, "dns", LevelWarn, "domain of shop", "this server's address"},
		{"firewall off", func(m *Machine) { m.Firewall = Firewall{Off: true} }, "firewall", LevelWarn, "switched off", "firewall: true"},
		{"A34 no rules", func(m *Machine) { m.Firewall.Err = broken }, "firewall", LevelBad, "it is away", "apt-get install iptables"},
		{"rules unknown", func(m *Machine) { m.Firewall.Checked = time.Time{} }, "firewall", LevelWarn, "not been looked at", "Wait"},
		{"proxy away", func(m *Machine) { m.Proxy = broken }, "proxy", LevelBad, "proxy", "service status"},
		{"no certificate", func(m *Machine) {
			m.Certificates[0] = Certificate{Host: "a.example", Public: true, Trouble: "rate limited."}
		}, "certificates", LevelWarn, "rate limited.", "port 80"},
		{"certificate ends", func(m *Machine) { m.Certificates[0].NotAfter = checkedAt.AddDate(0, 0, 5) }, "certificates", LevelWarn, "2026-11-26", "port 80"},
		{"certificate expired", func(m *Machine) { m.Certificates[0].NotAfter = checkedAt.AddDate(0, 0, -1) }, "certificates", LevelBad, "expired on 2026-11-20", "port 80"},
		{"F26 database damaged", func(m *Machine) { m.Database.Err = broken }, "database", LevelBad, "it is away", "service logs"},
		{"no backup", func(m *Machine) { m.Backups = Backups{Data: "/var/lib/lugsail", Key: "/etc/lugsail/master.key"} }, "backups", LevelWarn, "no copy of the database", "lugsail db copy"},
		{"F29 old backup", func(m *Machine) { m.Backups.Newest = checkedAt.AddDate(0, 0, -3) }, "backups", LevelWarn, "2026-11-18", "service logs"},
		{"keeper stuck", func(m *Machine) { m.Keeper.Last = checkedAt.Add(-10 * time.Minute) }, "keeper", LevelBad, "10m0s", "service restart"},
		{"keeper never ran", func(m *Machine) { m.Keeper = Keeper{Since: checkedAt.Add(-5 * time.Minute), Every: 30 * time.Second} }, "keeper", LevelBad, "5m0s", "service restart"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := healthy()
			c.change(&m)
			found := Examine(m)
			if Worst(found) != c.level {
				t.Errorf("the worst is %s, want %s", Worst(found), c.level)
			}
			for _, f := range found {
				if f.Level != LevelOK && f.Check == c.check {
					if f.Level != c.level || !strings.Contains(f.Text, c.text) || !strings.Contains(f.Hint, c.hint) {
						t.Errorf("got %+v", f)
					}
					return
				}
			}
			t.Errorf("%s is not found in %+v", c.check, found)
		})
	}
}

func TestExamine_AloneTellsOnlyWhatItKnows(t *testing.T) {
	m := healthy()
	m.Alone, m.Firewall, m.Database, m.Keeper, m.Certificates = true, Firewall{}, Database{}, Keeper{}, nil
	for _, f := range Examine(m) {
		if f.Level != LevelOK || f.Check == "firewall" || f.Check == "database" || f.Check == "keeper" {
			t.Errorf("got %+v", f)
		}
	}
}

func TestHoles_LinesAreRepairedEachByItself(t *testing.T) {
	fixed := []string{"1.2.8", "1.3.3", "1.4.0"}
	for version, want := range map[string]bool{
		"1.1.5": false, "1.2.7": false, "1.2.8": true, "1.3.0": false, "1.3.3+ds1": true, "1.4.0": true, "1.5.1": true, "2.0.0": true,
		"v1.2.9-rc1": true, "": true, "unknown": true, "1": true,
	} {
		if got := atLeast(version, fixed); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
	for _, h := range holes {
		for _, f := range h.fixed {
			if numbers(f) == nil {
				t.Errorf("%s names the version %q", h.id, f)
			}
		}
	}
}

// Distributions repair without changing the number.
func TestHoles_ClosedByThePackage(t *testing.T) {
	p := Program{Part: "runc", Version: "1.1.5", Mentions: func(id string) bool { return id == "CVE-2024-21626" }}
	for _, h := range p.open() {
		if h.id == "CVE-2024-21626" {
			t.Error("what the package's changelog names counts as open")
		}
	}
	p.Mentions = func(string) bool { return true }
	if f := p.known(); f.Level != LevelOK {
		t.Errorf("got %+v", f)
	}
}
