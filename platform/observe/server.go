package observe

import (
	"fmt"
	"strings"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// Examine judges a server, in the order in which a person would look.
func Examine(m Machine) []Finding {
	var all []Finding
	for _, check := range []func(Machine) []Finding{
		engine, programs, kernel, cgroups, disks, memory, clock, ports, reach, names, firewall, certificates, database, backups, keeper,
	} {
		all = append(all, check(m)...)
	}
	return all
}

func engine(m Machine) []Finding {
	e := m.Engine
	if e.Err != nil {
		restart, look := "systemctl restart docker", "journalctl -u docker"
		if !m.Systemd {
			restart, look = "lugsail service restart", "lugsail service logs"
		}
		return []Finding{bad("engine", "Docker is not answering. Apps that run go on, but nothing can be built or started.",
			"Look at what it says: "+look+"   Then start it again: "+restart)}
	}
	found := []Finding{fine("engine", "Docker "+e.Version+" answers.")}
	if !e.LiveRestore && !e.Swarm {
		found = append(found, warning("engine.live_restore", "Apps stop whenever Docker restarts, because its setting live-restore is off.",
			"Let Lugsail set it: lugsail host prepare-docker"))
	}
	if e.Driver != "overlay2" && e.Driver != "overlayfs" && e.Driver != "" {
		found = append(found, warning("engine.storage", fmt.Sprintf("Docker keeps images with %s, which is slow or not safe.", e.Driver),
			"Use a kernel and a disk on which Docker chooses overlay2: ext4, or xfs with ftype=1."))
	}
	return found
}

func programs(m Machine) []Finding {
	var found []Finding
	for _, p := range m.Programs {
		found = append(found, p.known())
	}
	return found
}

func kernel(m Machine) []Finding {
	var found []Finding
	switch k := m.Kernel; {
	case k.AppArmor && !k.AppArmorParser:
		found = append(found, bad("apparmor", "The kernel uses AppArmor, but its program is missing: no container can start.", "apt-get install apparmor"))
	case k.AppArmor && m.Engine.Err == nil && !m.Engine.AppArmor:
		found = append(found, warning("apparmor", "The kernel has AppArmor, but Docker does not use it for containers.", "Restart Docker: systemctl restart docker"))
	case k.AppArmor:
		found = append(found, fine("apparmor", "AppArmor guards containers."))
	default:
		found = append(found, fine("apparmor", "This kernel does not use AppArmor; seccomp and capabilities guard containers."))
	}
	if m.Engine.Err == nil && !m.Engine.Seccomp {
		found = append(found, bad("seccomp", "Docker runs containers without seccomp: apps may ask the kernel for anything.",
			"Use a kernel with seccomp, and a Docker Engine that was built with it: https://docs.docker.com/engine/install"))
	}
	if m.Kernel.RestartNeeded {
		found = append(found, warning("reboot", "Updates of the system wait for a restart of the server.", "Restart it at a quiet hour: reboot. Apps come back by themselves."))
	}
	return found
}

func cgroups(m Machine) []Finding {
	e := m.Engine
	if e.Err != nil {
		return nil
	}
	switch {
	case !e.MemoryLimit:
		return []Finding{bad("cgroups", "This kernel cannot limit the memory of apps: one of them can take all of it.",
			`Add cgroup_enable=memory to GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub && reboot`)}
	case !e.PidsLimit:
		return []Finding{bad("cgroups", "This kernel cannot limit the processes of apps: one of them can stop the server.", "Use the kernel of the distribution.")}
	case !e.SwapLimit:
		return []Finding{warning("cgroups", "This kernel cannot keep apps out of the swap: one with too little memory makes the others slow.",
			`Add swapaccount=1 to GRUB_CMDLINE_LINUX in /etc/default/grub, then: update-grub && reboot`)}
	}
	return []Finding{fine("cgroups", "Memory, processes and CPU of apps are limited (control groups version "+e.Cgroups+").")}
}

const (
	mib = 1 << 20
	gib = 1 << 30
)

func disks(m Machine) []Finding {
	var found []Finding
	for _, d := range m.Disks {
		found = append(found, disk(d))
	}
	return found
}

func disk(d Disk) Finding {
	room := "Make room: lugsail destroy APP for what is not needed, docker image prune, or take a larger disk."
	switch {
	case d.Err != nil:
		return warning("disk", fmt.Sprintf("The free space of %s could not be read: %v.", d.Path, d.Err), "Is the disk there? Look: df -h "+d.Path)
	case d.ReadOnly:
		return bad("disk", fmt.Sprintf("%s is read-only: nothing can be saved.", d.Path), "The disk may be failing. Look at what the kernel says: dmesg | tail -50. Make a copy of your data first.")
	case d.Free < gib || d.Free < d.Total/50:
		return bad("disk", fmt.Sprintf("%s has only %s free, for %s.", d.Path, size(d.Free), d.Holds), room)
	case d.TotalFiles > 0 && d.FreeFiles < d.TotalFiles/50:
		return bad("disk", fmt.Sprintf("%s has room for only %d more files, whatever their size.", d.Path, d.FreeFiles), "Remove what has many small files: old apps (lugsail destroy APP), docker image prune.")
	case d.Free < 3*gib || d.Free < d.Total/10:
		return warning("disk", fmt.Sprintf("%s has %s of %s free, for %s.", d.Path, size(d.Free), size(d.Total), d.Holds), room)
	case d.TotalFiles > 0 && d.FreeFiles < d.TotalFiles/10:
		return warning("disk", fmt.Sprintf("%s has room for %d more files, whatever their size.", d.Path, d.FreeFiles), "Remove what has many small files: old apps, docker image prune.")
	}
	return fine("disk", fmt.Sprintf("%s has %s of %s free, for %s.", d.Path, size(d.Free), size(d.Total), d.Holds))
}

func memory(m Machine) []Finding {
	n := m.Memory
	more := "Choose smaller plans or fewer replicas (lugsail scale), or take a larger server."
	switch {
	case n.Err != nil:
		return []Finding{warning("memory", fmt.Sprintf("The memory could not be read: %v.", n.Err), "Look: free -m")}
	case n.Available < n.Total/20 || n.Available < 64*mib:
		return []Finding{bad("memory", fmt.Sprintf("Only %s of %s memory is left.", size(n.Available), size(n.Total)), more)}
	case n.Available < n.Total/8:
		return []Finding{warning("memory", fmt.Sprintf("%s of %s memory is left.", size(n.Available), size(n.Total)), more)}
	case n.Swap == 0 && n.Total < 2*gib:
		return []Finding{warning("memory", fmt.Sprintf("%s of %s memory is left, and there is no swap: a large build may fail.", size(n.Available), size(n.Total)),
			"Make 2 GB of swap: fallocate -l 2G /swapfile && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile   To keep it, add to /etc/fstab: /swapfile none swap sw 0 0")}
	}
	return []Finding{fine("memory", fmt.Sprintf("%s of %s memory is left; swap: %s.", size(n.Available), size(n.Total), size(n.Swap)))}
}

// maxOffset is what certificates and sign-ins bear.
const maxOffset = time.Minute

func clock(m Machine) []Finding {
	c := m.Clock
	fix := "Let a time service keep it: apt-get install systemd-timesyncd && timedatectl set-ntp true"
	switch {
	case c.Asked != "" && c.Offset.Abs() > maxOffset:
		return []Finding{bad("clock", fmt.Sprintf("The clock is %s away from that of %s: certificates fail with it.", c.Offset.Abs().Round(time.Second), c.Asked), fix)}
	case !c.Synced:
		return []Finding{warning("clock", "No time service keeps the clock right; certificates fail when it has gone too far.", fix)}
	}
	return []Finding{fine("clock", "A time service keeps the clock right.")}
}

func ports(m Machine) []Finding {
	var found []Finding
	for _, p := range m.Ports {
		check := "port." + fmt.Sprint(p.Number)
		switch {
		case p.Err != nil:
			found = append(found, warning(check, fmt.Sprintf("Who listens on port %d could not be found out.", p.Number), fmt.Sprintf("Look: ss -ltnp sport = :%d", p.Number)))
		case p.Ours:
			found = append(found, fine(check, fmt.Sprintf("Lugsail listens on port %d (%s).", p.Number, p.What)))
		case p.Holder != "":
			found = append(found, bad(check, fmt.Sprintf("Port %d (%s) is held by %s.", p.Number, p.What, p.Holder), "Stop that program, or give Lugsail another port, then: lugsail service restart"))
		default:
			found = append(found, bad(check, fmt.Sprintf("Nobody listens on port %d (%s).", p.Number, p.What), "Is Lugsail running? lugsail service status"))
		}
	}
	return found
}

func reach(m Machine) []Finding {
	switch r := m.Console; {
	case r.URL == "":
		return nil
	case r.Err != nil:
		return []Finding{bad("reach", fmt.Sprintf("%s does not answer this server itself: %v.", r.URL, r.Err),
			"Open the ports in the firewall, also in the one of your provider: ufw allow 80,443/tcp. Behind address translation this can fail from inside and work from outside: try it with your browser.")}
	default:
		return []Finding{fine("reach", r.URL+" answers, as seen from this server.")}
	}
}

func names(m Machine) []Finding {
	var found []Finding
	for _, n := range m.Names {
		found = append(found, name(n))
	}
	return found
}

func name(n Name) Finding {
	what := n.Host
	if n.App != "" {
		what += " (domain of " + n.App + ")"
	}
	want := "this server's address"
	if len(n.Want) > 0 {
		want = n.Want[0].String()
	}
	record := fmt.Sprintf("At the domain's provider, point %s to %s.", n.Host, want)
	if host, wild := strings.CutPrefix(n.Host, "*."); wild {
		record = fmt.Sprintf("At the domain's provider, add a record of type A for *.%s with the value %s.", host, want)
	}
	level := bad
	if n.App != "" {
		level = warning
	}
	switch {
	case n.Here:
		return fine("dns", what+" leads to this server.")
	case n.Err != nil:
		return level("dns", what+" is not found in the DNS.", record)
	case len(n.Got) > 0:
		return level("dns", fmt.Sprintf("%s leads to %s, not to this server.", what, n.Got[0]), record)
	}
	return level("dns", what+" leads nowhere.", record)
}

func firewall(m Machine) []Finding {
	switch f := m.Firewall; {
	case m.Alone:
		return nil
	case f.Off:
		return []Finding{warning("firewall", "The network rules are switched off: apps can reach this server's own services and each other.", "Switch them on: firewall: true in the settings, then: lugsail service restart")}
	case f.Err != nil:
		return []Finding{bad("firewall", "The network rules are not in place, so that apps can reach this server's own services and each other: "+lastLine(f.Err.Error())+".",
			"Docker needs the same program: apt-get install iptables, then: lugsail service restart")}
	case f.Checked.IsZero():
		return []Finding{warning("firewall", "The network rules have not been looked at yet.", "Wait a minute, and ask again.")}
	}
	if m.Firewall.Lacks != "" {
		return []Finding{warning("firewall", "Apps are kept apart from each other and from this server's own services. "+m.Firewall.Lacks,
			"Use the kernel of the distribution, or one with CONFIG_NETFILTER_XT_MATCH_PHYSDEV, then: reboot")}
	}
	return []Finding{fine("firewall", "Apps are kept apart from each other and from this server's own services.")}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	first, _, _ := strings.Cut(s, "\n")
	return strings.TrimRight(first, ".")
}

func certificates(m Machine) []Finding {
	if m.Proxy != nil {
		return []Finding{bad("proxy", "The proxy does not answer: apps may be unreachable.", "Look at it: lugsail service status   Start it again: lugsail service restart")}
	}
	var found []Finding
	good := 0
	for _, c := range m.Certificates {
		if f := certificate(c, m.Now); f.Level == LevelOK {
			good++
		} else {
			found = append(found, f)
		}
	}
	if good > 0 {
		found = append(found, fine("certificates", fmt.Sprintf("%s in order.", count(good, "certificate is", "certificates are"))))
	}
	return found
}

// renewBy is when a renewal should have happened long ago: it is tried a month before the end.
const renewBy = 14 * 24 * time.Hour

func certificate(c Certificate, now time.Time) Finding {
	why, left := "", c.NotAfter.Sub(now)
	if c.Trouble != "" {
		why = " The last order failed: " + strings.TrimRight(c.Trouble, ".") + "."
	}
	fix := "The name must lead to this server, and port 80 be open to the internet. It is tried again by itself."
	switch {
	case !c.Public:
		return fine("certificates", c.Host+" has a certificate of this server's own authority.")
	case c.NotAfter.IsZero():
		return warning("certificates", c.Host+" has no public certificate yet; browsers warn."+why, fix)
	case left <= 0:
		return bad("certificates", fmt.Sprintf("The certificate of %s has expired on %s.%s", c.Host, c.NotAfter.Format(time.DateOnly), why), fix)
	case left < renewBy:
		return warning("certificates", fmt.Sprintf("The certificate of %s ends on %s and was not renewed.%s", c.Host, c.NotAfter.Format(time.DateOnly), why), fix)
	}
	return fine("certificates", fmt.Sprintf("%s has a certificate until %s.", c.Host, c.NotAfter.Format(time.DateOnly)))
}

func database(m Machine) []Finding {
	d := m.Database
	if m.Alone {
		return nil
	}
	if d.Err != nil {
		return []Finding{bad("database", "The database is damaged or does not answer: "+lastLine(d.Err.Error())+".", "The log says more: lugsail service logs. Do not delete anything; apps go on serving.")}
	}
	text := d.Kind + " answers and is whole."
	if !d.Copy.IsZero() {
		text += " The newest copy is of " + d.Copy.Format("2006-01-02 15:04") + "."
	}
	return []Finding{fine("database", text)}
}

// staleCopy is when a copy that is written every day has been missed.
const staleCopy = 48 * time.Hour

func backups(m Machine) []Finding {
	b := m.Backups
	day := b.Newest.Format("2006-01-02 15:04")
	switch {
	case b.Newest.IsZero():
		return []Finding{warning("backups", "There is no copy of the database.", "Write one: lugsail db copy   Why there was none: lugsail service logs")}
	case m.Now.Sub(b.Newest) > staleCopy:
		return []Finding{warning("backups", "The newest copy of the database is of "+day+", though one is written every day.",
			"Write one: lugsail db copy   Why there is no newer one: lugsail service logs")}
	}
	return []Finding{fine("backups", fmt.Sprintf("The newest copy of the database is of %s. It lies on this server: take %s and %s to another place too, apart from each other, as the second opens the first.", day, b.Data, b.Key))}
}

func keeper(m Machine) []Finding {
	k := m.Keeper
	last := k.Last
	if last.IsZero() {
		last = k.Since
	}
	if k.Every == 0 {
		return nil
	}
	if late := m.Now.Sub(last); late > 4*k.Every {
		return []Finding{bad("keeper", fmt.Sprintf("Apps have not been looked after for %s.", late.Round(time.Second)), "Start the control plane again, apps serve meanwhile: lugsail service restart")}
	}
	return []Finding{fine("keeper", "Apps are looked after.")}
}

func size(n uint64) string { return platform.Bytes(int64(n)) }

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
