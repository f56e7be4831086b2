package observe

import (
	"fmt"
	"strconv"
	"strings"
)

// hole is a weakness of a program that containers run on, by which code inside of one could get out
// or take the machine over.
type hole struct {
	part  string   // "runc", "Docker", "kernel"
	id    string   // its CVE number
	fixed []string // the first version without it in each line that was repaired; all above the last are too
	what  string
}

// holes are those that matter to a server which runs apps of several people. Distributions repair
// old versions without changing their number: what the package's changelog names counts as closed.
var holes = []hole{
	{"runc", "CVE-2024-21626", []string{"1.1.12"}, "a container can reach the server's files"},
	{"runc", "CVE-2025-31133", []string{"1.2.8", "1.3.3", "1.4.0"}, "a container can write to the server's kernel settings"},
	{"runc", "CVE-2025-52565", []string{"1.2.8", "1.3.3", "1.4.0"}, "a container can write to the server's kernel settings"},
	{"runc", "CVE-2025-52881", []string{"1.2.8", "1.3.3", "1.4.0"}, "a container can get around its security profile"},
	{"Docker", "CVE-2024-24557", []string{"24.0.9", "25.0.2"}, "one build can poison the cache of another"},
	{"Docker", "CVE-2024-29018", []string{"23.0.11", "25.0.5", "26.0.0"}, "containers without the internet can send data out by name look-ups"},
	{"Docker", "CVE-2026-41567", []string{"29.5.1"}, "a hostile image can run code when files are copied into its container"},
	{"Docker", "CVE-2026-42306", []string{"29.5.1"}, "a hostile container can overwrite the server's files when files are copied into it"},
	{"kernel", "CVE-2022-0847", []string{"5.10.102", "5.15.25", "5.16.11"}, "a program can write to files that it may only read"},
	{"kernel", "CVE-2024-1086", []string{"5.4.269", "5.10.209", "5.15.149", "6.1.76", "6.6.15", "6.7.3"}, "a program can become root on the server"},
}

// Program is a part that containers run on.
type Program struct {
	Part    string // as in the table: "runc"
	Version string // of its makers, "1.1.12"; "" when not known
	// Mentions reports whether the changelog of its package names a weakness as repaired.
	Mentions func(id string) bool
}

// open are the holes that a program has.
func (p Program) open() []hole {
	var found []hole
	for _, h := range holes {
		if h.part == p.Part && !atLeast(p.Version, h.fixed) && (p.Mentions == nil || !p.Mentions(h.id)) {
			found = append(found, h)
		}
	}
	return found
}

// atLeast reports whether a version is repaired: by its own line, or as it is newer than all of them.
func atLeast(version string, fixed []string) bool {
	v := numbers(version)
	if v == nil {
		return true // nothing is known, so nothing is claimed
	}
	for i, f := range fixed {
		n := numbers(f)
		if v[0] == n[0] && v[1] == n[1] || i == len(fixed)-1 {
			return compare(v, n) >= 0
		}
	}
	return false
}

func compare(a, b []int) int {
	for i := range a {
		if a[i] != b[i] {
			return a[i] - b[i]
		}
	}
	return 0
}

// numbers reads the three numbers that a version begins with; nil when there are not two.
func numbers(version string) []int {
	version = strings.TrimPrefix(version, "v")
	end := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end >= 0 {
		version = version[:end]
	}
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return nil
	}
	v := make([]int, 3)
	for i := range min(len(parts), 3) {
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return nil
		}
		v[i] = n
	}
	return v
}

// known turns the holes of a program into one finding.
func (p Program) known() Finding {
	check := "versions." + strings.ToLower(p.Part)
	name := p.Part
	if name == "kernel" {
		name = "The kernel"
	}
	if p.Version == "" {
		return warning(check, fmt.Sprintf("The version of %s could not be found out.", strings.Replace(name, "The", "the", 1)), "Look for updates: apt-get update && apt-get upgrade")
	}
	open := p.open()
	if len(open) == 0 {
		return fine(check, fmt.Sprintf("%s %s has no hole that Lugsail knows of.", name, p.Version))
	}
	ids := make([]string, len(open))
	for i, h := range open {
		ids[i] = h.id
	}
	hint := "Update it: apt-get update && apt-get upgrade. Where the distribution has no newer one, take Docker's own packages: https://docs.docker.com/engine/install"
	if p.Part == "kernel" {
		hint = "Update and restart the server: apt-get update && apt-get upgrade && reboot"
	}
	return warning(check, fmt.Sprintf("%s %s has known holes (%s): %s.", name, p.Version, strings.Join(ids, ", "), open[len(open)-1].what), hint)
}
